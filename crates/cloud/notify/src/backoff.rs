//! When a mail that did not go through is tried again, and when it is given up.

use std::time::Duration;

use mimamori_base::Timestamp;

/// Waiting after the first, second, … failed attempt; the last one repeats.
const WAITS_SECS: [u64; 6] = [30, 60, 180, 600, 1_800, 3_600];
/// A mail older than this is a dead letter; the operator sees it and can send it again.
const GIVE_UP_AFTER: Duration = Duration::from_secs(3 * 86_400);

/// When to try again after `attempts` failed attempts, or `None`: give up.
pub(crate) fn next_try(created_at: Timestamp, attempts: u32, now: Timestamp) -> Option<Timestamp> {
    if now.since(created_at) >= GIVE_UP_AFTER {
        return None;
    }
    let index = usize::try_from(attempts).unwrap_or(usize::MAX).min(WAITS_SECS.len() - 1);
    let secs = WAITS_SECS.get(index).copied().unwrap_or(3_600);
    Some(now + Duration::from_secs(secs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_end_after_three_days() {
        let start = Timestamp::from_secs(0);
        assert_eq!(next_try(start, 0, start), Some(Timestamp::from_secs(30)));
        assert_eq!(next_try(start, 99, start), Some(Timestamp::from_secs(3_600)));
        assert_eq!(next_try(start, 99, Timestamp::from_secs(3 * 86_400)), None);
        // A clock that jumped back gives nothing up.
        assert!(next_try(Timestamp::from_secs(9_999_999), 0, start).is_some());
    }
}
