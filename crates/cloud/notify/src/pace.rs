//! How much goes out in a minute: a bucket of tokens by the given time.
//!
//! Holds always: a minute gets its share and at most one burst of ten seconds more;
//! a clock that jumps back stops nothing. Deliberately not here: who waits, and for what.

use std::sync::{Mutex, PoisonError};

use mimamori_base::Timestamp;

/// What may go out at once after a pause, as seconds of the rate.
const BURST_SECS: u64 = 10;
const MICROS_A_MINUTE: u64 = 60_000_000;

/// A bucket that is shared by all workers of a node.
#[derive(Debug)]
pub(crate) struct Pace {
    /// `None`: no limit.
    per_minute: Option<u32>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    tokens: u64,
    /// Time that has not yet become a token counts from here.
    since: Option<Timestamp>,
}

impl Pace {
    pub(crate) const fn new(per_minute: Option<u32>) -> Self {
        Pace { per_minute, state: Mutex::new(State { tokens: 0, since: None }) }
    }

    /// Takes a token if there is one.
    pub(crate) fn take(&self, now: Timestamp) -> bool {
        let Some(rate) = self.per_minute.map(|r| u64::from(r.max(1))) else { return true };
        let full = (rate * BURST_SECS / 60).max(1);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match state.since {
            None => *state = State { tokens: full, since: Some(now) },
            // The clock jumped back.
            Some(since) if now < since => state.since = Some(now),
            Some(since) => {
                let each = MICROS_A_MINUTE / rate;
                let passed = u64::try_from(now.since(since).as_micros()).unwrap_or(u64::MAX);
                let new = passed / each.max(1);
                state.tokens = (state.tokens.saturating_add(new)).min(full);
                state.since = if state.tokens == full {
                    Some(now)
                } else {
                    Some(since + std::time::Duration::from_micros(new * each))
                };
            }
        }
        let there = state.tokens > 0;
        state.tokens = state.tokens.saturating_sub(1);
        there
    }

    /// A token that was not needed.
    pub(crate) fn give_back(&self) {
        if self.per_minute.is_some() {
            self.state.lock().unwrap_or_else(PoisonError::into_inner).tokens += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_minute_gets_its_share_and_a_burst() {
        let pace = Pace::new(Some(60));
        let start = Timestamp::from_secs(1_000);
        let mut went = 0;
        // Tried ten times a second for two minutes.
        for tenth in 0..1_200u64 {
            went += u32::from(pace.take(start + Duration::from_millis(tenth * 100)));
        }
        assert_eq!(went, 10 + 119, "a burst of ten seconds, then one a second");
        assert!(Pace::new(None).take(start));
    }

    #[test]
    fn a_clock_that_jumps_stops_nothing() {
        let pace = Pace::new(Some(60));
        let start = Timestamp::from_secs(100_000);
        while pace.take(start) {}
        assert!(!pace.take(Timestamp::from_secs(50)), "back: nothing for free");
        assert!(pace.take(Timestamp::from_secs(52)), "and it goes on from there");
        let mut went = 0;
        while pace.take(Timestamp::from_secs(9_000_000)) {
            went += 1;
        }
        assert_eq!(went, 10, "forth: one burst");
    }
}
