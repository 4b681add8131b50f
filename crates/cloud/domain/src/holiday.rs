//! Japanese public holidays, computed from the law (国民の祝日に関する法律) as it stands since 2000.
//!
//! Holds always: years 2000 to 2099; the special years of the law (2019 to 2021) are in it.
//! Deliberately not here: opening hours (`business`).

use jiff::civil::{Date, Weekday, date};

/// The name of the holiday on this day.
#[must_use]
pub fn holiday(day: Date) -> Option<&'static str> {
    if !(2000..=2099).contains(&day.year()) {
        return None;
    }
    named(day).or_else(|| substitute(day)).or_else(|| between(day))
}

/// Days that the law names.
fn named(day: Date) -> Option<&'static str> {
    let (y, m, d) = (day.year(), day.month(), day.day());
    let nth_monday = |n: i8| day.weekday() == Weekday::Monday && (d - 1) / 7 + 1 == n;
    let name = match (m, d) {
        (1, 1) => "元日",
        (1, _) if nth_monday(2) => "成人の日",
        (2, 11) => "建国記念の日",
        (2, 23) if y >= 2020 => "天皇誕生日",
        (3, _) if d == march_equinox(y) => "春分の日",
        (4, 29) => {
            if y >= 2007 {
                "昭和の日"
            } else {
                "みどりの日"
            }
        }
        (5, 1) if y == 2019 => "即位の日",
        (5, 3) => "憲法記念日",
        (5, 4) if y >= 2007 => "みどりの日",
        (5, 5) => "こどもの日",
        (7 | 8 | 10, _) if matches!(y, 2020 | 2021) => return moved(y, m, d),
        (7, 20) if y <= 2002 => "海の日",
        (7, _) if y >= 2003 && nth_monday(3) => "海の日",
        (8, 11) if y >= 2016 => "山の日",
        (9, 15) if y <= 2002 => "敬老の日",
        (9, _) if y >= 2003 && nth_monday(3) => "敬老の日",
        (9, _) if d == september_equinox(y) => "秋分の日",
        (10, 22) if y == 2019 => "即位礼正殿の儀の行われる日",
        (10, _) if nth_monday(2) => {
            if y >= 2020 {
                "スポーツの日"
            } else {
                "体育の日"
            }
        }
        (11, 3) => "文化の日",
        (11, 23) => "勤労感謝の日",
        (12, 23) if y <= 2018 => "天皇誕生日",
        _ => return None,
    };
    Some(name)
}

/// July, August and October of the years that the Olympic games moved.
fn moved(y: i16, m: i8, d: i8) -> Option<&'static str> {
    match (y, m, d) {
        (2020, 7, 23) | (2021, 7, 22) => Some("海の日"),
        (2020, 7, 24) | (2021, 7, 23) => Some("スポーツの日"),
        (2020, 8, 10) | (2021, 8, 8) => Some("山の日"),
        _ => None,
    }
}

/// When a holiday falls on a Sunday, the next day that is none itself (before 2007: the Monday).
fn substitute(day: Date) -> Option<&'static str> {
    let mut before = day.yesterday().ok()?;
    if day.year() < 2007 {
        let after_one = day.weekday() == Weekday::Monday && named(before).is_some();
        return after_one.then_some("振替休日");
    }
    while named(before).is_some() {
        if before.weekday() == Weekday::Sunday {
            return Some("振替休日");
        }
        before = before.yesterday().ok()?;
    }
    None
}

/// A day between two holidays.
fn between(day: Date) -> Option<&'static str> {
    let sunday = day.weekday() == Weekday::Sunday;
    let both = named(day.yesterday().ok()?).is_some() && named(day.tomorrow().ok()?).is_some();
    (both && !sunday).then_some("国民の休日")
}

/// The usual formula, right from 1980 to 2099.
fn equinox(year: i16, base: f64) -> i8 {
    let since = f64::from(year - 1980);
    let day = (base + 0.242_194 * since).floor() - f64::from((year - 1980).div_euclid(4));
    (20..=24).find(|d| f64::from(*d) == day).unwrap_or(21)
}

fn march_equinox(year: i16) -> i8 {
    equinox(year, 20.8431)
}

fn september_equinox(year: i16) -> i8 {
    equinox(year, 23.2488)
}

/// All holidays of a year, in order.
#[must_use]
pub fn of_year(year: i16) -> Vec<(Date, &'static str)> {
    let mut day = date(year.clamp(2000, 2099), 1, 1);
    let mut all = Vec::new();
    while day.year() == year {
        if let Some(name) = holiday(day) {
            all.push((day, name));
        }
        let Ok(next) = day.tomorrow() else { break };
        day = next;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(year: i16) -> String {
        let all: Vec<String> =
            of_year(year).iter().map(|(d, _)| format!("{}/{}", d.month(), d.day())).collect();
        all.join(" ")
    }

    /// The Cabinet Office's published lists.
    #[test]
    fn the_computed_days_are_the_published_ones() {
        let published = [
            (
                2019,
                "1/1 1/14 2/11 3/21 4/29 4/30 5/1 5/2 5/3 5/4 5/5 5/6 7/15 8/11 8/12 9/16 9/23 10/14 10/22 11/3 11/4 11/23",
            ),
            (2020, "1/1 1/13 2/11 2/23 2/24 3/20 4/29 5/3 5/4 5/5 5/6 7/23 7/24 8/10 9/21 9/22 11/3 11/23"),
            (2021, "1/1 1/11 2/11 2/23 3/20 4/29 5/3 5/4 5/5 7/22 7/23 8/8 8/9 9/20 9/23 11/3 11/23"),
            (
                2024,
                "1/1 1/8 2/11 2/12 2/23 3/20 4/29 5/3 5/4 5/5 5/6 7/15 8/11 8/12 9/16 9/22 9/23 10/14 11/3 11/4 11/23",
            ),
            (2026, "1/1 1/12 2/11 2/23 3/20 4/29 5/3 5/4 5/5 5/6 7/20 8/11 9/21 9/22 9/23 10/12 11/3 11/23"),
            (2027, "1/1 1/11 2/11 2/23 3/21 3/22 4/29 5/3 5/4 5/5 7/19 8/11 9/20 9/23 10/11 11/3 11/23"),
        ];
        for (year, list) in published {
            assert_eq!(days(year), list, "{year}");
        }
    }

    #[test]
    fn a_day_between_two_holidays_is_one() {
        assert_eq!(holiday(date(2026, 9, 22)), Some("国民の休日"));
        assert_eq!(holiday(date(2032, 9, 20)), Some("敬老の日"));
        assert_eq!(holiday(date(2032, 9, 21)), Some("国民の休日"));
        assert_eq!(holiday(date(2032, 9, 22)), Some("秋分の日"));
        assert_eq!(holiday(date(2019, 4, 30)), Some("国民の休日"));
    }
}
