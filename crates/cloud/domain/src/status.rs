//! 状態: one look that tells whether there is a problem (PT-02, UX.md).

use mimamori_base::Timestamp;
use serde::{Deserialize, Serialize};

use crate::coded::coded;
use crate::detection::DetectionKind;
use crate::rating::StarRating;

coded!(
    /// The banner of the first page, the worst last.
    Headline {
        AllWell = "all_well", "問題なし";
        PleaseCheck = "please_check", "確認してください";
        UnderInvestigation = "investigating", "調査中";
        GatewayStopped = "gateway_stopped", "UTM装置が停止しています";
        ActionNeeded = "action_needed", "対応が必要です";
    }
);

impl Headline {
    /// Derived from the ratings of alerts that nobody has dealt with and from the gateways.
    #[must_use]
    pub fn derive(open: impl IntoIterator<Item = StarRating>, stopped_gateways: u64) -> Self {
        let from_alerts = open.into_iter().map(|rating| match rating {
            StarRating::Three | StarRating::Two => Headline::ActionNeeded,
            StarRating::One => Headline::PleaseCheck,
            StarRating::UnderInvestigation => Headline::UnderInvestigation,
        });
        let from_gateways = (stopped_gateways > 0).then_some(Headline::GatewayStopped);
        from_alerts.chain(from_gateways).max().unwrap_or(Headline::AllWell)
    }
}

/// A half-open span of time, `from <= t < to`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Period {
    pub from: Timestamp,
    pub to: Timestamp,
}

impl Period {
    /// The last `days` days of the Japanese calendar, today included.
    #[must_use]
    pub fn last_days(days: u16, now: Timestamp) -> Self {
        let today = crate::jst::JstDay::of(now);
        Period { from: today.plus(1 - i64::from(days.max(1))).start(), to: today.plus(1).start() }
    }
}

/// How many of one kind, and how many of them were stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CountByKind {
    pub kind: DetectionKind,
    pub total: u64,
    pub stopped: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_decides() {
        use StarRating::{One, Three, UnderInvestigation};
        assert_eq!(Headline::derive([], 0), Headline::AllWell);
        assert_eq!(Headline::derive([One], 0), Headline::PleaseCheck);
        assert_eq!(Headline::derive([One, UnderInvestigation], 0), Headline::UnderInvestigation);
        assert_eq!(Headline::derive([One], 1), Headline::GatewayStopped);
        assert_eq!(Headline::derive([Three], 1), Headline::ActionNeeded);
    }
}
