//! Times as a Japanese reader wants them: Asia/Tokyo, which has had no summer time since 1951.

use jiff::tz::Offset;
use mimamori_base::Timestamp;

const WEEKDAYS: [&str; 7] = ["月", "火", "水", "木", "金", "土", "日"];
const DAY_SECS: i64 = 86_400;
const JST_SECS: i64 = 9 * 3_600;

fn civil(at: Timestamp) -> jiff::civil::DateTime {
    let at = jiff::Timestamp::from_microsecond(at.micros()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    Offset::constant(9).to_datetime(at)
}

fn weekday(dt: jiff::civil::DateTime) -> &'static str {
    let index = usize::try_from(dt.weekday().to_monday_zero_offset()).unwrap_or(0);
    WEEKDAYS.get(index).copied().unwrap_or("")
}

/// `2026年11月24日(火) 14:05`.
#[must_use]
pub fn date_time(at: Timestamp) -> String {
    format!("{} {}", date(at), time(at))
}

/// `2026年11月24日(火)`.
#[must_use]
pub fn date(at: Timestamp) -> String {
    let dt = civil(at);
    format!("{}年{}月{}日({})", dt.year(), dt.month(), dt.day(), weekday(dt))
}

/// `11月24日`.
#[must_use]
pub fn month_day(at: Timestamp) -> String {
    let dt = civil(at);
    format!("{}月{}日", dt.month(), dt.day())
}

/// `14:05`.
#[must_use]
pub fn time(at: Timestamp) -> String {
    let dt = civil(at);
    format!("{:02}:{:02}", dt.hour(), dt.minute())
}

/// `2026-11-24T14:05:09+09:00`, for machines and `<time datetime>`.
#[must_use]
pub fn iso(at: Timestamp) -> String {
    let dt = civil(at);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}+09:00",
        dt.year(),
        dt.month(),
        dt.day(),
        dt.hour(),
        dt.minute(),
        dt.second()
    )
}

/// A browser's local time, `2026-12-24T02:00`, in Japan.
#[must_use]
pub fn from_local(text: &str) -> Option<Timestamp> {
    let dt: jiff::civil::DateTime = text.trim().parse().ok()?;
    if !(1971..=2199).contains(&dt.year()) {
        return None;
    }
    let at = Offset::constant(9).to_timestamp(dt).ok()?;
    Some(Timestamp(at.as_microsecond()))
}

/// `3時間前`; times to come count as 「たった今」.
#[must_use]
pub fn ago(at: Timestamp, now: Timestamp) -> String {
    let secs = now.since(at).as_secs();
    match secs {
        0..60 => "たった今".to_owned(),
        60..3_600 => format!("{}分前", secs / 60),
        3_600..86_400 => format!("{}時間前", secs / 3_600),
        _ => format!("{}日前", secs / 86_400),
    }
}

/// A day of the Japanese calendar: days since 1970-01-01 in JST.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct JstDay(pub i64);

impl JstDay {
    #[must_use]
    pub const fn of(at: Timestamp) -> Self {
        JstDay((at.secs() + JST_SECS).div_euclid(DAY_SECS))
    }

    /// 0:00 JST of this day.
    #[must_use]
    pub const fn start(self) -> Timestamp {
        Timestamp::from_secs(self.0 * DAY_SECS - JST_SECS)
    }

    /// `hour`:00 JST of this day.
    #[must_use]
    pub const fn at_hour(self, hour: i64) -> Timestamp {
        Timestamp::from_secs(self.0 * DAY_SECS - JST_SECS + hour * 3_600)
    }

    #[must_use]
    pub const fn plus(self, days: i64) -> Self {
        JstDay(self.0 + days)
    }

    /// From `2026-11-24`, as a date field sends it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let date: jiff::civil::Date = text.trim().parse().ok()?;
        let midnight = Offset::constant(9).to_timestamp(date.at(0, 0, 0, 0)).ok()?;
        Some(JstDay::of(Timestamp::from_secs(midnight.as_second())))
    }

    /// `2026-11-24`.
    #[must_use]
    pub fn iso(self) -> String {
        let dt = civil(self.start());
        format!("{:04}-{:02}-{:02}", dt.year(), dt.month(), dt.day())
    }
}

/// `1,234`.
#[must_use]
pub fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_japanese() {
        let at = Timestamp::from_secs(1_795_496_700); // 2026-11-24T05:05:00Z
        assert_eq!(date_time(at), "2026年11月24日(火) 14:05");
        assert_eq!(iso(at), "2026-11-24T14:05:00+09:00");
        assert_eq!(ago(at, Timestamp::from_secs(1_795_496_700 + 3 * 3_600 + 5)), "3時間前");
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(thousands(12), "12");
    }

    #[test]
    fn a_browsers_time_is_japanese() {
        assert_eq!(from_local("2026-11-24T14:05"), Some(Timestamp::from_secs(1_795_496_700)));
        assert_eq!(from_local("だめ"), None);
        assert_eq!(from_local("9999-01-01T00:00"), None);
    }

    #[test]
    fn a_day_begins_at_midnight_in_tokyo() {
        let day = JstDay::of(Timestamp::from_secs(1_795_496_700));
        assert_eq!(date_time(day.start()), "2026年11月24日(火) 00:00");
        assert_eq!(date_time(day.at_hour(9)), "2026年11月24日(火) 09:00");
        assert_eq!(JstDay::of(day.start()), day);
        assert_eq!(JstDay::of(Timestamp(day.start().micros() - 1)), day.plus(-1));
    }

    #[test]
    fn a_day_reads_what_it_writes() {
        let day = JstDay::of(Timestamp::from_secs(1_795_496_700));
        assert_eq!(day.iso(), "2026-11-24");
        assert_eq!(JstDay::parse("2026-11-24"), Some(day));
        assert_eq!(JstDay::parse("2026-02-30"), None);
        assert_eq!(JstDay::parse(""), None);
    }
}
