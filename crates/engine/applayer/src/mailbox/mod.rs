//! Mailboxes: POP3 and IMAP, and the mails that are fetched through them.

mod imap;
mod pop3;
mod transaction;

pub use crate::mailbox::imap::ImapParser;
pub use crate::mailbox::pop3::Pop3Parser;
