//! The bytes of one direction, in order: what the application layer and the rules are given.
//!
//! Holds always: each byte is handed out at most once and in order; a hole is told as a gap; the
//! first copy of a byte is the one handed out. Offsets count from the byte after the SYN.

mod intake;

use super::blocks::Blocks;
use crate::config::StreamConfig;
pub(crate) use intake::{Inserted, StreamMemory};

/// A piece of a stream for the application layer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Chunk<'a> {
    /// The next bytes; `offset` is the stream offset of the first.
    Data { offset: u64, bytes: &'a [u8] },
    /// So many bytes were acknowledged but never seen.
    Gap { offset: u64, len: u64 },
    /// The depth is reached: no more bytes will come.
    DepthReached,
    /// The side has ended its stream (FIN, RST, or the flow ended).
    End,
}

/// One direction of a session.
#[derive(Debug, Default)]
pub struct Stream {
    // Sequence numbers, as the sender of this direction uses them.
    pub(crate) isn: u32,
    /// After the highest sequence number sent.
    pub(crate) next_seq: u32,
    /// Highest acknowledgement by the receiver.
    pub(crate) last_ack: u32,
    /// Window the receiver has offered, scaled.
    pub(crate) window: u32,
    /// Shift of the windows that the *sender* of this direction offers.
    pub(crate) wscale: u8,
    /// Highest right edge the receiver has offered.
    pub(crate) next_win: u32,
    pub(crate) last_ts: Option<u32>,
    pub(crate) last_ts_at: mimamori_base::Timestamp,
    pub(crate) sack_permitted: bool,
    pub(crate) has_fin: bool,
    pub(crate) has_rst: bool,
    /// The side has sent at least one accepted packet.
    pub(crate) started: bool,

    // Bytes.
    blocks: Blocks,
    /// A sequence number and its stream offset, near the current position.
    anchor: (u32, u64),
    /// Bytes before this were received or are known to be lost.
    in_order: u64,
    acked: u64,
    app_progress: u64,
    raw_progress: u64,
    raw_keep: u64,
    fin: Option<u64>,
    depth: u64,
    /// Out-of-band bytes taken out of the stream, by sequence number.
    urgent: smallvec::SmallVec<[u32; 2]>,
    inline: bool,
    release_at_once: bool,
    flushed: bool,
    closed: bool,
    app_disabled: bool,
    raw_disabled: bool,
    depth_seen: bool,
    depth_told: bool,
    end_told: bool,
    has_gap: bool,
    max_blocks: usize,
    accounted: usize,
}

impl Stream {
    /// Begins at an initial sequence number.
    pub(crate) fn start(&mut self, isn: u32, config: &StreamConfig) {
        self.isn = isn;
        self.next_seq = isn.wrapping_add(1);
        self.last_ack = isn.wrapping_add(1);
        self.next_win = isn.wrapping_add(1);
        self.anchor = (isn.wrapping_add(1), 0);
        self.depth = config.depth_bytes;
        self.raw_keep = if config.inline { config.raw_keep_bytes as u64 } else { 0 };
        self.inline = config.inline;
    }

    /// The next chunk for the application layer, once.
    pub fn next_chunk(&mut self) -> Option<Chunk<'_>> {
        let end = self.visible_end();
        if self.app_disabled {
            self.app_progress = self.app_progress.max(end);
            return self.next_mark();
        }
        let offset = self.app_progress;
        if offset < end {
            let (begin, run) = self.blocks.run(offset, end);
            if run.is_empty() {
                self.app_progress = end;
                return Some(Chunk::Gap { offset, len: end - offset });
            }
            if begin > offset {
                self.app_progress = begin;
                return Some(Chunk::Gap { offset, len: begin - offset });
            }
            self.app_progress = offset + run.len() as u64;
            return Some(Chunk::Data { offset, bytes: run });
        }
        self.next_mark()
    }

    /// Depth and end, each told once.
    fn next_mark(&mut self) -> Option<Chunk<'static>> {
        if self.depth_reached() && !self.depth_told && self.app_progress >= self.depth {
            self.depth_told = true;
            return Some(Chunk::DepthReached);
        }
        if self.ended() && !self.end_told {
            self.end_told = true;
            return Some(Chunk::End);
        }
        None
    }

    /// Whether `next_chunk` would give something.
    #[must_use]
    pub fn has_pending(&self) -> bool {
        (!self.app_disabled && self.app_progress < self.visible_end())
            || (self.depth_reached() && !self.depth_told && self.app_progress >= self.depth)
            || (self.ended() && !self.end_told)
    }

    /// Bytes in order and released, from stream offset `from` (or where the kept bytes begin, if
    /// later) up to the next gap: the offset of the first byte, and the bytes.
    #[must_use]
    pub fn window(&self, from: u64) -> (u64, &[u8]) {
        self.blocks.run(from, self.visible_end())
    }

    /// Offset just after the last released byte.
    #[must_use]
    pub fn released(&self) -> u64 {
        if self.inline || self.flushed || self.release_at_once {
            self.in_order
        } else {
            self.in_order.min(self.acked)
        }
    }

    /// Offset after the last byte received in order, released or not.
    #[must_use]
    pub fn in_order(&self) -> u64 {
        self.in_order
    }

    /// Released, and within the depth.
    fn visible_end(&self) -> u64 {
        let released = self.released();
        if self.depth == 0 { released } else { released.min(self.depth) }
    }

    /// How far the application layer has got.
    #[must_use]
    pub fn app_progress(&self) -> u64 {
        self.app_progress
    }

    /// Offset up to which rules have looked at the raw stream.
    #[must_use]
    pub fn raw_progress(&self) -> u64 {
        self.raw_progress
    }

    /// Rules have looked at everything before `offset`; the bytes need not be kept for them.
    pub fn set_raw_progress(&mut self, offset: u64) {
        self.raw_progress = self.raw_progress.max(offset);
    }

    /// Rules will not look at the raw stream any more.
    pub fn disable_raw(&mut self) {
        self.raw_disabled = true;
    }

    #[must_use]
    pub fn raw_disabled(&self) -> bool {
        self.raw_disabled
    }

    /// The application layer wants no more bytes (parser failed, flow encrypted …).
    pub fn disable_app(&mut self) {
        self.app_disabled = true;
    }

    #[must_use]
    pub fn app_disabled(&self) -> bool {
        self.app_disabled
    }

    /// Neither wants more bytes: nothing is kept from now on.
    pub fn disable(&mut self) {
        self.disable_raw();
        self.disable_app();
        self.blocks.clear();
    }

    /// Changes how many bytes are handed out; zero means no limit.
    pub fn set_depth(&mut self, bytes: u64) {
        self.depth = bytes;
    }

    /// Bytes beyond the depth were seen.
    #[must_use]
    pub fn depth_reached(&self) -> bool {
        self.depth_seen && self.depth != 0
    }

    /// Everything within the depth has come in order and was released: what follows is not kept.
    #[must_use]
    pub fn past_depth(&self) -> bool {
        self.depth_reached() && self.released() >= self.depth
    }

    /// The session is closed and all that was received is released; or the flow has ended.
    #[must_use]
    pub fn ended(&self) -> bool {
        self.flushed || (self.closed && self.released() >= self.blocks.end().unwrap_or(0))
    }

    /// Bytes sent so far by sequence numbers, acknowledged or not (the `stream_size` keyword).
    #[must_use]
    pub fn size(&self) -> u64 {
        u64::from(self.next_seq.wrapping_sub(self.isn))
    }

    /// Whether bytes are missing for good.
    #[must_use]
    pub fn has_gap(&self) -> bool {
        self.has_gap
    }

    /// Rules look at the stream from this sequence number on once more, where it is kept.
    pub fn look_again(&mut self, number: u32) {
        if let Some(offset) = self.offset(number) {
            self.raw_progress = self.raw_progress.min(offset);
        }
    }

    /// Largest number of separate blocks held at once (`ts_max_regions` of the flow log).
    #[must_use]
    pub fn max_blocks(&self) -> usize {
        self.max_blocks
    }

    /// Bytes held in memory.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.blocks.held()
    }

    /// Takes over the memory count of the stream that this one replaces.
    pub(crate) fn restore_accounted(&mut self, bytes: usize) {
        self.accounted = bytes;
    }

    /// Bytes counted in the memory of all streams for this one.
    pub(crate) fn accounted(&self) -> usize {
        self.accounted
    }
}
