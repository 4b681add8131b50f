//! When rules look at the raw stream, and at which stretch of it.
//!
//! Offline (IDS): bytes are collected into chunks, so that most patterns lie in one; a chunk is
//! due when it is full, when the protocol has finished something, or when the stream ends.
//! Inline: every packet's bytes are due at once, with some of what came before.

use mimamori_detect::RawWindow;
use mimamori_flow::Stream;

/// The stretch that is due, and the progress after it.
pub(crate) fn due(
    stream: &Stream,
    inline: bool,
    flush: impl FnOnce() -> bool,
    chunk_bytes: u64,
) -> Option<(RawWindow<'_>, u64)> {
    let progress = stream.raw_progress();
    let released = stream.released();
    let fresh = released.saturating_sub(progress);
    let end = stream.ended();
    if fresh == 0 {
        return None;
    }
    if !inline && !end && !stream.depth_reached() && fresh < chunk_bytes && !flush() {
        return None;
    }
    let from = if inline { progress.saturating_sub(chunk_bytes.saturating_sub(fresh)) } else { progress };
    let (mut offset, mut bytes) = stream.window(from);
    if offset + bytes.len() as u64 <= progress {
        // A gap lies between: what came before it was looked at and cannot be part of a match.
        (offset, bytes) = stream.window(progress);
    }
    if bytes.is_empty() {
        return None;
    }
    // A gap ends the stretch: what follows it is due next.
    let upto = offset + bytes.len() as u64;
    Some((RawWindow { offset, bytes, end: end && upto >= released }, upto))
}
