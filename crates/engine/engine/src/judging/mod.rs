//! Files in transit: their bytes to the judge, their frames held until it has spoken, and what
//! follows from its word.
//!
//! Responsible for the promise that no receiver gets the whole of a harmful file: the frame that
//! completes a file waits for the judgement, small files wait with every frame. Holds always:
//! without a judge nothing here runs; what waits is bounded ([`MAX_HELD_BYTES`], frames of a
//! flow) and for [`crate::JudgePolicy::wait`] at most; lengths and sequence numbers stay as they
//! were. Deliberately not here: judging, and where the waiting frames are kept.

mod act;
mod collect;
pub(crate) mod files;
mod held;
mod hold;
mod overwrite;
mod page;
mod settle;

use std::collections::{BTreeMap, VecDeque};

use mimamori_base::Direction;
use mimamori_flow::FlowHandle;

use crate::event::Event;
use crate::judge::{FileId, FileJudge, JudgePolicy, JudgeStats, Judgement};
use crate::verdict::Release;

/// Bytes of all frames that wait.
pub(crate) const MAX_HELD_BYTES: usize = 64 << 20;
/// Files of all flows that are followed at once.
pub(crate) const MAX_JUDGED: usize = 8_192;

/// A file at the judge.
#[derive(Debug)]
pub(crate) struct Pending {
    pub handle: FlowHandle,
    pub direction: Direction,
    pub name: Vec<u8>,
    pub size: u64,
    /// The event's frame: who sends what to whom.
    pub event: Box<Event>,
    /// The flow runs through a gateway that may stop it.
    pub inline: bool,
}

/// Everything about files in transit.
#[derive(Debug)]
pub(crate) struct Judging {
    pub judge: Box<dyn FileJudge>,
    pub policy: JudgePolicy,
    pub stats: JudgeStats,
    pending: BTreeMap<FileId, Pending>,
    next_id: u64,
    /// Flows with frames that wait.
    holding: Vec<FlowHandle>,
    releases: Vec<Release>,
    /// What the engine itself has to say of files: that they cannot be judged.
    own: VecDeque<Judgement>,
}

impl Judging {
    pub(crate) fn new(judge: Box<dyn FileJudge>, policy: JudgePolicy) -> Self {
        Judging {
            judge,
            policy,
            stats: JudgeStats::default(),
            pending: BTreeMap::new(),
            next_id: 1,
            holding: Vec::new(),
            releases: Vec::new(),
            own: VecDeque::new(),
        }
    }

    pub(crate) fn take_releases(&mut self) -> Vec<Release> {
        std::mem::take(&mut self.releases)
    }
}
