//! When the help desk is open and until when it has to answer (HD-01, HD-02).
//!
//! Holds always: weekdays 9:00 to 18:00 in Japan, not on public holidays nor from 29 December to
//! 3 January. Deliberately not here: who answers (`inquiry`).

use jiff::civil::{Date, Weekday, date};
use mimamori_base::Timestamp;

use crate::holiday::holiday;
use crate::jst::JstDay;

const OPENS: i64 = 9;
const CLOSES: i64 = 18;
/// Business days within which an inquiry is answered.
pub const ANSWER_DAYS: u32 = 4;
/// Longest row of closed days, with room: nothing here runs for ever.
const LOOK_AHEAD_DAYS: u32 = 400;

/// The day as a date of the calendar.
#[must_use]
pub fn civil(day: JstDay) -> Date {
    let epoch = date(1970, 1, 1);
    jiff::Span::new().try_days(day.0).ok().and_then(|span| epoch.checked_add(span).ok()).unwrap_or(epoch)
}

/// The other way round.
#[must_use]
pub fn jst_day(of: Date) -> JstDay {
    let days = date(1970, 1, 1).until((jiff::Unit::Day, of)).map_or(0, |span| span.get_days());
    JstDay(i64::from(days))
}

/// Whether the desk works on this day.
#[must_use]
pub fn is_business_day(day: JstDay) -> bool {
    let d = civil(day);
    let weekend = matches!(d.weekday(), Weekday::Saturday | Weekday::Sunday);
    let new_year = matches!((d.month(), d.day()), (12, 29..=31) | (1, 1..=3));
    !weekend && !new_year && holiday(d).is_none()
}

/// Whether somebody answers the telephone now.
#[must_use]
pub fn is_open(at: Timestamp) -> bool {
    let day = JstDay::of(at);
    is_business_day(day) && day.at_hour(OPENS) <= at && at < day.at_hour(CLOSES)
}

/// The day on which what came in at `at` counts as received: after closing time, the next one.
#[must_use]
pub fn received_on(at: Timestamp) -> JstDay {
    let day = JstDay::of(at);
    if is_business_day(day) && at < day.at_hour(CLOSES) { day } else { next_business_day(day) }
}

fn next_business_day(after: JstDay) -> JstDay {
    let mut day = after.plus(1);
    for _ in 0..LOOK_AHEAD_DAYS {
        if is_business_day(day) {
            break;
        }
        day = day.plus(1);
    }
    day
}

/// Closing time of the `days`-th business day after the day of receipt.
#[must_use]
pub fn due(received: Timestamp, days: u32) -> Timestamp {
    let mut day = received_on(received);
    for _ in 0..days.min(60) {
        day = next_business_day(day);
    }
    day.at_hour(CLOSES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jst;

    fn at(y: i16, m: i8, d: i8, hour: i64) -> Timestamp {
        jst_day(date(y, m, d)).at_hour(hour)
    }

    #[test]
    fn days_and_dates_are_the_same_days() {
        let day = JstDay::of(Timestamp::from_secs(1_795_496_700));
        assert_eq!(civil(day), date(2026, 11, 24));
        assert_eq!(jst_day(civil(day)), day);
    }

    #[test]
    fn hd_02_an_answer_is_due_on_the_fourth_business_day() {
        // Tuesday at ten: Wednesday, Thursday, Friday, Monday.
        assert_eq!(jst::date_time(due(at(2026, 11, 24, 10), 4)), "2026年11月30日(月) 18:00");
        // After closing time it counts as Wednesday's.
        assert_eq!(jst::date_time(due(at(2026, 11, 24, 19), 4)), "2026年12月1日(火) 18:00");
        // Over the silver week: Friday evening counts as Thursday the 24th.
        assert_eq!(jst::date_time(due(at(2026, 9, 18, 20), 1)), "2026年9月25日(金) 18:00");
        // Over the New Year: closed from the 29th to the 3rd, which is a Sunday in 2027.
        assert_eq!(jst::date_time(due(at(2026, 12, 28, 17), 1)), "2027年1月4日(月) 18:00");
    }

    #[test]
    fn hd_01_the_desk_is_open_on_weekdays_from_nine_to_six() {
        assert!(is_open(at(2026, 11, 24, 9)) && is_open(at(2026, 11, 24, 17)));
        assert!(!is_open(at(2026, 11, 24, 8)) && !is_open(at(2026, 11, 24, 18)));
        assert!(!is_open(at(2026, 11, 23, 10)), "勤労感謝の日");
        assert!(!is_open(at(2026, 11, 22, 10)), "Sunday");
        assert!(!is_open(at(2026, 12, 31, 10)) && is_open(at(2026, 12, 28, 10)));
    }
}
