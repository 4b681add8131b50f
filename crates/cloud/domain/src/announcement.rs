//! お知らせ: what the operator tells all customers (PT-08, OP-03).
//!
//! Holds always: a planned stop is announced at least one month ahead, or it is an emergency.
//! Deliberately not here: who has read it (the store keeps a mark for each account).

use mimamori_base::Timestamp;
use serde::{Deserialize, Serialize};

use crate::business::{civil, jst_day};
use crate::coded::coded;
use crate::ids::AnnouncementId;
use crate::jst::JstDay;
use crate::text::{Line, Name, Passage};

coded!(
    /// What an announcement is about.
    AnnouncementKind {
        Maintenance = "maintenance", "計画メンテナンス";
        Emergency = "emergency", "緊急メンテナンス";
        Firmware = "firmware", "UTM装置の更新";
        News = "news", "お知らせ";
    }
);

impl AnnouncementKind {
    /// Stands on the status page until it is read.
    #[must_use]
    pub const fn always_important(self) -> bool {
        matches!(self, AnnouncementKind::Maintenance | AnnouncementKind::Emergency)
    }
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Announcement {
    pub id: AnnouncementId,
    pub kind: AnnouncementKind,
    pub title: Name,
    pub text: Passage,
    pub important: bool,
    /// Also sent by mail, to every customer.
    pub by_mail: bool,
    /// When the service stops or the update is made.
    pub starts_at: Option<Timestamp>,
    pub ends_at: Option<Timestamp>,
    pub published_at: Timestamp,
    pub author: Line,
    pub withdrawn_at: Option<Timestamp>,
}

/// Why an announcement was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadAnnouncement {
    #[error("a planned stop is announced at least one month ahead")]
    TooLate,
    #[error("a planned stop says from when until when")]
    NoTime,
    #[error("it ends before it begins")]
    EndsBefore,
    #[error("it has no text")]
    Empty,
    #[error("it was withdrawn already")]
    Withdrawn,
}

impl Announcement {
    /// Checks what the operator wrote, at the time of publishing.
    pub fn check(&self) -> Result<(), BadAnnouncement> {
        if self.text.is_empty() {
            return Err(BadAnnouncement::Empty);
        }
        if let (Some(from), Some(to)) = (self.starts_at, self.ends_at)
            && to <= from
        {
            return Err(BadAnnouncement::EndsBefore);
        }
        if self.kind != AnnouncementKind::Maintenance {
            return Ok(());
        }
        let (Some(from), Some(_)) = (self.starts_at, self.ends_at) else {
            return Err(BadAnnouncement::NoTime);
        };
        if JstDay::of(from) < one_month_after(JstDay::of(self.published_at)) {
            return Err(BadAnnouncement::TooLate);
        }
        Ok(())
    }

    pub fn withdraw(mut self, at: Timestamp) -> Result<Self, BadAnnouncement> {
        if self.withdrawn_at.is_some() {
            return Err(BadAnnouncement::Withdrawn);
        }
        self.withdrawn_at = Some(at);
        Ok(self)
    }

    /// What it announces is over.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.ends_at.or(self.starts_at).is_some_and(|end| end < now)
    }
}

/// The same day of the next month, or its last day.
fn one_month_after(day: JstDay) -> JstDay {
    civil(day).checked_add(jiff::Span::new().months(1)).map_or(day.plus(31), jst_day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn maintenance(published: (i16, i8, i8), starts: (i16, i8, i8)) -> Announcement {
        let at = |(y, m, d): (i16, i8, i8), hour| jst_day(date(y, m, d)).at_hour(hour);
        Announcement {
            id: AnnouncementId([0; 16]),
            kind: AnnouncementKind::Maintenance,
            title: Name::parse("設備の点検").unwrap(),
            text: Passage::clip("止まります。"),
            important: true,
            by_mail: true,
            starts_at: Some(at(starts, 2)),
            ends_at: Some(at(starts, 5)),
            published_at: at(published, 14),
            author: "運営者".into(),
            withdrawn_at: None,
        }
    }

    #[test]
    fn op_03_a_planned_stop_is_told_a_month_ahead_or_is_an_emergency() {
        assert_eq!(maintenance((2026, 11, 24), (2026, 12, 24)).check(), Ok(()));
        assert_eq!(maintenance((2026, 11, 24), (2026, 12, 23)).check(), Err(BadAnnouncement::TooLate));
        assert_eq!(maintenance((2027, 1, 31), (2027, 2, 28)).check(), Ok(()), "the last day of the month");
        let mut emergency = maintenance((2026, 11, 24), (2026, 11, 24));
        emergency.kind = AnnouncementKind::Emergency;
        assert_eq!(emergency.check(), Ok(()));
        let mut timeless = maintenance((2026, 11, 24), (2027, 1, 24));
        timeless.ends_at = None;
        assert_eq!(timeless.check(), Err(BadAnnouncement::NoTime));
        timeless.ends_at = Some(timeless.published_at);
        assert_eq!(timeless.check(), Err(BadAnnouncement::EndsBefore));
    }
}
