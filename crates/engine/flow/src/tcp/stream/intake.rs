//! What a stream takes in: segments, acknowledgements, the end; and what it lets go of.

use super::Stream;
use crate::config::StreamConfig;
use crate::tcp::blocks::Added;
use crate::tcp::seq;

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

impl Stream {
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
        // Nothing new can come that what is kept would be needed for.
        self.raw_keep = 0;
    }

    /// Inline, the session was reset: what was not acknowledged will not be sent again, and copies of it
    /// are refused (`TcpSession::on_closed`).
    pub(crate) fn give_up_unacknowledged(&mut self, memory: &mut StreamMemory) {
        if self.inline {
            self.acked = self.acked.max(self.in_order);
            self.settle(memory);
        }
    }

    pub(crate) fn acknowledged(&self) -> u64 {
        self.acked
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
        let held = self.blocks.held() + self.blocks.overhead();
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
}
