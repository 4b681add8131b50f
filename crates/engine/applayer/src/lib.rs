//! Application-layer protocols: bytes in, transactions out.
//!
//! Responsible for telling which protocol a flow speaks, parsing it, and offering what was
//! parsed as [`Field`]s of [`Transaction`]s. Holds always: no parser panics or grows without
//! bound on any input; hostile bytes are data and become events, never errors; the same bytes
//! cut into any segments give the same transactions. Deliberately not here: packets, rules,
//! clocks (time is an argument), files on disk.

#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

pub mod ber;
pub mod config;
pub mod dcerpc;
pub mod dhcp;
pub mod dns;
pub mod event;
pub mod field;
mod file_offsets;
pub mod ftp;
pub mod http1;
pub mod http2;
pub mod ike;
pub mod krb5;
pub mod ldap;
mod lines;
mod mailbox;
pub mod mime;
pub mod mqtt;
pub mod netbios;
pub mod nfs;
pub mod ntp;
pub mod parser;
mod pending;
pub mod probe;
pub mod proto;
pub mod quic;
pub mod rdp;
pub mod reader;
mod registry;
pub mod rfb;
pub mod session;
pub mod sip;
pub mod smb;
pub mod smtp;
pub mod snmp;
pub mod ssh;
mod text;
pub mod tftp;
pub mod tls;
pub mod told;
pub mod transaction;
pub mod txlist;
pub mod websocket;

pub use config::{AppLayerConfig, LogCertificates};
pub use event::AppEvent;
pub use field::{Field, FieldInfo, FieldKind, Sides};
pub use parser::{Expectation, ExpectationContext, Outcome, Parser};
pub use proto::AppProto;
pub use session::{Hints, Input, Session, Transactions, Transport};
pub use told::Told;
pub use transaction::Transaction;
pub use txlist::TxList;
