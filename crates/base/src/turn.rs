//! Turns: how engines that work side by side keep the order in which one alone would work.
//!
//! Responsible for naming places in that order and for the interface by which an engine waits
//! until everything before its place is done. Holds always: places are taken in rising order by
//! each engine. Deliberately not here: threads; the program that starts them implements [`Turn`].

use std::fmt::Debug;

/// A place in the order of work: the frame, the step of the frame, and which of the flows that
/// end in this step.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
pub struct Place {
    pub frame: u64,
    pub step: u64,
    pub which: u64,
}

impl Place {
    /// The step of the frame itself; flows that end for want of packets come before it.
    pub const FRAME_STEP: u64 = 1 << 32;

    /// The frame `number` itself.
    #[must_use]
    pub const fn frame(number: u64) -> Place {
        Place { frame: number, step: Place::FRAME_STEP, which: 0 }
    }

    /// A flow that ends, for want of packets, before frame `number` is looked at.
    #[must_use]
    pub const fn ending(number: u64, list: u64, which: u64) -> Place {
        Place { frame: number, step: list, which }
    }

    /// A flow that ends because everything ends.
    #[must_use]
    pub const fn last(step: u64, which: u64) -> Place {
        Place { frame: u64::MAX, step, which }
    }
}

/// Lets an engine wait for the others.
pub trait Turn: Send + Sync + Debug {
    /// This engine's place.
    fn place(&self) -> Place;

    /// Returns when everything of all engines before this engine's place is done.
    fn wait(&self);
}
