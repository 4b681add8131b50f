//! The files of one flow that are being judged.
//!
//! Responsible for following each file's bytes to the judge and its judgements back. Holds
//! always: at most [`MAX_FILES`] of a flow are followed at once; a file is forgotten when it is
//! whole and judged.

use mimamori_applayer::AppProto;
use mimamori_base::{Direction, Timestamp};
use mimamori_files::{FileState, Tapped, Written};

use super::held::{Need, Way};
use crate::judge::FileId;

/// Files of one flow that are followed at once.
pub(crate) const MAX_FILES: usize = 64;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Standing {
    Open,
    /// Judged harmless, or given up by policy: its frames need not wait.
    Cleared,
    /// What comes of it is overwritten.
    Harmful,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub end: bool,
}

#[derive(Debug)]
pub(crate) struct Tracked {
    pub key: (u64, Direction, usize),
    pub id: FileId,
    /// Bytes that have come and gone to the judge.
    pub sent: u64,
    pub cleared: u64,
    pub ended: bool,
    pub asked: Option<Asked>,
    /// It cannot be judged; the decision what to do is on its way.
    pub given_up: bool,
    pub standing: Standing,
}

impl Tracked {
    /// The frame with this need may go.
    pub(crate) fn meets(&self, need: &Need, ask_bytes: u64) -> bool {
        match self.standing {
            Standing::Cleared | Standing::Harmful => true,
            Standing::Open => {
                let later = !self.ended && self.sent > need.upto && need.upto > ask_bytes;
                !need.end && (self.cleared >= need.upto || later)
            }
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.ended && self.standing != Standing::Open
    }
}

/// What one packet brought of files.
#[derive(Debug, Default)]
pub(crate) struct Grown {
    pub needs: Vec<Need>,
    pub lines: Vec<(FileId, Written, Vec<u8>)>,
    /// A file ended, or one is not followed any more.
    pub ended: bool,
}

#[derive(Debug, Default)]
pub(crate) struct FlowFiles {
    pub generation: u32,
    pub tracked: Vec<Tracked>,
    pub ways: [Way; 2],
    /// The stream's depth does not end what parsers see.
    pub lifted: bool,
}

impl FlowFiles {
    pub(crate) fn way(&mut self, dir: Direction) -> &mut Way {
        let [to_server, to_client] = &mut self.ways;
        match dir {
            Direction::ToServer => to_server,
            Direction::ToClient => to_client,
        }
    }

    pub(crate) fn is_holding(&self) -> bool {
        self.ways.iter().any(|w| !w.held.is_empty())
    }

    pub(crate) fn find(&mut self, id: FileId) -> Option<&mut Tracked> {
        self.tracked.iter_mut().find(|t| t.id == id)
    }

    /// The first frame that waits may go.
    pub(crate) fn front_is_free(&mut self, dir: Direction, ask_bytes: u64) -> bool {
        let FlowFiles { tracked, ways, .. } = self;
        let [to_server, to_client] = ways;
        let way = if dir == Direction::ToServer { to_server } else { to_client };
        way.held.front().is_some_and(|front| {
            front
                .needs
                .iter()
                .all(|n| tracked.iter().find(|t| t.id == n.id).is_none_or(|t| t.meets(n, ask_bytes)))
        })
    }

    /// Since when the first frame of the direction waits.
    pub(crate) fn waiting_since(&mut self, dir: Direction) -> Option<Timestamp> {
        self.way(dir).held.front().map(|h| h.at)
    }
}

/// A file as the session shows it now.
pub(crate) struct Seen {
    pub key: (u64, Direction, usize),
    pub name: Vec<u8>,
    pub state: FileState,
    pub tapped: Tapped,
    pub has_gaps: bool,
}

/// Protocols whose streams are read to their end for the files in them.
pub(crate) const fn carries_files(proto: AppProto) -> bool {
    matches!(
        proto,
        AppProto::Http1
            | AppProto::Http2
            | AppProto::Smtp
            | AppProto::Pop3
            | AppProto::Imap
            | AppProto::FtpData
            | AppProto::Smb
    )
}

/// In these a file is overwritten, so that the session goes on.
pub(crate) const fn is_mail(proto: &str) -> bool {
    matches!(proto.as_bytes(), b"smtp" | b"pop3" | b"imap")
}
