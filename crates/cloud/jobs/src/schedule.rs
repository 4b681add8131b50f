//! When a job is due next. Pure.

use std::time::Duration;

use mimamori_base::Timestamp;
use mimamori_domain::jst::JstDay;

/// The periodic jobs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Job {
    Liveness,
    DailyReminder,
    Retention,
    /// The cells of the comparison with all companies.
    Comparison,
    /// Mails of announcements to every customer.
    Announcements,
    /// Answered inquiries close by themselves (HD-03).
    CloseInquiries,
    /// The papers of the month that is over (PT-10).
    Monthly,
}

/// How a job repeats.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Schedule {
    Every(Duration),
    /// At this full hour in Japan, each day.
    DailyAt(i64),
}

impl Job {
    pub const ALL: &'static [Job] = &[
        Job::Liveness,
        Job::DailyReminder,
        Job::Retention,
        Job::Comparison,
        Job::Announcements,
        Job::CloseInquiries,
        Job::Monthly,
    ];

    /// Its name in the store.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Job::Liveness => "liveness",
            Job::DailyReminder => "daily-reminder",
            Job::Retention => "retention",
            Job::Comparison => "comparison",
            Job::Announcements => "announcements",
            Job::CloseInquiries => "close-inquiries",
            Job::Monthly => "monthly",
        }
    }

    #[must_use]
    pub const fn schedule(self) -> Schedule {
        match self {
            Job::Liveness => Schedule::Every(Duration::from_secs(60)),
            Job::Announcements | Job::Monthly => Schedule::Every(Duration::from_secs(60)),
            Job::CloseInquiries => Schedule::Every(Duration::from_secs(3_600)),
            Job::DailyReminder => Schedule::DailyAt(9),
            Job::Retention => Schedule::Every(Duration::from_secs(3_600)),
            Job::Comparison => Schedule::DailyAt(3),
        }
    }
}

impl Schedule {
    /// The next time after `now`. A time that was missed is made up for once, not several times.
    #[must_use]
    pub fn next_after(self, now: Timestamp) -> Timestamp {
        match self {
            Schedule::Every(period) => now + period,
            Schedule::DailyAt(hour) => {
                let today = JstDay::of(now).at_hour(hour);
                if now < today { today } else { JstDay::of(now).plus(1).at_hour(hour) }
            }
        }
    }

    /// Whether a job that has never run runs at once.
    #[must_use]
    pub const fn runs_at_first_sight(self) -> bool {
        matches!(self, Schedule::Every(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mimamori_domain::jst;

    #[test]
    fn the_reminder_comes_at_nine_in_japan() {
        let at = Timestamp::from_secs(1_795_496_700); // 14:05 JST
        let next = Schedule::DailyAt(9).next_after(at);
        assert_eq!(jst::date_time(next), "2026年11月25日(水) 09:00");
        let early = JstDay::of(at).at_hour(8);
        assert_eq!(jst::date_time(Schedule::DailyAt(9).next_after(early)), "2026年11月24日(火) 09:00");
        assert_eq!(Schedule::DailyAt(9).next_after(next), next + Duration::from_secs(86_400));
    }
}
