//! The gateway's own side in tests.

use std::sync::Mutex;

use mimamori_base::{Clock, SystemClock};
use mimamori_report::{Command, CommandKind, List, Text, Versions};
use mimamori_uplink::CommandOutcome;
use mimamori_uplink::agent::Host;

/// A gateway that notes what it was told to do.
#[derive(Debug, Default)]
pub struct TestHost {
    pub obeyed: Mutex<Vec<String>>,
}

impl Host for TestHost {
    fn heartbeat(&self) -> mimamori_report::Heartbeat {
        let now = SystemClock.now();
        mimamori_report::Heartbeat {
            at: now,
            started: now,
            versions: Versions {
                software: Text::new("0.1"),
                definitions: Text::new("test"),
                rules_loaded: 1,
                rules_refused: 0,
            },
            load_milli: 100,
            memory_used_bytes: 1,
            memory_total_bytes: 2,
            packets: Default::default(),
            blind_spots: Default::default(),
            links: List::default(),
            devices: List::default(),
            devices_omitted: 0,
            spool_records: 0,
            spool_bytes: 0,
            spool_dropped: 0,
            passing_uninspected: false,
        }
    }

    fn command(&self, command: &Command) -> CommandOutcome {
        self.obeyed.lock().unwrap().push(command.id.to_string());
        match command.kind {
            CommandKind::Restart => CommandOutcome::Done,
            _ => CommandOutcome::Refused("対応していない指示です".into()),
        }
    }
}
