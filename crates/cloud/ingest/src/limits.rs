//! How much one address or one gateway may ask (AC-06).
//!
//! Holds always: the table of buckets has a cap; when it is full, the buckets that are full
//! again (their owners idle) are forgotten first, and if none is, strangers share one bucket.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mimamori_base::Timestamp;

/// Refills steadily up to `burst`.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    pub burst: u32,
    pub every: Duration,
}

#[derive(Debug)]
struct Bucket {
    /// In microseconds of credit; one request costs `every`.
    credit: u64,
    updated: Timestamp,
}

/// One token bucket a key.
#[derive(Debug)]
pub struct Limiter<K> {
    rate: Rate,
    max_keys: usize,
    buckets: Mutex<(HashMap<K, Bucket>, Bucket)>,
}

impl<K: Hash + Eq + Clone> Limiter<K> {
    #[must_use]
    pub fn new(rate: Rate, max_keys: usize) -> Self {
        let shared = Bucket { credit: full(rate), updated: Timestamp::EPOCH };
        Limiter { rate, max_keys, buckets: Mutex::new((HashMap::new(), shared)) }
    }

    /// Takes one request; otherwise tells how long to wait.
    pub fn take(&self, key: &K, now: Timestamp) -> Result<(), Duration> {
        let mut guard = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let (buckets, shared) = &mut *guard;
        if !buckets.contains_key(key) && buckets.len() >= self.max_keys {
            buckets.retain(|_, b| {
                refill(b, self.rate, now);
                b.credit < full(self.rate)
            });
            if buckets.len() >= self.max_keys {
                return spend(shared, self.rate, now);
            }
        }
        let fresh = Bucket { credit: full(self.rate), updated: now };
        spend(buckets.entry(key.clone()).or_insert(fresh), self.rate, now)
    }
}

fn cost(rate: Rate) -> u64 {
    u64::try_from(rate.every.as_micros()).unwrap_or(u64::MAX).max(1)
}

fn full(rate: Rate) -> u64 {
    cost(rate).saturating_mul(u64::from(rate.burst))
}

fn refill(bucket: &mut Bucket, rate: Rate, now: Timestamp) {
    let gained = u64::try_from(now.since(bucket.updated).as_micros()).unwrap_or(u64::MAX);
    bucket.credit = bucket.credit.saturating_add(gained).min(full(rate));
    bucket.updated = now;
}

fn spend(bucket: &mut Bucket, rate: Rate, now: Timestamp) -> Result<(), Duration> {
    refill(bucket, rate, now);
    match bucket.credit.checked_sub(cost(rate)) {
        Some(left) => {
            bucket.credit = left;
            Ok(())
        }
        None => Err(Duration::from_micros(cost(rate) - bucket.credit)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { burst: 3, every: Duration::from_secs(10) };

    #[test]
    fn a_burst_then_a_steady_pace() {
        let limiter = Limiter::new(RATE, 10);
        let start = Timestamp::from_secs(100);
        for _ in 0..3 {
            assert_eq!(limiter.take(&"a", start), Ok(()));
        }
        assert_eq!(limiter.take(&"a", start), Err(Duration::from_secs(10)));
        assert_eq!(limiter.take(&"b", start), Ok(()), "another key is not concerned");
        assert_eq!(limiter.take(&"a", start + Duration::from_secs(10)), Ok(()));
    }

    #[test]
    fn a_full_table_forgets_the_idle_and_then_makes_strangers_share() {
        let limiter = Limiter::new(RATE, 2);
        let start = Timestamp::from_secs(100);
        for key in 0..100u32 {
            let _ = limiter.take(&key, start);
        }
        assert!(limiter.take(&1000, start).is_err(), "the shared bucket is empty");
        assert_eq!(limiter.buckets.lock().unwrap().0.len(), 2);
        let later = start + Duration::from_secs(1000);
        assert_eq!(limiter.take(&1000, later), Ok(()));
        assert_eq!(limiter.buckets.lock().unwrap().0.len(), 1);
    }
}
