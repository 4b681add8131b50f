//! Cases that list what two versions of the reference log, one beside the other.
//!
//! Some cases want of one record that it is there and that it is not: what they expect comes from
//! two versions of the reference, and no log can hold both. Responsible for recognising them by
//! that contradiction and for saying which expectations stand for each other. Holds always: where
//! nothing contradicts itself every expectation stands alone.

use serde_json::{Map, Value};

use super::case::Expectation;

const FRAME: &str = "pcap_cnt";

/// Expectations of which one is enough, as positions in `events`.
#[must_use]
pub fn groups(events: &[Expectation]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = (0..events.len()).map(|i| vec![i]).collect();
    if !contradict(events) {
        return groups;
    }
    for (i, a) in events.iter().enumerate() {
        for (j, b) in events.iter().enumerate().skip(i + 1) {
            if excludes(a, b) || moved(a, b) {
                join(&mut groups, i, j);
            }
        }
    }
    groups
}

/// Whether no log at all can meet every expectation.
#[must_use]
pub fn contradict(events: &[Expectation]) -> bool {
    events.iter().enumerate().any(|(i, a)| events.iter().skip(i + 1).any(|b| excludes(a, b)))
}

/// Every record that one counts is counted by the other, which wants fewer; at most the number of
/// the frame tells them apart.
fn excludes(a: &Expectation, b: &Expectation) -> bool {
    let narrower = |narrow: &Expectation, wide: &Expectation| {
        narrow.count > wide.count
            && !wide.matching.contains_key(FRAME)
            && without_frame(&narrow.matching) == wide.matching
    };
    (a.matching == b.matching && a.count != b.count) || narrower(a, b) || narrower(b, a)
}

/// The same record, with another frame.
fn moved(a: &Expectation, b: &Expectation) -> bool {
    let framed = |e: &Expectation| e.count > 0 && e.matching.contains_key(FRAME);
    framed(a) && framed(b) && without_frame(&a.matching) == without_frame(&b.matching)
}

fn without_frame(matching: &Map<String, Value>) -> Map<String, Value> {
    let mut rest = matching.clone();
    rest.remove(FRAME);
    rest
}

fn join(groups: &mut Vec<Vec<usize>>, a: usize, b: usize) {
    let place = |of: usize, groups: &[Vec<usize>]| groups.iter().position(|g| g.contains(&of));
    let (Some(one), Some(two)) = (place(a, groups), place(b, groups)) else { return };
    if one != two {
        let taken = groups.remove(one.max(two));
        if let Some(kept) = groups.get_mut(one.min(two)) {
            kept.extend(taken);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn wanted(list: &[(u64, Value)]) -> Vec<Expectation> {
        let one = |(count, v): &(u64, Value)| Expectation {
            count: *count,
            matching: v.as_object().expect("an object").clone(),
        };
        list.iter().map(one).collect()
    }

    #[test]
    fn without_a_contradiction_each_stands_alone() {
        let events = wanted(&[
            (1, json!({"event_type": "smtp", "pcap_cnt": 14})),
            (1, json!({"event_type": "smtp", "pcap_cnt": 15})),
            (2, json!({"event_type": "smtp"})),
        ]);
        assert_eq!(groups(&events).len(), 3);
    }

    #[test]
    fn two_versions_of_a_record_stand_for_each_other() {
        let events = wanted(&[
            (1, json!({"event_type": "smtp", "pcap_cnt": 14})),
            (1, json!({"event_type": "smtp", "pcap_cnt": 15})),
            (1, json!({"event_type": "smtp", "tx_id": 1})),
            (0, json!({"event_type": "smtp", "tx_id": 1})),
            (1, json!({"event_type": "alert"})),
        ]);
        assert_eq!(groups(&events), vec![vec![0, 1], vec![2, 3], vec![4]]);
    }

    #[test]
    fn a_record_in_a_frame_contradicts_none_at_all() {
        let events = wanted(&[
            (0, json!({"event_type": "smtp", "tx_id": 1})),
            (1, json!({"event_type": "smtp", "tx_id": 1, "pcap_cnt": 98})),
        ]);
        assert_eq!(groups(&events), vec![vec![0, 1]]);
    }
}
