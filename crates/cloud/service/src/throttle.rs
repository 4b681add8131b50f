//! Slows down guessing by address (AC-03, AC-06). Bounded: when the table is full, the entry
//! that expires first goes.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mimamori_base::Timestamp;

const WINDOW: Duration = Duration::from_secs(600);
const FAILURES_PER_WINDOW: u32 = 20;
const TABLE_MAX: usize = 10_000;

#[derive(Debug, Default)]
pub(crate) struct Throttle(Mutex<HashMap<IpAddr, (Timestamp, u32)>>);

impl Throttle {
    /// Whether this address has failed too often.
    pub(crate) fn refuses(&self, from: IpAddr, now: Timestamp) -> bool {
        let table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        table
            .get(&prefix(from))
            .is_some_and(|(since, n)| now.since(*since) < WINDOW && *n >= FAILURES_PER_WINDOW)
    }

    pub(crate) fn failed(&self, from: IpAddr, now: Timestamp) {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if table.len() >= TABLE_MAX {
            table.retain(|_, (since, _)| now.since(*since) < WINDOW);
        }
        if table.len() >= TABLE_MAX
            && let Some(oldest) = table.iter().min_by_key(|(_, (since, _))| *since).map(|(ip, _)| *ip)
        {
            table.remove(&oldest);
        }
        let entry = table.entry(prefix(from)).or_insert((now, 0));
        if now.since(entry.0) >= WINDOW {
            *entry = (now, 0);
        }
        entry.1 = entry.1.saturating_add(1);
    }
}

/// One IPv6 customer has a /64: count it as one.
fn prefix(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(v6) => {
            let bits = u128::from(v6) & !u128::from(u64::MAX);
            IpAddr::V6(bits.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_failures_close_the_door_for_ten_minutes_and_the_table_is_bounded() {
        let throttle = Throttle::default();
        let ip: IpAddr = "2001:db8::1".parse().unwrap();
        let now = Timestamp::from_secs(1_000);
        for _ in 0..FAILURES_PER_WINDOW {
            assert!(!throttle.refuses(ip, now));
            throttle.failed(ip, now);
        }
        assert!(throttle.refuses("2001:db8::2".parse().unwrap(), now), "same /64");
        assert!(!throttle.refuses(ip, now + WINDOW));
        for i in 0..(TABLE_MAX as u32 + 100) {
            throttle.failed(IpAddr::V4(i.into()), now);
        }
        assert!(throttle.0.lock().unwrap().len() <= TABLE_MAX);
    }
}
