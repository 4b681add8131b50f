//! 契約と補償: service start, terms agreed, insurance cover, claims (IN-01, IN-02, LC-07).
//!
//! Holds always: cover begins at 0:00 on the first of the month after the service started, lasts
//! one year, renews by itself, and is void while the service is free of charge; at most two
//! responses a contract and insurance year. Deliberately not here: the steps of a claim.

use mimamori_base::Timestamp;
use serde::{Deserialize, Serialize};

use crate::business::{civil, jst_day};
use crate::coded::coded;
use crate::ids::{AlertId, ClaimId, CustomerId};
use crate::jst::JstDay;
use crate::text::Line;

/// On-site responses of one insurance year.
pub const RESPONSES_A_YEAR: u32 = 2;
/// Yen for each of them, all included.
pub const RESPONSE_YEN: u32 = 50_000;

/// What is written down about a contract. Days are those of the Japanese calendar.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Contract {
    pub customer: CustomerId,
    pub number: Line,
    /// Initial setup done: the service started. `None`: when the first gateway was set up.
    pub started_on: Option<i64>,
    /// Free of charge up to and including this day: nothing is covered.
    pub free_until: Option<i64>,
    /// The last day of use, once it was cancelled.
    pub ends_on: Option<i64>,
    pub agreed: Vec<Agreed>,
}

/// A version of a document that the customer agreed to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Agreed {
    pub document: Line,
    pub version: Line,
    pub at: Timestamp,
    pub by: Line,
}

/// One year of cover: from 0:00 on `from` until the end of `to`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CoverYear {
    pub from: JstDay,
    pub to: JstDay,
    /// 1 for the first.
    pub number: u32,
}

/// Whether the customer is covered on a day.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cover {
    /// The service has not started.
    NotStarted,
    /// It begins later.
    From(JstDay),
    InForce(CoverYear),
    /// The contract is over.
    Ended(JstDay),
}

impl Contract {
    /// `started`: when the service started, if it has.
    #[must_use]
    pub fn cover(&self, started: Option<JstDay>, today: JstDay) -> Cover {
        let Some(started) = self.started_on.map(JstDay).or(started) else { return Cover::NotStarted };
        if let Some(end) = self.ends_on.map(JstDay)
            && end < today
        {
            return Cover::Ended(end);
        }
        // What was free of charge counts as not started.
        let counts_from = self.free_until.map_or(started, |free| started.max(JstDay(free + 1)));
        let first = first_of_next_month(counts_from);
        if today < first {
            return Cover::From(first);
        }
        let mut year = CoverYear { from: first, to: year_after(first).plus(-1), number: 1 };
        while year.to < today {
            let from = year.to.plus(1);
            year = CoverYear { from, to: year_after(from).plus(-1), number: year.number + 1 };
        }
        Cover::InForce(year)
    }
}

fn first_of_next_month(day: JstDay) -> JstDay {
    let first = civil(day).first_of_month();
    first.checked_add(jiff::Span::new().months(1)).map_or(day.plus(31), jst_day)
}

fn year_after(day: JstDay) -> JstDay {
    civil(day).checked_add(jiff::Span::new().years(1)).map_or(day.plus(365), jst_day)
}

coded!(
    /// How far a claim has come.
    ClaimState {
        Asked = "asked", "受付済み";
        Responding = "responding", "駆け付け対応中";
        Documents = "documents", "書類の確認中";
        Paid = "paid", "支払い済み";
        Refused = "refused", "対象外";
    }
);

/// One use of the insurance.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Claim {
    pub id: ClaimId,
    pub customer: CustomerId,
    pub alert: Option<AlertId>,
    pub at: Timestamp,
    /// The day of the response; it decides the insurance year.
    pub responded_on: Option<i64>,
    pub state: ClaimState,
    pub yen: u32,
    pub note: Line,
}

/// Responses of the year that are used and left.
#[must_use]
pub fn used(claims: &[Claim], year: CoverYear) -> (u32, u32) {
    let used = claims
        .iter()
        .filter(|c| c.state != ClaimState::Refused)
        .map(|c| c.responded_on.map_or(JstDay::of(c.at), JstDay))
        .filter(|day| year.from <= *day && *day <= year.to)
        .count();
    let used = u32::try_from(used).unwrap_or(u32::MAX).min(RESPONSES_A_YEAR);
    (used, RESPONSES_A_YEAR - used)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn day(y: i16, m: i8, d: i8) -> JstDay {
        jst_day(date(y, m, d))
    }

    fn contract() -> Contract {
        Contract {
            customer: CustomerId([0; 16]),
            number: "M-1".into(),
            started_on: None,
            free_until: None,
            ends_on: None,
            agreed: vec![],
        }
    }

    #[test]
    fn in_01_cover_begins_on_the_first_after_the_start_and_renews() {
        let c = contract();
        assert_eq!(c.cover(None, day(2026, 11, 24)), Cover::NotStarted);
        let started = Some(day(2026, 11, 1));
        assert_eq!(c.cover(started, day(2026, 11, 30)), Cover::From(day(2026, 12, 1)));
        let first = CoverYear { from: day(2026, 12, 1), to: day(2027, 11, 30), number: 1 };
        assert_eq!(c.cover(started, day(2026, 12, 1)), Cover::InForce(first));
        assert_eq!(c.cover(started, day(2027, 11, 30)), Cover::InForce(first));
        let second = CoverYear { from: day(2027, 12, 1), to: day(2028, 11, 30), number: 2 };
        assert_eq!(c.cover(started, day(2027, 12, 1)), Cover::InForce(second));
        let free = Contract { free_until: Some(day(2027, 1, 31).0), ..contract() };
        assert_eq!(free.cover(started, day(2027, 1, 15)), Cover::From(day(2027, 3, 1)));
        let over = Contract { ends_on: Some(day(2027, 3, 31).0), ..contract() };
        assert_eq!(over.cover(started, day(2027, 4, 1)), Cover::Ended(day(2027, 3, 31)));
    }

    #[test]
    fn in_02_two_responses_a_year() {
        let year = CoverYear { from: day(2026, 12, 1), to: day(2027, 11, 30), number: 1 };
        let claim = |on: JstDay, state| Claim {
            id: ClaimId([0; 16]),
            customer: CustomerId([0; 16]),
            alert: None,
            at: on.at_hour(10),
            responded_on: Some(on.0),
            state,
            yen: RESPONSE_YEN,
            note: Line::default(),
        };
        let before = claim(day(2026, 11, 30), ClaimState::Paid);
        let within = claim(day(2026, 12, 1), ClaimState::Paid);
        let refused = claim(day(2027, 1, 1), ClaimState::Refused);
        assert_eq!(used(&[before, within.clone(), refused], year), (1, 1));
        assert_eq!(used(&[within.clone(), within.clone(), within], year), (2, 0));
    }
}
