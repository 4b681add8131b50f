//! What the operator is told of the file scanner: that it died, came back, is too slow, and that
//! clamd does not answer. Holds always: a state is told once, slowness once in [`SLOW_EVERY`].

use std::time::Duration;

use mimamori_base::Timestamp;
use mimamori_report::GatewayEventKind;
use mimamori_scan::State;

const SLOW_EVERY: Duration = Duration::from_secs(600);

/// What was last told of the scanner.
#[derive(Debug)]
pub struct ScannerTold {
    state: State,
    clamd_fails: bool,
    /// Files that waited too long, and when that was last told.
    slow: u64,
    slow_told: Option<Timestamp>,
}

impl Default for ScannerTold {
    fn default() -> Self {
        ScannerTold { state: State::Starting, clamd_fails: false, slow: 0, slow_told: None }
    }
}

impl ScannerTold {
    /// What there is to tell now.
    pub fn changes(&mut self, state: State, clamd_fails: bool) -> Vec<(GatewayEventKind, &'static str)> {
        use State::{Dead, Running};
        let mut out = Vec::new();
        let before = std::mem::replace(&mut self.state, state);
        match (before, state) {
            (Dead, Running) => {
                out.push((GatewayEventKind::ScannerResumed, "ファイル検査が復旧しました"));
            }
            (before, Dead) if before != Dead => {
                out.push((GatewayEventKind::ScannerDied, "ファイル検査のプロセスが止まりました"));
            }
            _ => {}
        }
        let failed = std::mem::replace(&mut self.clamd_fails, clamd_fails);
        match (failed, clamd_fails) {
            (false, true) => out.push((GatewayEventKind::ClamdFailed, "clamd が答えません")),
            (true, false) => out.push((GatewayEventKind::ClamdResumed, "clamd が復旧しました")),
            _ => {}
        }
        out
    }

    /// `slow`: files that waited too long since the start. `true`: it is to be told.
    pub fn is_slower(&mut self, slow: u64, now: Timestamp) -> bool {
        let more = slow > self.slow;
        self.slow = slow;
        let lately = self.slow_told.is_some_and(|at| now.since(at) < SLOW_EVERY && now >= at);
        if more && !lately {
            self.slow_told = Some(now);
        }
        more && !lately
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_change_is_told_once() {
        let mut told = ScannerTold::default();
        let mut kinds = |state, clamd| -> Vec<GatewayEventKind> {
            told.changes(state, clamd).into_iter().map(|(kind, _)| kind).collect()
        };
        assert_eq!(kinds(State::Running, false), [], "a start is no event");
        assert_eq!(kinds(State::Dead, false), [GatewayEventKind::ScannerDied]);
        assert_eq!(kinds(State::Dead, true), [GatewayEventKind::ClamdFailed]);
        let both = [GatewayEventKind::ScannerResumed, GatewayEventKind::ClamdResumed];
        assert_eq!(kinds(State::Running, false), both);
        assert_eq!(kinds(State::Running, false), []);
    }

    #[test]
    fn slowness_is_told_once_in_a_while() {
        let at = Timestamp::from_secs;
        let mut told = ScannerTold::default();
        assert!(!told.is_slower(0, at(0)));
        assert!(told.is_slower(2, at(1)));
        assert!(!told.is_slower(3, at(2)), "told a second ago");
        assert!(!told.is_slower(3, at(700)), "none came");
        assert!(told.is_slower(4, at(701)));
    }
}
