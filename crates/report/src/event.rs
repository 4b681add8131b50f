//! What happened to the gateway itself, as opposed to the traffic.

use mimamori_base::Timestamp;

use crate::schema::{choice, message};
use crate::text::Text;

choice! {
    pub enum GatewayEventKind {
        Started = "started",
        Stopped = "stopped",
        /// A new rule or definition set is in force.
        DefinitionsLoaded = "definitions_loaded",
        /// A set was bad, old or tampered with; the last good one stays (GW-07).
        DefinitionsRefused = "definitions_refused",
        /// Inspection died; what happens to the traffic follows the fail policy (GW-13).
        InspectionDied = "inspection_died",
        InspectionResumed = "inspection_resumed",
        /// The process that judges files died; files pass or stop by the policy.
        ScannerDied = "scanner_died",
        ScannerResumed = "scanner_resumed",
        /// Files wait longer for the scanner than is allowed; they pass or stop by the policy.
        ScannerSlow = "scanner_slow",
        /// clamd, which judges files beside our scanner, does not answer.
        ClamdFailed = "clamd_failed",
        ClamdResumed = "clamd_resumed",
        /// The spool was full; `count` records of low value were given up.
        SpoolOverflow = "spool_overflow",
        /// Part of the spool could not be read after a crash; `count` records at most were lost.
        SpoolDamaged = "spool_damaged",
        /// Other exceptions hold from now on (「これは業務です」).
        ExceptionsChanged = "exceptions_changed",
        /// Something listed passed because of an exception; `detail` names both.
        ExceptionUsed = "exception_used",
        LinkDown = "link_down",
        LinkUp = "link_up",
        /// It goes off by plan, e.g. for new firmware: its silence is no fault for a while.
        PlannedRestart = "planned_restart",
        /// A command of the operator was carried out; `command` says which (GW-09).
        CommandDone = "command_done",
        CommandRefused = "command_refused",
        /// All that was collected and set has been erased (GW-16).
        Wiped = "wiped",
        #[serde(other)]
        Other = "other",
    }
}

message! {
    pub struct GatewayEvent {
        pub at: Timestamp,
        pub kind: GatewayEventKind,
        /// One sentence for the operator.
        pub detail: Text<500>,
        pub count: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub command: Option<Text<32>>,
    }
}
