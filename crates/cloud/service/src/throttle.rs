//! Slows down guessing and flooding (AC-03, AC-06): by address, account or token. Bounded: when
//! the table is full, the entry that expires first goes.
//!
//! Each node counts for itself; what has to hold across nodes (locks of accounts, codes that are
//! used once) is in the database.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mimamori_base::Timestamp;

const TABLE_MAX: usize = 10_000;

/// Who is counted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Key {
    Address(IpAddr),
    /// An account, token or session.
    Id([u8; 16]),
}

impl From<IpAddr> for Key {
    /// One IPv6 customer has a /64: count it as one.
    fn from(ip: IpAddr) -> Self {
        Key::Address(match ip {
            IpAddr::V4(_) => ip,
            IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) & !u128::from(u64::MAX)).into()),
        })
    }
}

impl From<[u8; 16]> for Key {
    fn from(id: [u8; 16]) -> Self {
        Key::Id(id)
    }
}

#[derive(Debug)]
pub(crate) struct Throttle {
    window: Duration,
    most: u32,
    table: Mutex<HashMap<Key, (Timestamp, u32)>>,
}

impl Throttle {
    /// `most` counted events within `window`.
    pub(crate) fn new(most: u32, window: Duration) -> Self {
        Throttle { window, most, table: Mutex::default() }
    }

    /// Whether too much has been counted.
    pub(crate) fn refuses(&self, whom: impl Into<Key>, now: Timestamp) -> bool {
        let table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.get(&whom.into()).is_some_and(|(since, n)| now.since(*since) < self.window && *n >= self.most)
    }

    pub(crate) fn count(&self, whom: impl Into<Key>, now: Timestamp) {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let window = self.window;
        if table.len() >= TABLE_MAX {
            table.retain(|_, (since, _)| now.since(*since) < window);
        }
        if table.len() >= TABLE_MAX
            && let Some(oldest) = table.iter().min_by_key(|(_, (since, _))| *since).map(|(key, _)| *key)
        {
            table.remove(&oldest);
        }
        let entry = table.entry(whom.into()).or_insert((now, 0));
        if now.since(entry.0) >= window {
            *entry = (now, 0);
        }
        entry.1 = entry.1.saturating_add(1);
    }

    /// Counts unless that would be too much.
    pub(crate) fn allows(&self, whom: impl Into<Key>, now: Timestamp) -> bool {
        let whom = whom.into();
        if self.refuses(whom, now) {
            return false;
        }
        self.count(whom, now);
        true
    }
}

/// What the service counts.
#[derive(Debug)]
pub(crate) struct Throttles {
    /// Failed logins from one address.
    pub login: Throttle,
    /// Wrong passwords and codes within one account's sessions.
    pub proof: Throttle,
    /// Codes by SMS that one address asks for.
    pub sms: Throttle,
    /// Requests of one token.
    pub api: Throttle,
    /// Requests from one address with a token that cannot be used. Apart from logins: a program
    /// with an old token must not lock out the people of its office.
    pub api_refused: Throttle,
    /// Mails for a new password that one address asks for.
    pub reset: Throttle,
}

impl Default for Throttles {
    fn default() -> Self {
        let minutes = |n: u64| Duration::from_secs(n * 60);
        Throttles {
            login: Throttle::new(20, minutes(10)),
            proof: Throttle::new(10, minutes(10)),
            sms: Throttle::new(10, minutes(60)),
            api: Throttle::new(300, minutes(1)),
            api_refused: Throttle::new(100, minutes(1)),
            reset: Throttle::new(10, minutes(60)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_failures_close_the_door_for_ten_minutes_and_the_table_is_bounded() {
        let throttle = Throttles::default().login;
        let ip: IpAddr = "2001:db8::1".parse().unwrap();
        let now = Timestamp::from_secs(1_000);
        for _ in 0..20 {
            assert!(throttle.allows(ip, now));
        }
        assert!(throttle.refuses("2001:db8::2".parse::<IpAddr>().unwrap(), now), "same /64");
        assert!(!throttle.refuses(ip, now + Duration::from_secs(600)));
        assert!(!throttle.refuses([0; 16], now), "an account is no address");
        for i in 0..(TABLE_MAX as u32 + 100) {
            throttle.count(IpAddr::V4(i.into()), now);
        }
        assert!(throttle.table.lock().unwrap().len() <= TABLE_MAX);
    }
}
