//! How long to wait before trying the cloud again.

use std::time::Duration;

use mimamori_base::Rng;

/// Doubles from `first` to `longest`, each time with a random share of one half, so that a
/// fleet does not come back at the same moment after an outage.
#[derive(Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
}

impl Backoff {
    #[must_use]
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Backoff { first, longest, failures: 0 }
    }

    pub fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// The next pause; never shorter than what the cloud asked for, which is capped as well.
    pub fn failed(&mut self, asked: Option<Duration>, rng: &dyn Rng) -> Duration {
        let doubled = self.first.saturating_mul(1 << self.failures.min(20));
        let full = doubled.min(self.longest);
        self.failures = self.failures.saturating_add(1);
        let half = full / 2;
        let span = u64::try_from(half.as_millis()).unwrap_or(u64::MAX).max(1);
        let jittered = half + Duration::from_millis(rng.next_u64() % span);
        jittered.max(asked.unwrap_or_default().min(Duration::from_secs(3600)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mimamori_base::SeededRng;

    #[test]
    fn pauses_grow_to_the_limit_and_heed_the_cloud() {
        let rng = SeededRng::new(1);
        let mut b = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
        let pauses: Vec<Duration> = (0..12).map(|_| b.failed(None, &rng)).collect();
        assert!(pauses.iter().all(|p| *p >= Duration::from_millis(500) && *p <= Duration::from_secs(60)));
        assert!(pauses.last().unwrap() >= &Duration::from_secs(30));
        assert_eq!(b.failed(Some(Duration::from_secs(90)), &rng), Duration::from_secs(90));
        b.succeeded();
        assert!(b.failed(None, &rng) <= Duration::from_secs(1));
    }
}
