//! TCP: sessions, streams, events.

mod blocks;
mod checks;
mod event;
mod handshake;
mod open;
mod pickup;
mod seq;
mod session;
mod stream;

#[cfg(test)]
mod tests;

pub use event::{StreamEvent, StreamEvents};
pub use session::{DropReason, Midstream, TcpOutcome, TcpSession, TcpState};
pub(crate) use session::{Environment, Segment};
pub(crate) use stream::StreamMemory;
pub use stream::{Chunk, Stream};
