//! What the engine keeps with each flow.

use mimamori_applayer::Session;
use mimamori_base::Zone;
use mimamori_detect::FlowDetect;

use crate::config::ExceptionPolicy;

/// Per-flow data of the engine.
#[derive(Debug, Default)]
pub struct FlowData {
    pub(crate) session: Option<Box<Session>>,
    /// Its files at the judge; none while nobody judges.
    pub(crate) files: Option<Box<crate::judging::files::FlowFiles>>,
    pub(crate) detect: FlowDetect,
    pub(crate) logged: Vec<LoggedTx>,
    /// Events of the session that detection has seen.
    pub(crate) session_events: usize,
    pub(crate) tx_count: u64,
    /// The verdict on the whole flow, for its record.
    pub(crate) action: FlowAction,
    pub(crate) exception: Option<(&'static str, ExceptionPolicy)>,
    pub(crate) src_mac: Option<[u8; 6]>,
    pub(crate) dst_mac: Option<[u8; 6]>,
    pub(crate) zones: Option<(Zone, Option<Zone>)>,
    /// A record of a dropped packet was written, a direction.
    pub(crate) drop_told: [bool; 2],
    /// Hashes of names and addresses that were reported.
    pub(crate) reported: Vec<u64>,
    /// Lists and session as they were at the last look-up.
    pub(crate) looked_up: Option<(u64, Option<u64>)>,
    pub(crate) link: Option<mimamori_packet::LinkType>,
    pub(crate) generation: u32,
    /// The parser had given up when the last inspection ended.
    pub(crate) failed: bool,
    /// The session's revision at the last inspection of each direction, and when its records and
    /// its retiring were last seen to.
    pub(crate) inspected: [Option<u64>; 2],
    pub(crate) settled: Option<u64>,
    /// Payload past the streams' depth, which nothing has looked at.
    pub(crate) uninspected_bytes: u64,
    /// The rule set that last inspected the flow.
    pub(crate) rules: u32,
    /// An alert of the flow waits for its thresholds.
    pub(crate) may_alert: bool,
    /// The last inspection had no new transactions to look at.
    pub(crate) idle: bool,
    /// What the flow tells for records of use.
    pub(crate) usage: Option<Box<crate::usage::UseState>>,
    /// Where the raw stream of each direction ends for rules: from there on it is encrypted.
    pub(crate) raw_ends: Option<[u64; 2]>,
    /// A rule dropped the flow: whoever goes on sending is answered with a reset.
    pub(crate) answer_resets: bool,
}

/// What was decided about a flow.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum FlowAction {
    #[default]
    None,
    Pass,
    Drop,
}

/// Which records of a transaction were written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LoggedTx {
    pub id: u64,
    pub record: bool,
    /// Files written, by direction.
    pub files: [u16; 2],
}

impl FlowData {
    pub(crate) fn logged_mut(&mut self, id: u64) -> Option<&mut LoggedTx> {
        let at = match self.logged.binary_search_by_key(&id, |l| l.id) {
            Ok(at) => at,
            Err(at) => {
                self.logged.insert(at, LoggedTx { id, record: false, files: [0; 2] });
                at
            }
        };
        self.logged.get_mut(at)
    }

    pub(crate) fn forget_tx(&mut self, id: u64) {
        if let Ok(at) = self.logged.binary_search_by_key(&id, |l| l.id) {
            self.logged.remove(at);
        }
        self.detect.forget_tx(id);
    }
}
