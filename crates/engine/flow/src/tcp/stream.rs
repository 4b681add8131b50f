//! The bytes of one direction, in order.
//!
//! Holds always: each byte is handed out at most once and in order; a hole is told as a gap; the
//! first copy of a byte is the one handed out. Offsets count from the byte after the SYN.

use super::blocks::{Added, Blocks};
use super::seq;
use crate::config::StreamConfig;

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

/// Bytes that all streams hold together, and their cap.
#[derive(Debug, Default)]
pub(crate) struct StreamMemory {
    pub used: usize,
    pub cap: usize,
    pub refused: u64,
}

/// What became of a segment's bytes.
#[derive(Debug, Default)]
pub(crate) struct Inserted {
    pub overlap_different: bool,
    /// The payload with the bytes that were seen first.
    pub rewrite: Option<Vec<u8>>,
    pub depth_reached: bool,
    pub memcap: bool,
    pub too_many_blocks: bool,
    pub before_base: bool,
    /// Bytes before these are lost for good.
    pub gap: bool,
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

    /// The stream offset of a sequence number. `None`: before the stream's begin.
    pub(crate) fn offset(&self, number: u32) -> Option<u64> {
        let (anchor, at) = self.anchor;
        let offset = i64::try_from(at).ok()? + seq::distance(anchor, number);
        let removed = self.urgent.iter().filter(|u| seq::le(anchor, **u) && seq::lt(**u, number)).count();
        u64::try_from(offset - i64::try_from(removed).ok()?).ok()
    }

    /// Takes the byte with this sequence number out of the stream.
    pub(crate) fn mark_urgent(&mut self, number: u32) -> bool {
        if self.urgent.contains(&number) {
            return true;
        }
        if self.urgent.len() >= 32 {
            return false;
        }
        self.urgent.push(number);
        true
    }

    pub(crate) fn is_urgent(&self, number: u32) -> bool {
        !self.urgent.is_empty() && self.urgent.contains(&number)
    }

    pub(crate) fn has_urgent(&self) -> bool {
        !self.urgent.is_empty()
    }

    /// Keeps the bytes of an accepted segment.
    pub(crate) fn insert(
        &mut self,
        number: u32,
        payload: &[u8],
        config: &StreamConfig,
        memory: &mut StreamMemory,
    ) -> Inserted {
        let mut result = Inserted::default();
        let (start, before) = self.place(number);
        let mut skip = before.min(payload.len());
        let mut at = start;
        let end = start + (payload.len() - skip) as u64;
        if self.depth != 0 && end > self.depth {
            result.depth_reached = !self.depth_seen;
            self.depth_seen = true;
        }
        // What was handed out or given up cannot change any more, and is not kept.
        let low = self.keep_from();
        if at < low {
            let late = usize::try_from(low - at).unwrap_or(usize::MAX);
            skip = skip.saturating_add(late).min(payload.len());
            at = low.min(end);
        }
        let new = payload.get(skip..).unwrap_or(&[]);
        result.before_base = new.is_empty() && !payload.is_empty();
        let room = if self.depth == 0 { u64::MAX } else { self.depth.saturating_sub(at) };
        let wanted = usize::try_from(room).unwrap_or(usize::MAX).min(new.len());
        let stored = if self.app_disabled && self.raw_disabled {
            true
        } else {
            let kept = new.get(..wanted).unwrap_or(&[]);
            kept.is_empty() || self.store(at, kept, config, memory, &mut result)
        };
        if let Some(first_seen) = result.rewrite.take() {
            let mut whole = payload.to_vec();
            if let Some(target) = whole.get_mut(skip..skip + first_seen.len()) {
                target.copy_from_slice(&first_seen);
            }
            result.rewrite = Some(whole);
        }
        if stored && (at <= self.in_order || (self.app_disabled && self.raw_disabled)) {
            self.in_order = self.in_order.max(end);
        }
        result.gap = self.give_up_lost();
        self.join_in_order();
        self.move_anchor();
        self.settle(memory);
        result
    }

    /// False when the bytes were refused.
    fn store(
        &mut self,
        start: u64,
        bytes: &[u8],
        config: &StreamConfig,
        memory: &mut StreamMemory,
        result: &mut Inserted,
    ) -> bool {
        if memory.used.saturating_add(bytes.len()) > memory.cap {
            memory.refused += 1;
            result.memcap = true;
            return false;
        }
        if start > self.in_order
            && (self.blocks.count() >= config.max_out_of_order_blocks
                || start - self.in_order > config.max_out_of_order_bytes as u64)
        {
            result.too_many_blocks = true;
            return false;
        }
        let Added { different, .. } = self.blocks.add(start, bytes);
        self.max_blocks = self.max_blocks.max(self.blocks.count());
        result.overlap_different = different.is_some();
        result.rewrite = different;
        true
    }

    /// Where a sequence number stands, and how many bytes from it on precede the stream.
    fn place(&self, number: u32) -> (u64, usize) {
        match self.offset(number) {
            Some(offset) => (offset, 0),
            None => {
                let (anchor, at) = self.anchor;
                let before = seq::distance(number, anchor).unsigned_abs().saturating_sub(at);
                (0, usize::try_from(before).unwrap_or(usize::MAX))
            }
        }
    }

    /// The receiver has everything before `number`. True when some of it was never seen.
    pub(crate) fn acknowledge(&mut self, number: u32, memory: &mut StreamMemory) -> bool {
        let Some(mut offset) = self.offset(number) else {
            return false;
        };
        if let Some(fin) = self.fin {
            offset = offset.min(fin);
        }
        self.acked = self.acked.max(offset);
        if self.app_disabled && self.raw_disabled {
            self.in_order = self.in_order.max(self.acked);
        }
        let gap = self.give_up_lost();
        self.join_in_order();
        self.move_anchor();
        self.settle(memory);
        gap
    }

    /// What is acknowledged, missing, and followed by bytes that were seen, was lost. Without such
    /// bytes the capture may only have seen the acknowledgement first. True when there was a gap.
    fn give_up_lost(&mut self) -> bool {
        let mut gap = false;
        while self.in_order < self.acked {
            let (begin, run) = self.blocks.run(self.in_order, u64::MAX);
            let end = begin + run.len() as u64;
            if end == begin {
                break;
            }
            if begin > self.in_order {
                gap |= self.lose(begin.min(self.acked));
                if begin > self.acked {
                    break;
                }
            }
            self.in_order = end;
        }
        gap
    }

    /// Gives up what is missing before `offset`. Within the depth that is a gap.
    fn lose(&mut self, offset: u64) -> bool {
        let matters = self.depth == 0 || self.in_order < self.depth;
        self.in_order = offset;
        self.has_gap |= matters;
        matters
    }

    /// The sender ends its stream at `number`.
    pub(crate) fn set_fin(&mut self, number: u32) {
        if self.fin.is_none() {
            self.fin = self.offset(number);
        }
    }

    /// The session is closed. What was received but never acknowledged waits for the flow's end.
    pub(crate) fn close(&mut self) {
        self.closed = true;
    }

    /// No more will come: everything held is released, holes become gaps.
    pub(crate) fn flush(&mut self) {
        self.flushed = true;
        self.in_order = self.in_order.max(self.blocks.end().unwrap_or(0));
    }

    fn join_in_order(&mut self) {
        let (begin, run) = self.blocks.run(self.in_order, u64::MAX);
        if begin == self.in_order {
            self.in_order += run.len() as u64;
        }
    }

    /// Keeps the anchor near, so that distances stay small and old marks can go.
    fn move_anchor(&mut self) {
        const FAR: u64 = 1 << 20;
        let (anchor, at) = self.anchor;
        let ahead = self.in_order.saturating_sub(at);
        if ahead < FAR || !self.urgent.is_empty() {
            if ahead > FAR << 8 {
                self.urgent.clear();
            }
            return;
        }
        let step = u32::try_from(ahead).unwrap_or(u32::MAX);
        self.anchor = (anchor.wrapping_add(step), at + u64::from(step));
    }

    /// The oldest offset that somebody still wants.
    fn keep_from(&self) -> u64 {
        let mut from = self.in_order;
        if !self.app_disabled {
            from = from.min(self.app_progress);
        }
        if !self.raw_disabled {
            from = from.min(self.raw_progress.saturating_sub(self.raw_keep));
        }
        if self.inline {
            // Until it is acknowledged, another copy may come that says something else.
            from = from.min(self.acked);
        }
        from
    }

    /// Lets go of what nobody wants and brings the memory count up to date.
    pub(crate) fn settle(&mut self, memory: &mut StreamMemory) {
        if self.app_disabled && self.raw_disabled {
            self.blocks.clear();
        } else {
            let from = self.keep_from();
            self.blocks.release(from);
        }
        let held = self.blocks.held();
        memory.used = memory.used.saturating_sub(self.accounted).saturating_add(held);
        self.accounted = held;
    }

    /// Only this side is seen: nothing acknowledges its bytes, so they are released at once.
    pub(crate) fn set_release_at_once(&mut self, on: bool) {
        self.release_at_once = on;
    }

    /// Forgets bytes that were not released: the receiver did not take them.
    pub(crate) fn forget_unreleased(&mut self) {
        if self.released() == 0 {
            self.blocks.clear();
            self.in_order = 0;
        }
    }

    /// Whether everything before `number` was received or given up.
    pub(crate) fn is_past(&self, number: u32) -> bool {
        self.offset(number).is_none_or(|offset| offset <= self.in_order)
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
