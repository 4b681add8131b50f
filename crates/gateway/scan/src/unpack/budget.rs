//! What unpacking one file may cost.

use std::io::Read;
use std::time::{Duration, Instant};

use crate::scanner::{Limits, Why};

/// Bytes that may be unpacked whatever the ratio.
const FREE_BYTES: u64 = 1 << 20;

/// What is left to spend on a file.
#[derive(Clone, Debug)]
pub struct Budget {
    pub(crate) limits: Limits,
    packed: u64,
    bytes: u64,
    members: u32,
    until: Instant,
    why: Option<Why>,
}

impl Budget {
    #[must_use]
    pub fn new(limits: Limits, packed: u64) -> Self {
        let until = Instant::now() + Duration::from_secs(limits.file_secs);
        Budget { limits, packed, bytes: 0, members: 0, until, why: None }
    }

    /// Something was not looked into.
    pub(crate) fn note(&mut self, why: Why) {
        self.why = Some(self.why.map_or(why, |have| have.min(why)));
    }

    /// Why the file cannot be called clean, if so.
    #[must_use]
    pub fn why(&self) -> Option<Why> {
        self.why
    }

    /// Bytes that one more member may have.
    pub(crate) fn room(&self) -> u64 {
        let by_ratio = self.packed.saturating_mul(self.limits.ratio).max(FREE_BYTES);
        let left = self.limits.total_bytes.min(by_ratio).saturating_sub(self.bytes);
        left.min(self.limits.member_bytes)
    }

    /// Room for one more member. `false`: no more is to be unpacked.
    pub(crate) fn member(&mut self) -> bool {
        self.members = self.members.saturating_add(1);
        if self.members > self.limits.members || self.room() == 0 || Instant::now() > self.until {
            self.note(Why::TooLarge);
            return false;
        }
        true
    }

    /// Reads a member. What came before an error, or before the limits, is given all the same.
    pub(crate) fn read(&mut self, source: &mut dyn Read) -> Vec<u8> {
        let room = self.room();
        let mut out = Vec::new();
        #[expect(clippy::disallowed_methods, reason = "limited by take")]
        // One byte more tells "as large as allowed" from "larger".
        let result = source.take(room.saturating_add(1)).read_to_end(&mut out);
        if out.len() as u64 > room {
            self.note(Why::TooLarge);
            out.truncate(usize::try_from(room).unwrap_or(usize::MAX));
        } else if result.is_err() {
            self.note(Why::Unreadable);
        }
        self.bytes = self.bytes.saturating_add(out.len() as u64);
        out
    }

    /// Counts bytes that were unpacked without [`Budget::read`].
    pub(crate) fn spend(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes as u64);
    }
}
