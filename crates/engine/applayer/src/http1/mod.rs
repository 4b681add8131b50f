//! HTTP/1: requests and responses as browsers and attackers speak them.
//!
//! Responsible for cutting both streams into [`HttpTx`] transactions: lines, headers, bodies
//! with transfer and content codings undone, files. Holds always: bounded by
//! [`Http1Config`]; what a message claims falsely about itself hides none of its bytes; the
//! same bytes cut into any segments give the same transactions. Deliberately not here: which
//! bytes are HTTP at all, HTTP/2.

mod body;
mod buffers;
mod chunk;
mod config;
pub(crate) mod disposition;
#[cfg(test)]
mod evasions;
pub(crate) mod events;
pub(crate) mod framing;
mod headers;
pub(crate) mod line;
pub(crate) mod log;
pub(crate) mod message;
mod multipart;
mod parser;
pub(crate) mod ranges;
mod request;
mod response;
#[cfg(test)]
mod tests;
pub(crate) mod tx;
pub(crate) mod uri;

pub use config::Http1Config;
pub use parser::Http1Parser;
pub use ranges::SharedRanges;
pub use tx::HttpTx;
