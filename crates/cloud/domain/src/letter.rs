//! Mails that are neither about an alert nor about a gateway: an answer, an announcement, a
//! monthly report.

use mimamori_base::Timestamp;
use serde::{Deserialize, Serialize};

use crate::announcement::AnnouncementKind;
use crate::ids::{AnnouncementId, InquiryId, MonthlyId};
use crate::monthly::Month;
use crate::text::{Name, Passage};

/// What the mail says; everything it needs is in it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "letter", rename_all = "snake_case")]
pub enum Letter {
    /// The desk wrote in a thread.
    Answer { inquiry: InquiryId, title: Name, text: Passage, interim_until: Option<Timestamp> },
    Announcement {
        announcement: AnnouncementId,
        kind: AnnouncementKind,
        title: Name,
        text: Passage,
        starts_at: Option<Timestamp>,
        ends_at: Option<Timestamp>,
    },
    /// The month's report is there; the file goes with the mail.
    Monthly { report: MonthlyId, month: Month, sentence: String },
}
