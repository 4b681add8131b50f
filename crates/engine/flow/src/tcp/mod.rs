//! TCP: sessions, streams, events.

mod event;
mod session;
mod stream;

pub use event::{StreamEvent, StreamEvents};
pub use session::{DropReason, Midstream, TcpOutcome, TcpSession, TcpState};
pub use stream::{Chunk, Stream};
