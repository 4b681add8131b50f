//! Frames that the bridge keeps until the inspector says what becomes of them.
//!
//! Holds always: at most [`MAX_KEPT`] frames are kept; one beyond is dropped, and its sender
//! repeats it. A frame keeps the kernel's header it came with, so that a merged segment can be
//! cut up again and a partial checksum be completed.

use std::collections::BTreeMap;
use std::time::Duration;

use mimamori_base::Timestamp;

use crate::checksum::Partial;
use crate::socket::{Outgoing, VNET_BYTES};

/// Frames kept at once.
const MAX_KEPT: usize = 16_384;

/// Kept longer than this, nobody will ask for it any more: its inspector died.
const LONGEST: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(crate) struct HeldFrame {
    pub at: Timestamp,
    /// The port that it came in by.
    pub from: usize,
    pub route: Vec<usize>,
    pub frame: Vec<u8>,
    pub header: [u8; VNET_BYTES],
    /// Where its checksum is partial, and what stood there.
    pub sums: Option<(Partial, [u8; 2])>,
}

impl HeldFrame {
    pub(crate) fn outgoing(&self, frame: Vec<u8>) -> Outgoing {
        Outgoing::Kept { header: self.header, frame }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Kept(BTreeMap<u64, HeldFrame>);

impl Kept {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `false`: there is no room.
    pub(crate) fn keep(&mut self, token: u64, frame: HeldFrame) -> bool {
        if self.0.len() >= MAX_KEPT {
            return false;
        }
        self.0.insert(token, frame);
        true
    }

    /// Drops what nobody asks for any more; tells how many frames.
    pub(crate) fn expire(&mut self, now: Timestamp) -> u64 {
        let before = self.0.len();
        self.0.retain(|_, held| now.since(held.at) < LONGEST);
        (before - self.0.len()) as u64
    }

    pub(crate) fn take(&mut self, token: u64) -> Option<HeldFrame> {
        self.0.remove(&token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_full_takes_no_more() {
        let frame = || HeldFrame {
            at: Timestamp::EPOCH,
            from: 0,
            route: vec![1],
            frame: vec![1],
            header: [0; VNET_BYTES],
            sums: None,
        };
        let mut kept = Kept::default();
        for token in 0..MAX_KEPT as u64 {
            assert!(kept.keep(token, frame()));
        }
        assert!(!kept.keep(u64::MAX, frame()));
        assert!(kept.take(3).is_some() && kept.take(3).is_none());
        assert!(kept.keep(u64::MAX, frame()));
        assert_eq!(kept.expire(Timestamp::from_secs(60)), MAX_KEPT as u64);
    }
}
