//! Something that a customer has to be told by mail, and until when.

use std::time::Duration;

use mimamori_base::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{AlertId, CustomerId, GatewayId, NoticeId};
use crate::letter::Letter;
use crate::party::EmailAddress;
use crate::rating::StarRating;

/// How long the first alert of a group waits for others (NT-06). Never extended.
pub const GROUP_DEADLINE: Duration = Duration::from_secs(60);

/// Stands where a customer would: the notice is for somebody of the operation, a reseller or its
/// desk, about their own account.
pub const TO_STAFF: CustomerId = CustomerId([0; 16]);

/// Committed together with what caused it; turned into mail by `notify`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Notice {
    pub id: NoticeId,
    pub customer: CustomerId,
    pub kind: NoticeKind,
    pub created_at: Timestamp,
    pub due_at: Timestamp,
}

/// What the notice is about.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum NoticeKind {
    AlertRaised {
        alert: AlertId,
        rating: StarRating,
    },
    /// The rating of an alert rose: it is mailed again.
    AlertRose {
        alert: AlertId,
        from: StarRating,
        to: StarRating,
    },
    /// The analyst's finding (調査結果報告).
    Investigated {
        alert: AlertId,
    },
    GatewayStopped {
        gateway: GatewayId,
        since: Timestamp,
    },
    GatewayStillStopped {
        gateway: GatewayId,
        since: Timestamp,
    },
    GatewayRecovered {
        gateway: GatewayId,
        since: Timestamp,
        at: Timestamp,
    },
    /// A ★★★ mail did not reach one address: the next one is asked to take over.
    TakeOver {
        to: EmailAddress,
        failed: EmailAddress,
        alert: AlertId,
    },
    /// Asked for from the portal, to one address (NT-07).
    TestMail {
        to: EmailAddress,
    },
    /// An answer, an announcement or a report; to one address, or to all of the customer's.
    Letter {
        to: Option<EmailAddress>,
        letter: Box<Letter>,
    },
    /// About an account, to the person behind it.
    Account {
        to: EmailAddress,
        mail: AccountMail,
    },
}

/// Mails about an account (AC-01, AC-03).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "mail", rename_all = "snake_case")]
pub enum AccountMail {
    /// A link for a new password; the token can be used once.
    Reset { token: String, until: Timestamp },
    /// Temporary user ID and password.
    Issued { login: String, password: String, until: Timestamp },
    /// For the owner to notice if it was somebody else.
    PasswordChanged { at: Timestamp },
}

impl NoticeKind {
    /// The alert it speaks of, if any.
    #[must_use]
    pub const fn alert(&self) -> Option<AlertId> {
        match self {
            NoticeKind::AlertRaised { alert, .. }
            | NoticeKind::AlertRose { alert, .. }
            | NoticeKind::TakeOver { alert, .. }
            | NoticeKind::Investigated { alert } => Some(*alert),
            _ => None,
        }
    }

    /// The only address it goes to, if it is not for all of the customer's.
    #[must_use]
    pub const fn only_to(&self) -> Option<&EmailAddress> {
        match self {
            NoticeKind::TestMail { to }
            | NoticeKind::Account { to, .. }
            | NoticeKind::TakeOver { to, .. } => Some(to),
            NoticeKind::Letter { to, .. } => to.as_ref(),
            _ => None,
        }
    }

    /// The letter, which is always a mail of its own.
    #[must_use]
    pub const fn letter(&self) -> Option<&Letter> {
        match self {
            NoticeKind::Letter { letter, .. } => Some(letter),
            _ => None,
        }
    }

    /// The gateway it speaks of, if any.
    #[must_use]
    pub const fn gateway(&self) -> Option<GatewayId> {
        match self {
            NoticeKind::GatewayStopped { gateway, .. }
            | NoticeKind::GatewayStillStopped { gateway, .. }
            | NoticeKind::GatewayRecovered { gateway, .. } => Some(*gateway),
            _ => None,
        }
    }
}

/// When a mail about `rating` is due: ★★★ at once; anything else at the deadline that the first
/// waiting alert fixed (`waiting`), or one minute from now if none waits.
#[must_use]
pub fn deadline(rating: StarRating, now: Timestamp, waiting: Option<Timestamp>) -> Timestamp {
    if rating.is_urgent() {
        return now;
    }
    // A notice that waits for longer (a flapping gateway) does not hold up an alert.
    let own = now + GROUP_DEADLINE;
    waiting.map_or(own, |deadline| deadline.min(own))
}
