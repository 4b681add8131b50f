//! Whether a gateway has stopped (NT-04): judged only over time in which the cloud itself was
//! provably receiving, so that an outage of the cloud makes no wave of false mails. Many that fall
//! silent at once are an outage of a provider between them and us: each is told of only if it
//! lasts.

use std::time::Duration;

use mimamori_base::Timestamp;

/// Silence, while the cloud was receiving, after which a gateway counts as stopped.
pub const SILENT_FOR: Duration = Duration::from_secs(600);

/// Gateways that fell silent together are told of only after this: their boxes are well, and
/// their customers cannot read mail in an outage of their provider anyway.
pub const SILENT_FOR_IN_A_WAVE: Duration = Duration::from_secs(3_600);
/// Silence after which a gateway counts towards a wave.
const WAVE_COUNTS_AFTER: Duration = Duration::from_secs(300);
/// Fewer customers are never a wave.
const WAVE_MIN: usize = 3;
/// From here on a wave is one in [`WAVE_SHARE`] of all customers; of fewer, more than half.
const WAVE_LARGE: usize = 10;
const WAVE_SHARE: usize = 20;

/// A time in which at least one cloud node was receiving.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReceivingPeriod {
    pub from: Timestamp,
    pub to: Timestamp,
}

/// The judgement on one gateway.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Liveness {
    Alive,
    /// Silent since the last sign of life.
    Stopped {
        since: Timestamp,
    },
}

/// Judges a gateway that was last heard of at `last_seen`. Overlapping periods count once.
#[must_use]
pub fn judge(
    last_seen: Timestamp,
    receiving: &[ReceivingPeriod],
    now: Timestamp,
    silent_for: Duration,
) -> Liveness {
    if silence_while_receiving(last_seen, receiving, now) >= silent_for {
        Liveness::Stopped { since: last_seen }
    } else {
        Liveness::Alive
    }
}

/// How long gateways may be silent now: longer while those of many customers fell silent together
/// (a power cut at one customer is no wave). `silences`: of the most silent gateway of each customer
/// that does not count as stopped yet, by [`silence_while_receiving`].
#[must_use]
pub fn patience(silences: &[Duration]) -> Duration {
    let all = silences.len();
    let silent = silences.iter().filter(|s| **s >= WAVE_COUNTS_AFTER).count();
    let many = silent * 2 > all || (silent >= WAVE_LARGE && silent * WAVE_SHARE >= all);
    if silent >= WAVE_MIN && many { SILENT_FOR_IN_A_WAVE } else { SILENT_FOR }
}

/// How long the cloud has been receiving since `last_seen`.
#[must_use]
pub fn silence_while_receiving(
    last_seen: Timestamp,
    receiving: &[ReceivingPeriod],
    now: Timestamp,
) -> Duration {
    let mut spans: Vec<(Timestamp, Timestamp)> = receiving
        .iter()
        .map(|p| (p.from.max(last_seen), p.to.min(now)))
        .filter(|(from, to)| from < to)
        .collect();
    spans.sort_unstable();
    let mut total = Duration::ZERO;
    let mut covered_to = last_seen;
    for (from, to) in spans {
        total += to.since(from.max(covered_to));
        covered_to = covered_to.max(to);
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    fn t(minutes: i64) -> Timestamp {
        Timestamp::from_secs(minutes * 60)
    }

    fn period(from: i64, to: i64) -> ReceivingPeriod {
        ReceivingPeriod { from: t(from), to: t(to) }
    }

    #[test]
    fn nt_04_silence_counts_only_while_the_cloud_was_receiving() {
        // The cloud was down from minute 5 to minute 60.
        let receiving = [period(0, 5), period(60, 64)];
        assert_eq!(judge(t(4), &receiving, t(64), SILENT_FOR), Liveness::Alive);
        let receiving = [period(0, 5), period(60, 70)];
        assert_eq!(judge(t(4), &receiving, t(70), SILENT_FOR), Liveness::Stopped { since: t(4) });
    }

    #[test]
    fn overlapping_nodes_count_once() {
        let receiving = [period(0, 9), period(2, 9), period(1, 3)];
        assert_eq!(silence_while_receiving(t(0), &receiving, t(9)), Duration::from_secs(9 * 60));
        assert_eq!(judge(t(0), &receiving, t(9), SILENT_FOR), Liveness::Alive);
    }

    #[test]
    fn nt_04_many_at_once_are_an_outage_between_them_and_us() {
        let silences = |silent: usize, all: usize| {
            let mut s = vec![Duration::from_secs(20); all - silent];
            s.resize(all, Duration::from_secs(400));
            s
        };
        for (silent, all, wave) in [
            (1, 1, false),
            (2, 3, false),
            (3, 3, true),
            (3, 6, false),
            (9, 100, false),
            (10, 100, true),
            (10, 201, false),
            (499, 10_000, false),
            (500, 10_000, true),
        ] {
            let wanted = if wave { SILENT_FOR_IN_A_WAVE } else { SILENT_FOR };
            assert_eq!(patience(&silences(silent, all)), wanted, "{silent} of {all}");
        }
        assert_eq!(patience(&[]), SILENT_FOR);
    }

    #[test]
    fn a_clock_that_jumped_back_stops_nobody() {
        assert_eq!(judge(t(100), &[period(0, 50)], t(50), SILENT_FOR), Liveness::Alive);
    }
}
