//! HTTP/2: frames, HPACK, streams as transactions.
//!
//! Responsible for reading both directions of a clear-text HTTP/2 connection, from its preface
//! or after an upgrade, into the same [`HttpTx`] transactions as HTTP/1. Holds always: frames,
//! header blocks and streams are bounded; a stream is one transaction. Deliberately not here:
//! flow control and priorities as an endpoint would keep them.
//!
//! [`HttpTx`]: crate::http1::HttpTx

pub(crate) mod doh;
mod events;
mod frame;
mod hpack;
mod huffman;
mod messages;
mod parser;
mod streams;
#[cfg(test)]
mod tests;

pub use parser::Http2Parser;
