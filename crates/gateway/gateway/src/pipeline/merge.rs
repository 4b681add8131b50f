//! Equal detections within a short time become one with a count.
//!
//! The first is reported at once; what follows within [`WINDOW`] is gathered and reported as one
//! when the window ends. Holds always: nothing is dropped. At most [`MAX_OPEN`] windows are open;
//! when full, the oldest ends early.

use std::collections::VecDeque;
use std::time::Duration;

use mimamori_base::Timestamp;
use mimamori_report::Detection;

use super::detection::{last, same};

pub const WINDOW: Duration = Duration::from_secs(60);
const MAX_OPEN: usize = 512;

#[derive(Debug)]
struct Open {
    since: Timestamp,
    first: Detection,
    /// What came after the first one.
    more: Option<Detection>,
}

#[derive(Debug, Default)]
pub struct Merge {
    /// Oldest first.
    open: VecDeque<Open>,
}

impl Merge {
    /// Takes one detection; gives back what is to be reported now.
    pub fn add(&mut self, new: Detection) -> Vec<Detection> {
        let mut ready = self.expire(new.at);
        if let Some(window) = self.open.iter_mut().find(|o| same(&o.first, &new)) {
            match &mut window.more {
                None => window.more = Some(new),
                Some(more) => {
                    more.count = more.count.saturating_add(new.count);
                    more.first = more.first.min(new.first);
                    more.last = last(more).max(last(&new));
                }
            }
            return ready;
        }
        if self.open.len() >= MAX_OPEN {
            ready.extend(self.open.pop_front().and_then(|o| o.more));
        }
        self.open.push_back(Open { since: new.at, first: new.clone(), more: None });
        ready.push(new);
        ready
    }

    /// Ends the windows whose time is over.
    pub fn expire(&mut self, now: Timestamp) -> Vec<Detection> {
        let mut ready = Vec::new();
        while self.open.front().is_some_and(|o| now.since(o.since) >= WINDOW) {
            ready.extend(self.open.pop_front().and_then(|o| o.more));
        }
        ready
    }

    /// Ends all windows.
    pub fn finish(&mut self) -> Vec<Detection> {
        self.open.drain(..).filter_map(|o| o.more).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mimamori_base::Zone;
    use mimamori_report::{DetectionKind, Endpoint, Outcome, Severity, Traffic, Transport};

    fn at(second: i64, port: u16, peer: &str) -> Detection {
        let end = |ip: &str, port, zone| Endpoint { ip: ip.parse().unwrap(), port, zone };
        let at = Timestamp::from_secs(second);
        Detection {
            at,
            kind: DetectionKind::CommandAndControl,
            severity: Severity::Major,
            outcome: Outcome::Blocked,
            traffic: Traffic::Outbound,
            source: end("192.168.1.2", port, Zone::Lan),
            destination: end(peer, 80, Zone::Wan),
            transport: Transport::Tcp,
            app_protocol: None,
            device: None,
            signature: None,
            host: None,
            url: None,
            file: None,
            reputation: None,
            flow_id: 1,
            count: 1,
            first: at,
            last: at,
        }
    }

    #[test]
    fn the_first_is_told_at_once_and_the_rest_as_one() {
        let mut merge = Merge::default();
        assert_eq!(merge.add(at(0, 1000, "203.0.113.1")).len(), 1);
        for n in 1..50 {
            assert_eq!(merge.add(at(n, 1000 + n as u16, "203.0.113.1")), []);
        }
        assert_eq!(merge.add(at(50, 1, "203.0.113.2")).len(), 1, "another peer is another thing");
        let rest = merge.expire(Timestamp::from_secs(61));
        let [one] = rest.as_slice() else { panic!("{rest:?}") };
        assert_eq!((one.count, one.first, one.last), (49, Timestamp::from_secs(1), Timestamp::from_secs(49)));
        assert_eq!(merge.finish(), []);
    }

    #[test]
    fn nothing_is_lost_when_many_windows_are_open() {
        let mut merge = Merge::default();
        let mut told = 0;
        for round in 0..2 {
            for n in 0..1_000u32 {
                let peer = std::net::Ipv4Addr::from(0xcb00_7100 + n).to_string();
                told += merge.add(at(round, 1, &peer)).iter().map(|d| d.count).sum::<u32>();
            }
        }
        told += merge.finish().iter().map(|d| d.count).sum::<u32>();
        assert_eq!(told, 2_000);
        assert!(merge.open.len() <= MAX_OPEN);
    }
}
