//! What is to be done with a frame.

use mimamori_base::Zone;

/// The verdict on one frame, with frames to send of one's own accord.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    pub action: FrameAction,
    pub inject: Vec<Injection>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum FrameAction {
    #[default]
    Forward,
    Drop,
    /// Forward these bytes instead.
    Replace(Vec<u8>),
    /// Keep it until a [`Release`] with this token says what becomes of it; `instead`: it has
    /// been rewritten already. Only while a judge of files is set.
    Hold {
        token: u64,
        instead: Option<Vec<u8>>,
    },
}

/// What becomes of a frame that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    pub token: u64,
    pub action: ReleaseAction,
    /// Frames to send in its place or after it; directions as seen from the kept frame.
    pub inject: Vec<Injection>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReleaseAction {
    /// It goes on, as it was or as it was to be instead.
    Send,
    /// These bytes go on; as many as it had.
    Replace(Vec<u8>),
    Discard,
}

/// A frame to send. `towards_sender`: out of the port the inspected frame came in by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Injection {
    pub frame: Vec<u8>,
    pub towards_sender: bool,
}

impl Verdict {
    #[must_use]
    pub fn is_drop(&self) -> bool {
        self.action == FrameAction::Drop
    }

    pub(crate) fn stop(&mut self) {
        self.action = FrameAction::Drop;
    }
}

/// Where a frame came in and where it is going.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Path {
    pub from: Zone,
    pub to: Option<Zone>,
}
