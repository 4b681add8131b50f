//! 「これは業務です」: detections that a customer's own work explains and that raise no alert.
//!
//! Holds always: an exception names a signature or a name on the other side, never everything;
//! it ends by itself; what a customer asks for counts only after an analyst agreed. Deliberately
//! not here: whether traffic is stopped (the gateway's own lists do that).

use std::time::Duration;

use mimamori_base::Timestamp;
use serde::{Deserialize, Serialize};

use crate::alert::Actor;
use crate::coded::coded;
use crate::detection::{Detection, DeviceKey};
use crate::ids::{AlertId, CustomerId, ExceptionId, GatewayId};
use crate::text::Line;

/// The longest that an exception lasts without being renewed.
pub const LASTS_AT_MOST: Duration = Duration::from_secs(366 * 86_400);

coded!(
    /// Where an exception stands.
    ExceptionState {
        Asked = "asked", "確認待ち";
        Active = "active", "有効";
        Refused = "refused", "見送り";
        Ended = "ended", "終了";
    }
);

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Exception {
    pub id: ExceptionId,
    pub customer: CustomerId,
    pub matches: Matches,
    /// The alert that it was asked from.
    pub alert: Option<AlertId>,
    /// What the work is, in the words of who asked.
    pub reason: Line,
    pub asked_by: Actor,
    pub asked_at: Timestamp,
    pub state: ExceptionState,
    pub decided_by: Option<Actor>,
    pub decided_at: Option<Timestamp>,
    pub expires_at: Timestamp,
    /// Grows with every change; guards every update.
    pub version: u64,
}

/// What an exception covers: all that is given has to fit.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Matches {
    pub gateway: Option<GatewayId>,
    pub device: Option<DeviceKey>,
    pub sid: Option<u32>,
    /// The name on the other side, or a domain above it.
    pub host: Option<Line>,
}

/// Why an exception was refused or cannot change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadException {
    #[error("an exception names a signature or a host")]
    TooWide,
    #[error("an exception ends within a year, in the future")]
    BadEnd,
    #[error("it was decided already")]
    Decided,
}

impl Matches {
    /// Whether `d` of `gateway` is explained.
    #[must_use]
    pub fn cover(&self, gateway: GatewayId, d: &Detection) -> bool {
        (self.sid.is_some() || self.host.is_some())
            && self.gateway.is_none_or(|g| g == gateway)
            && self.device.as_ref().is_none_or(|key| *key == d.device.key())
            && self.sid.is_none_or(|sid| d.signature.as_ref().is_some_and(|s| s.sid == sid))
            && self.host.as_ref().is_none_or(|host| d.host.as_ref().is_some_and(|name| below(name, host)))
    }
}

/// `name` is `domain` or lies below it.
fn below(name: &str, domain: &str) -> bool {
    let (name, domain) = (name.trim_end_matches('.'), domain.trim_end_matches('.'));
    let Some(at) = name.len().checked_sub(domain.len()) else { return false };
    let Some((head, tail)) = name.split_at_checked(at) else { return false };
    !domain.is_empty() && tail.eq_ignore_ascii_case(domain) && (head.is_empty() || head.ends_with('.'))
}

impl Exception {
    /// Checks what was asked for at `now`.
    pub fn check(&self, now: Timestamp) -> Result<(), BadException> {
        if self.matches.sid.is_none() && self.matches.host.as_ref().is_none_or(|h| !h.contains('.')) {
            return Err(BadException::TooWide);
        }
        if self.expires_at <= now || self.expires_at.since(now) > LASTS_AT_MOST {
            return Err(BadException::BadEnd);
        }
        Ok(())
    }

    /// Whether it counts at `now`.
    #[must_use]
    pub fn holds(&self, now: Timestamp) -> bool {
        self.state == ExceptionState::Active && now < self.expires_at
    }

    /// An analyst agrees or refuses.
    pub fn decide(mut self, agreed: bool, at: Timestamp, by: Actor) -> Result<Self, BadException> {
        if self.state != ExceptionState::Asked {
            return Err(BadException::Decided);
        }
        self.state = if agreed { ExceptionState::Active } else { ExceptionState::Refused };
        self.decided_by = Some(by);
        self.decided_at = Some(at);
        self.version += 1;
        Ok(self)
    }

    /// Ends before its time.
    pub fn end(mut self, at: Timestamp, by: Actor) -> Result<Self, BadException> {
        if !matches!(self.state, ExceptionState::Asked | ExceptionState::Active) {
            return Err(BadException::Decided);
        }
        self.state = ExceptionState::Ended;
        self.decided_by = Some(by);
        self.decided_at = Some(at);
        self.version += 1;
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_covers_what_lies_below_it_and_nothing_beside_it() {
        assert!(below("update.vendor.example", "vendor.example"));
        assert!(below("VENDOR.example.", "vendor.example"));
        assert!(!below("evilvendor.example", "vendor.example"));
        assert!(!below("example", "vendor.example"));
        assert!(!below("竹.example", "x竹.example"));
        assert!(!below("a.example", ""));
    }
}
