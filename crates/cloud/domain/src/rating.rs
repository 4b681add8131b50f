//! The stars of an important alert (RT-01).

use crate::coded::coded;

coded!(
    /// How likely it is that the device is infected.
    ///
    /// The order of the variants is the order of urgency in a mail: an alert under investigation
    /// is more urgent than ★☆☆, as nobody knows yet.
    StarRating {
        One = "one", "念のため確認";
        UnderInvestigation = "investigating", "調査中";
        Two = "two", "感染の可能性あり";
        Three = "three", "感染の可能性が高い";
    }
);

impl StarRating {
    /// `★★★`, `★★☆`, `★☆☆` or `※調査中※`.
    #[must_use]
    pub const fn stars(self) -> &'static str {
        match self {
            StarRating::Three => "★★★",
            StarRating::Two => "★★☆",
            StarRating::One => "★☆☆",
            StarRating::UnderInvestigation => "※調査中※",
        }
    }

    /// What a subject says after the stars.
    #[must_use]
    pub const fn call(self) -> &'static str {
        match self {
            StarRating::Three => "要対応",
            StarRating::Two => "要確認",
            StarRating::One => "念のため",
            StarRating::UnderInvestigation => "確認中",
        }
    }

    /// Stars and words: 「★★★ 感染の可能性が高い」, 「※調査中※」.
    #[must_use]
    pub fn text(self) -> String {
        match self {
            StarRating::UnderInvestigation => self.stars().to_owned(),
            _ => format!("{} {}", self.stars(), self.label()),
        }
    }

    /// Filled stars, of three; none while under investigation.
    #[must_use]
    pub const fn filled(self) -> Option<u8> {
        match self {
            StarRating::Three => Some(3),
            StarRating::Two => Some(2),
            StarRating::One => Some(1),
            StarRating::UnderInvestigation => None,
        }
    }

    /// Whether a mail about this may not wait for others (NT-06).
    #[must_use]
    pub const fn is_urgent(self) -> bool {
        matches!(self, StarRating::Three)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_stars_are_the_most_urgent() {
        assert!(StarRating::Three > StarRating::Two);
        assert!(StarRating::Two > StarRating::UnderInvestigation);
        assert!(StarRating::UnderInvestigation > StarRating::One);
        assert_eq!(StarRating::Three.text(), "★★★ 感染の可能性が高い");
        assert_eq!(StarRating::from_code("two"), Ok(StarRating::Two));
    }
}
