//! When timers fire: cron expressions in time zones, and intervals.

use std::time::Duration;

use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};

use crate::model::{ScheduleDefinition, Timestamp};

/// Longest expression, in bytes.
const MAX_EXPRESSION: usize = 200;

const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
const MONTHS: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];

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
    documented(expression).map_err(|because| wrong(expression, &because))?;
    let parser = CronParser::builder()
        .seconds(Seconds::Optional)
        .year(Year::Disallowed)
        .build();
    parser
        .parse(expression)
        .map_err(|error| wrong(expression, &error.to_string()))
}

/// Whether an expression has only what is documented: the parser knows more, which would mean something else elsewhere.
fn documented(expression: &str) -> Result<(), String> {
    let fields: Vec<&str> = expression.split_whitespace().collect();
    if !matches!(fields.len(), 5 | 6) {
        return Err(format!(
            "it has {} fields, and needs 5, or 6 with seconds first",
            fields.len()
        ));
    }
    // From the last one, which is the same with and without seconds.
    for (from_end, field) in fields.iter().rev().enumerate() {
        let names: &[&str] = match from_end {
            0 => &WEEKDAYS,
            1 => &MONTHS,
            _ => &[],
        };
        if let Some(item) = field.split(',').find(|item| !is_documented(item, names)) {
            return Err(format!("`{item}` is not understood"));
        }
    }
    Ok(())
}

/// `*`, a number or name, or two of them with `-` between; perhaps with `/` and a number.
fn is_documented(item: &str, names: &[&str]) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_value = |text: &str| is_number(text) || names.iter().any(|name| name.eq_ignore_ascii_case(text));
    let (range, step) = match item.split_once('/') {
        Some((range, step)) => (range, Some(step)),
        None => (item, None),
    };
    let is_range = match range.split_once('-') {
        Some((first, last)) => is_value(first) && is_value(last),
        None => range == "*" || is_value(range),
    };
    is_range && step.is_none_or(is_number)
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

    #[test]
    fn tr_01_only_what_is_documented_is_a_cron_expression() {
        let read = |expression: &str| {
            Schedule::new(&ScheduleDefinition::Cron {
                expression: expression.to_owned(),
                time_zone: "UTC".to_owned(),
            })
        };
        for right in [
            "* * * * *",
            "*/5 0-12/3 1,15 jan-MAR,12 Mon-fri",
            "0 5 0 * * SUN",
            "5-59/20 * * * 1",
            "  0  6 *  * *  ",
        ] {
            assert!(read(right).is_ok(), "{right}: {:?}", read(right));
        }
        for (unknown, item) in [
            ("@daily", "1 fields"),
            ("* * * *", "4 fields"),
            ("0 0 6 * * * 2030", "7 fields"),
            ("0 0 L * *", "`L`"),
            ("0 0 15W * *", "`15W`"),
            ("0 0 * * 5L", "`5L`"),
            ("0 0 * * MON#2", "`MON#2`"),
            ("0 0 ? * *", "`?`"),
            ("0 0 * * +MON", "`+MON`"),
            ("0 MON * * *", "`MON`"),
            ("0 0 * MON *", "`MON`"),
            ("0 0 * * JAN", "`JAN`"),
            ("0 0 1,,2 * *", "``"),
            ("0 0 1- * *", "`1-`"),
            ("*/ * * * *", "`*/`"),
            ("1-2-3 * * * *", "`1-2-3`"),
            ("-1 * * * *", "`-1`"),
        ] {
            let problem = read(unknown).unwrap_err();
            assert!(problem.message.contains(item), "{unknown}: {}", problem.message);
            assert!(!problem.is_about_zone);
        }
    }
}
