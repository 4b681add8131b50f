//! Frames that wait for a judgement, one direction of a flow.
//!
//! Holds always: frames leave in the order they came; a repeated frame is not kept twice; at
//! most [`MAX_FRAMES`] wait, what comes beyond is dropped and sent again by its sender; what was
//! overwritten is overwritten the same way when it is repeated.

use std::collections::VecDeque;

use mimamori_base::Timestamp;
use mimamori_files::Written;
use mimamori_packet::LinkType;

use crate::judge::FileId;

/// Frames of one direction of a flow that wait.
pub(crate) const MAX_FRAMES: usize = 256;
/// Bytes of overwritten payload remembered for a direction.
const MAX_PATCH_BYTES: usize = 256 << 10;

/// Up to where a file must be cleared before a frame may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Need {
    pub id: FileId,
    pub upto: u64,
    pub end: bool,
}

/// A frame that waits.
#[derive(Debug)]
pub(crate) struct Held {
    /// Names the frame to whoever keeps it.
    pub token: u64,
    pub at: Timestamp,
    pub seq: u32,
    pub link: LinkType,
    pub frame: Vec<u8>,
    /// Where the payload stands in the frame.
    pub payload: std::ops::Range<usize>,
    pub fin: bool,
    pub needs: Vec<Need>,
    pub lines: Vec<(FileId, Written, Vec<u8>)>,
    /// The payload has been overwritten.
    pub overwritten: bool,
}

impl Held {
    pub(crate) fn payload(&self) -> &[u8] {
        self.frame.get(self.payload.clone()).unwrap_or_default()
    }

    /// First sequence number after it, a FIN not counted.
    fn end(&self) -> u32 {
        self.seq.wrapping_add(u32::try_from(self.payload.len()).unwrap_or(0))
    }
}

#[derive(Debug, Default)]
pub(crate) struct Way {
    pub held: VecDeque<Held>,
    patches: VecDeque<(u32, Vec<u8>)>,
    patch_bytes: usize,
}

/// `a` is before `b` in sequence space.
pub(crate) fn before(a: u32, b: u32) -> bool {
    a.wrapping_sub(b) > u32::MAX / 2
}

impl Way {
    /// All of this is waiting already.
    pub(crate) fn is_repeat(&self, seq: u32, len: usize, fin: bool) -> bool {
        let end = seq.wrapping_add(u32::try_from(len).unwrap_or(0));
        if fin && !self.held.iter().any(|h| h.fin) {
            return false;
        }
        let mut at = seq;
        loop {
            let Some(next) =
                self.held.iter().filter(|h| !before(at, h.seq) && before(at, h.end())).map(Held::end).max()
            else {
                return at == end && (len > 0 || fin) || !before(at, end) && len > 0;
            };
            at = next;
            if !before(at, end) {
                return true;
            }
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.held.len() >= MAX_FRAMES
    }

    /// Remembers what went out instead of what came.
    pub(crate) fn remember(&mut self, seq: u32, payload: &[u8]) {
        self.patch_bytes += payload.len();
        self.patches.push_back((seq, payload.to_vec()));
        while self.patch_bytes > MAX_PATCH_BYTES {
            let Some((_, old)) = self.patches.pop_front() else { break };
            self.patch_bytes -= old.len();
        }
    }

    /// The payload with what was overwritten before; `None` where nothing was.
    pub(crate) fn patched(&self, seq: u32, payload: &[u8]) -> Option<Vec<u8>> {
        if self.patches.is_empty() || payload.is_empty() {
            return None;
        }
        let mut out: Option<Vec<u8>> = None;
        for (start, patch) in &self.patches {
            // Where the patch begins in the payload, and where the payload begins in the patch.
            let (to, from) = if before(*start, seq) {
                (0, usize::try_from(seq.wrapping_sub(*start)).unwrap_or(usize::MAX))
            } else {
                (usize::try_from(start.wrapping_sub(seq)).unwrap_or(usize::MAX), 0)
            };
            let (Some(patch), true) = (patch.get(from..), to < payload.len()) else { continue };
            let bytes = out.get_or_insert_with(|| payload.to_vec());
            for (byte, new) in bytes.iter_mut().skip(to).zip(patch) {
                *byte = *new;
            }
        }
        out.filter(|o| o != payload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(seq: u32, len: usize) -> Held {
        Held {
            token: 0,
            at: Timestamp::EPOCH,
            seq,
            link: LinkType::ETHERNET,
            frame: vec![0; len],
            payload: 0..len,
            fin: false,
            needs: Vec::new(),
            lines: Vec::new(),
            overwritten: false,
        }
    }

    #[test]
    fn repeats_are_known_across_frames_and_wrapping() {
        let mut way = Way::default();
        let start = u32::MAX - 5;
        way.held.push_back(held(start, 10));
        way.held.push_back(held(start.wrapping_add(10), 10));
        assert!(way.is_repeat(start, 20, false));
        assert!(way.is_repeat(start.wrapping_add(4), 8, false));
        assert!(!way.is_repeat(start, 21, false));
        assert!(!way.is_repeat(start.wrapping_add(20), 1, false));
        assert!(!way.is_repeat(start, 20, true));
    }

    #[test]
    fn what_was_overwritten_stays_overwritten_however_it_is_repeated() {
        let mut way = Way::default();
        way.remember(100, b"XXXX");
        assert_eq!(way.patched(98, b"abcdefgh").as_deref(), Some(&b"abXXXXgh"[..]));
        assert_eq!(way.patched(102, b"cd").as_deref(), Some(&b"XX"[..]));
        assert_eq!(way.patched(104, b"cd"), None);
        assert_eq!(way.patched(90, b"cd"), None);
    }
}
