//! How often a signature may alert.
//!
//! Responsible for threshold, detection_filter, rate_filter and suppress. Holds always: at most
//! [`MAX_ENTRIES`] counters; when full, the counters whose period is over go first, then the
//! alert counts as its first (it is raised: fail open) and `refused` rises.

use std::net::IpAddr;

use hashbrown::HashMap;
use mimamori_base::Timestamp;
use mimamori_rules::{Action, SigId, Threshold, ThresholdKind, Track, UniqueOn};
use smallvec::SmallVec;

/// Counters kept for all signatures together.
pub const MAX_ENTRIES: usize = 131_072;

/// Different ports remembered by one counter with `unique_on`.
const MAX_UNIQUE: usize = 4_096;

/// What a threshold says of one match.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
pub enum Verdict {
    Alert,
    /// No alert is raised, but the action holds (a limited drop still drops).
    Silent,
    /// As if the rule had not matched.
    NoMatch,
}

/// Who and where a match was, for tracking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject {
    pub src: Option<IpAddr>,
    pub dst: Option<IpAddr>,
    pub src_port: u16,
    pub dst_port: u16,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Key {
    sig: Counted,
    which: u8,
    a: Option<IpAddr>,
    b: Option<IpAddr>,
}

#[derive(Clone, Debug, Default)]
struct Entry {
    since: Timestamp,
    count: u32,
    next: u32,
    /// `rate_filter`: since when the other action holds.
    acting: Option<Timestamp>,
    unique: SmallVec<[u16; 4]>,
    seconds: u32,
}

/// What is counted: a rule, by the name that it keeps over reloads, and which of its thresholds.
pub type Counted = (SigId, u8);

/// A counter kept with a flow.
#[derive(Clone, Debug, Default)]
pub struct FlowThreshold(Entry);

/// Counters across flows.
#[derive(Debug, Default)]
pub struct Thresholds {
    entries: HashMap<Key, Entry>,
    /// When room was last made.
    looked: Option<Timestamp>,
    pub refused: u64,
}

impl Thresholds {
    /// Counts a match and says what becomes of it. `flow` holds counters tracked by flow.
    pub fn check(
        &mut self,
        sig: Counted,
        threshold: &Threshold,
        subject: &Subject,
        flow: Option<&mut Vec<(Counted, FlowThreshold)>>,
        now: Timestamp,
    ) -> Verdict {
        if threshold.track == Track::Flow {
            let Some(flow) = flow else { return Verdict::Alert };
            return match flow.iter_mut().find(|(s, _)| *s == sig) {
                Some((_, entry)) => judge(&mut entry.0, threshold, subject, now),
                None => {
                    let mut entry = Entry::default();
                    let verdict = judge(&mut entry, threshold, subject, now);
                    if flow.len() < crate::flow_state::MAX_FLOW_THRESHOLDS {
                        flow.push((sig, FlowThreshold(entry)));
                    }
                    verdict
                }
            };
        }
        let key = key(sig, threshold.track, subject);
        if !self.entries.contains_key(&key) && self.entries.len() >= MAX_ENTRIES {
            self.make_room(now);
        }
        if self.entries.len() >= MAX_ENTRIES && !self.entries.contains_key(&key) {
            self.refused = self.refused.saturating_add(1);
            return judge(&mut Entry::default(), threshold, subject, now);
        }
        judge(self.entries.entry(key).or_default(), threshold, subject, now)
    }

    /// Counts a match for a rate filter. The action that holds instead, once its rate is exceeded.
    pub fn rate(
        &mut self,
        sig: Counted,
        filter: &Threshold,
        subject: &Subject,
        now: Timestamp,
    ) -> Option<Action> {
        let ThresholdKind::Rate { new_action, timeout_secs } = filter.kind else { return None };
        let key = key(sig, filter.track, subject);
        if !self.entries.contains_key(&key) && self.entries.len() >= MAX_ENTRIES {
            self.make_room(now);
            if self.entries.len() >= MAX_ENTRIES {
                self.refused = self.refused.saturating_add(1);
                return None;
            }
        }
        let entry = self.entries.entry(key).or_default();
        if let Some(since) = entry.acting {
            if now.since(since).as_secs() <= u64::from(timeout_secs) {
                return Some(new_action);
            }
            entry.acting = None;
            entry.count = 0;
        }
        if entry.count == 0 || now.since(entry.since).as_secs() >= u64::from(filter.seconds) {
            entry.since = now;
            entry.count = 0;
            // Kept until the other action has ended, should the table fill up.
            entry.seconds = filter.seconds.saturating_add(timeout_secs);
        }
        entry.count = entry.count.saturating_add(1);
        if entry.count <= filter.count {
            return None;
        }
        entry.acting = Some(now);
        Some(new_action)
    }

    /// Looks through all counters at most once a second, so that a full table costs no packet much.
    fn make_room(&mut self, now: Timestamp) {
        if self.looked.is_some_and(|at| now >= at && now.since(at).as_secs() < 1) {
            return;
        }
        self.looked = Some(now);
        self.entries.retain(|_, e| now.since(e.since).as_secs() <= u64::from(e.seconds));
    }
}

fn key(sig: Counted, track: Track, subject: &Subject) -> Key {
    let (which, a, b) = match track {
        Track::Src => (0, subject.src, None),
        Track::Dst => (1, subject.dst, None),
        Track::Both => {
            let (a, b) = (subject.src.min(subject.dst), subject.src.max(subject.dst));
            (2, a, b)
        }
        Track::Either => (3, subject.src, None),
        Track::Rule | Track::Flow => (4, None, None),
    };
    Key { sig, which, a, b }
}

fn judge(entry: &mut Entry, t: &Threshold, subject: &Subject, now: Timestamp) -> Verdict {
    let fresh = entry.count == 0 && entry.unique.is_empty();
    if fresh {
        entry.since = now;
        entry.seconds = t.seconds;
    }
    let over = now.since(entry.since).as_micros() > u128::from(t.seconds) * 1_000_000;
    match t.kind {
        ThresholdKind::Limit => {
            restart_if(entry, over, now);
            entry.count = entry.count.saturating_add(1);
            if entry.count <= t.count { Verdict::Alert } else { Verdict::Silent }
        }
        ThresholdKind::Threshold => {
            restart_if(entry, over, now);
            entry.count = count(entry, t, subject);
            if entry.count >= t.count {
                entry.count = 0;
                entry.unique.clear();
                Verdict::Alert
            } else {
                Verdict::NoMatch
            }
        }
        ThresholdKind::Both => {
            restart_if(entry, over, now);
            entry.count = count(entry, t, subject);
            match entry.count.cmp(&t.count) {
                std::cmp::Ordering::Less => Verdict::NoMatch,
                std::cmp::Ordering::Equal => Verdict::Alert,
                std::cmp::Ordering::Greater => Verdict::Silent,
            }
        }
        ThresholdKind::Backoff { multiplier } => {
            entry.count = entry.count.saturating_add(1);
            if entry.next == 0 {
                entry.next = t.count;
            }
            if entry.count == entry.next {
                entry.next = entry.next.saturating_mul(multiplier.max(2));
                Verdict::Alert
            } else {
                Verdict::Silent
            }
        }
        ThresholdKind::DetectionFilter => {
            restart_if(entry, over, now);
            entry.count = count(entry, t, subject);
            if entry.count > t.count { Verdict::Alert } else { Verdict::NoMatch }
        }
        // See `Thresholds::rate` and `Suppression`.
        ThresholdKind::Rate { .. } => Verdict::Alert,
        ThresholdKind::Suppress => Verdict::Silent,
    }
}

fn restart_if(entry: &mut Entry, over: bool, now: Timestamp) {
    if over {
        entry.since = now;
        entry.count = 0;
        entry.unique.clear();
    }
}

/// The count after this match: of matches, or of different ports.
fn count(entry: &mut Entry, t: &Threshold, subject: &Subject) -> u32 {
    let port = match t.unique_on {
        None => return entry.count.saturating_add(1),
        Some(UniqueOn::SrcPort) => subject.src_port,
        Some(UniqueOn::DstPort) => subject.dst_port,
    };
    if !entry.unique.contains(&port) && entry.unique.len() < MAX_UNIQUE {
        entry.unique.push(port);
    }
    u32::try_from(entry.unique.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: SigId = SigId { gid: 1, sid: 7, rev: 1 };

    fn threshold(kind: ThresholdKind, count: u32, seconds: u32) -> Threshold {
        Threshold { kind, track: Track::Src, count, seconds, unique_on: None }
    }

    fn run(t: &Threshold, at_secs: &[i64]) -> Vec<bool> {
        let mut all = Thresholds::default();
        let who = Subject { src: Some([10, 0, 0, 1].into()), dst: None, src_port: 1, dst_port: 2 };
        at_secs
            .iter()
            .map(|s| all.check((RULE, 0), t, &who, None, Timestamp::from_secs(*s)) == Verdict::Alert)
            .collect()
    }

    #[test]
    fn kinds_alert_as_the_field_defines_them() {
        let t = threshold(ThresholdKind::Limit, 2, 10);
        assert_eq!(run(&t, &[0, 1, 2, 11, 12]), [true, true, false, true, true]);
        let t = threshold(ThresholdKind::Threshold, 2, 10);
        assert_eq!(run(&t, &[0, 1, 2, 3]), [false, true, false, true]);
        let t = threshold(ThresholdKind::Both, 2, 10);
        assert_eq!(run(&t, &[0, 1, 2, 3, 20, 21]), [false, true, false, false, false, true]);
        let t = threshold(ThresholdKind::DetectionFilter, 2, 10);
        assert_eq!(run(&t, &[0, 1, 2, 3, 20]), [false, false, true, true, false]);
        let t = threshold(ThresholdKind::Backoff { multiplier: 2 }, 1, 0);
        assert_eq!(run(&t, &[0; 8]), [true, true, false, true, false, false, false, true]);
    }

    #[test]
    fn a_rate_filter_acts_beyond_its_rate_and_for_its_time() {
        let kind = ThresholdKind::Rate { new_action: Action::Drop, timeout_secs: 10 };
        let t = threshold(kind, 2, 3);
        let mut all = Thresholds::default();
        let who = Subject { src: None, dst: None, src_port: 1, dst_port: 2 };
        let mut ask = |at| all.rate((RULE, 0), &t, &who, Timestamp::from_secs(at)).is_some();
        let answers: Vec<bool> = [0, 1, 2, 12, 13, 14, 20, 24].into_iter().map(&mut ask).collect();
        assert_eq!(answers, [false, false, true, true, false, false, false, false]);
    }

    #[test]
    fn different_ports_are_counted_once() {
        let mut t = threshold(ThresholdKind::DetectionFilter, 1, 60);
        t.unique_on = Some(UniqueOn::SrcPort);
        let mut all = Thresholds::default();
        let mut ask = |port| {
            let who = Subject { src: None, dst: None, src_port: port, dst_port: 80 };
            all.check((RULE, 0), &t, &who, None, Timestamp::EPOCH)
        };
        assert_eq!(ask(1), Verdict::NoMatch);
        assert_eq!(ask(1), Verdict::NoMatch);
        assert_eq!(ask(2), Verdict::Alert);
    }

    #[test]
    fn a_full_table_still_answers() {
        let t = threshold(ThresholdKind::Limit, 1, 1_000);
        let mut all = Thresholds::default();
        for n in 0..=u32::try_from(MAX_ENTRIES).expect("fits") {
            let who = Subject { src: Some(IpAddr::V4(n.into())), dst: None, src_port: 0, dst_port: 0 };
            let v = all.check((RULE, 0), &t, &who, None, Timestamp::EPOCH);
            assert_eq!(v, Verdict::Alert);
        }
        assert_eq!(all.entries.len(), MAX_ENTRIES);
        assert_eq!(all.refused, 1);
    }
}
