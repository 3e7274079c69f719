//! When timers fire: cron expressions in time zones, and intervals.

use std::time::Duration;

use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds};

use crate::model::{ScheduleDefinition, Timestamp};

/// Longest expression, in bytes.
const MAX_EXPRESSION: usize = 200;

/// A schedule that can be asked.
#[derive(Debug, Clone)]
pub enum Schedule {
    /// At the moments of an expression.
    Cron(Box<Cron>, Tz),
    /// After a time.
    Interval(Duration),
}

/// Why a schedule cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidSchedule {
    /// What is wrong.
    pub message: String,
    /// Whether the time zone is what is wrong.
    pub is_about_zone: bool,
}

impl Schedule {
    /// Reads a definition.
    ///
    /// # Errors
    /// An expression or a time zone that means nothing, or an expression that never comes true.
    pub fn new(definition: &ScheduleDefinition) -> Result<Self, InvalidSchedule> {
        let (expression, time_zone) = match definition {
            ScheduleDefinition::Interval(milliseconds) => {
                return Ok(Self::Interval(Duration::from_millis(*milliseconds)));
            }
            ScheduleDefinition::Cron {
                expression,
                time_zone,
            } => (expression, time_zone),
        };
        let zone: Tz = time_zone.parse().map_err(|_| InvalidSchedule {
            message: format!("there is no time zone `{time_zone}`"),
            is_about_zone: true,
        })?;
        let schedule = Self::Cron(Box::new(cron(expression)?), zone);
        match schedule.next_after(Timestamp::from_micros(0)) {
            Some(_) => Ok(schedule),
            None => Err(wrong(expression, "it never comes true")),
        }
    }

    /// The first moment after another one; `None` when there is none.
    pub fn next_after(&self, moment: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Interval(interval) => Some(moment.plus(*interval)),
            Self::Cron(cron, zone) => {
                let local = moment.to_utc().with_timezone(zone);
                let next = cron.find_next_occurrence(&local, false).ok()?;
                Some(next.to_utc().into())
            }
        }
    }
}

fn cron(expression: &str) -> Result<Cron, InvalidSchedule> {
    if expression.len() > MAX_EXPRESSION {
        return Err(wrong("…", &format!("it is longer than {MAX_EXPRESSION} bytes")));
    }
    let parser = CronParser::builder().seconds(Seconds::Optional).build();
    parser
        .parse(expression)
        .map_err(|error| wrong(expression, &error.to_string()))
}

fn wrong(expression: &str, because: &str) -> InvalidSchedule {
    InvalidSchedule {
        message: format!("`{expression}` is not a cron expression: {because}"),
        is_about_zone: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(text: &str) -> Timestamp {
        let parsed: chrono::DateTime<chrono::Utc> = text.parse().unwrap();
        parsed.into()
    }

    fn next(expression: &str, time_zone: &str, after: &str) -> String {
        let definition = ScheduleDefinition::Cron {
            expression: expression.to_owned(),
            time_zone: time_zone.to_owned(),
        };
        let next = Schedule::new(&definition)
            .unwrap()
            .next_after(moment(after))
            .unwrap();
        next.to_utc().to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
    }

    #[test]
    fn tr_01_cron_with_and_without_seconds_and_in_time_zones() {
        let after = "2026-11-26T07:00:00Z";
        assert_eq!(next("30 6 * * *", "UTC", after), "2026-11-27T06:30:00Z");
        assert_eq!(next("*/10 * * * * *", "UTC", after), "2026-11-26T07:00:10Z");
        assert_eq!(
            next("30 6 * * *", "America/New_York", after),
            "2026-11-26T11:30:00Z"
        );
        assert_eq!(
            next("0 0 * * MON", "Europe/Berlin", after),
            "2026-11-29T23:00:00Z"
        );
    }

    #[test]
    fn tr_01_a_change_of_the_clock_neither_loses_nor_doubles_a_moment() {
        // 2026-03-29 02:30 does not exist in Berlin, 2026-10-25 02:30 exists twice.
        let spring = next("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z");
        assert!(spring.starts_with("2026-03-29T01:"), "{spring}");
        let first = next("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z");
        let second = next("30 2 * * *", "Europe/Berlin", &first);
        assert!(
            first.starts_with("2026-10-25") && second.starts_with("2026-10-26"),
            "{first} {second}"
        );
    }

    #[test]
    fn wrong_schedules_are_told_apart() {
        let of = |expression: &str, time_zone: &str| {
            let (expression, time_zone) = (expression.to_owned(), time_zone.to_owned());
            Schedule::new(&ScheduleDefinition::Cron {
                expression,
                time_zone,
            })
            .unwrap_err()
        };
        assert!(of("* * * * *", "Europe/Atlantis").is_about_zone);
        assert!(of("61 * * * *", "UTC").message.contains("61 * * * *"));
        assert!(of("0 0 30 2 *", "UTC").message.contains("never"));
        assert!(of(&"1,".repeat(500), "UTC").message.contains("longer"));
    }
}
