//! Small parts that several pages share.

use std::fmt;

use askama::filters::HtmlSafe;
use mimamori_base::Timestamp;
use mimamori_domain::{Outcome, StarRating, jst};

/// A point in time, as text for people and for machines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    pub iso: String,
    /// `2026年11月24日(火) 14:05`.
    pub exact: String,
    /// `11月24日 14:05`.
    pub short: String,
    /// `3時間前`.
    pub ago: String,
}

impl Moment {
    pub fn at(at: Timestamp, now: Timestamp) -> Self {
        Moment {
            iso: jst::iso(at),
            exact: jst::date_time(at),
            short: format!("{} {}", jst::month_day(at), jst::time(at)),
            ago: jst::ago(at, now),
        }
    }
}

/// Prints `<time>`: the duration, with the exact time on hover and for screen readers.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            r#"<time datetime="{}" title="{}">{}<span class="hidden-text">（{}）</span></time>"#,
            self.iso, self.exact, self.ago, self.exact
        )
    }
}

impl HtmlSafe for Moment {}

/// The rating of an alert: text, shape and word; colour only supports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stars {
    pub class: &'static str,
    pub shape: &'static str,
    pub word: &'static str,
    pub meaning: &'static str,
}

impl From<StarRating> for Stars {
    fn from(rating: StarRating) -> Self {
        let (class, meaning) = match rating {
            StarRating::Three => {
                ("three", "機器がウイルスに感染している可能性が高い状態です。すぐに対応してください。")
            }
            StarRating::Two => {
                ("two", "機器が感染している可能性があります。フルスキャンをして、結果を報告してください。")
            }
            StarRating::One => ("one", "感染の可能性は低いものの、知っておいていただきたい検知です。"),
            StarRating::UnderInvestigation => {
                ("look", "分析担当が調べています。結果が出しだい、同じ宛先へメールでお知らせします。")
            }
        };
        let word = match rating {
            StarRating::UnderInvestigation => "",
            _ => rating.label(),
        };
        Stars { class, shape: rating.stars(), word, meaning }
    }
}

impl fmt::Display for Stars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let spoken = match self.class {
            "three" => "星3つ: ",
            "two" => "星2つ: ",
            "one" => "星1つ: ",
            _ => "",
        };
        let hidden = if spoken.is_empty() { "" } else { r#" aria-hidden="true""# };
        write!(f, r#"<span class="stars {}"><span class="shape"{hidden}>{}</span>"#, self.class, self.shape)?;
        if !spoken.is_empty() {
            write!(f, r#"<span class="hidden-text">{spoken}</span>"#)?;
        }
        write!(f, "{}</span>", self.word)
    }
}

impl HtmlSafe for Stars {}

/// A short word in a box with a shape of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag {
    pub class: &'static str,
    pub icon: &'static str,
    pub word: &'static str,
}

impl From<Outcome> for Tag {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Blocked => Tag { class: "ok", icon: "shield", word: "止めました" },
            Outcome::Neutralised => Tag { class: "ok", icon: "shield", word: "無害にしました" },
            Outcome::Allowed => Tag { class: "check", icon: "shield-open", word: "記録のみ" },
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub href: String,
    pub label: String,
}

impl Link {
    pub fn new(href: impl Into<String>, label: impl Into<String>) -> Self {
        Link { href: href.into(), label: label.into() }
    }
}

/// One of several views of the same page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    pub href: String,
    pub label: String,
    pub current: bool,
}

/// A name and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    pub name: &'static str,
    pub value: String,
    pub mono: bool,
}

impl Fact {
    pub fn new(name: &'static str, value: impl Into<String>) -> Self {
        Fact { name, value: value.into(), mono: false }
    }

    pub fn mono(name: &'static str, value: impl Into<String>) -> Self {
        Fact { name, value: value.into(), mono: true }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactGroup {
    pub title: &'static str,
    pub facts: Vec<Fact>,
}

/// What stands where a list would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Empty {
    pub title: &'static str,
    pub text: &'static str,
}

/// Links through a list that goes back in time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pager {
    /// Back to the newest; only on later pages.
    pub newest: Option<String>,
    pub older: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rating_is_text_and_shape_and_word() {
        let html = Stars::from(StarRating::Two).to_string();
        assert!(html.contains("★★☆") && html.contains("星2つ") && html.contains("感染の可能性あり"));
        assert!(Stars::from(StarRating::UnderInvestigation).to_string().contains("※調査中※"));
    }
}
