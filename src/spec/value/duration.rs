//! Durations as people write them: `90s`, `20m`, `1h30m`, or a bare number of seconds.

use std::time::Duration;

use thiserror::Error;

/// Units from large to small, in milliseconds.
const UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// The longest duration, in milliseconds: a year.
const MAX_MILLIS: u64 = 365 * 86_400_000;

/// Why a text is not a duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidDuration {
    /// Nothing is written.
    #[error("it is empty")]
    Empty,
    /// A unit without its number.
    #[error("a number is missing")]
    NoNumber,
    /// A number without its unit, after other parts.
    #[error("a unit is missing after the last number")]
    NoUnit,
    /// Anything that is not one of the units.
    #[error("its units are d, h, m, s and ms")]
    UnknownUnit,
    /// `30m1h`, or a unit twice.
    #[error("its units go from large to small, each at most once")]
    Order,
    /// More than a year.
    #[error("it is longer than a year")]
    TooLong,
}

/// Reads a duration. Parts are whole numbers with a unit (`d`, `h`, `m`, `s`, `ms`), large units first, each at most
/// once; a bare whole number is seconds. At most a year.
///
/// # Errors
/// What is wrong with the text.
pub fn parse_duration(text: &str) -> Result<Duration, InvalidDuration> {
    let text = text.trim();
    if text.is_empty() {
        return Err(InvalidDuration::Empty);
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return total(0, text, 1_000).map(Duration::from_millis);
    }
    let (mut rest, mut units, mut millis) = (text, UNITS.as_slice(), 0);
    while !rest.is_empty() {
        let (number, after) = split(rest, |byte| byte.is_ascii_digit());
        let (unit, after) = split(after, |byte| byte.is_ascii_alphabetic());
        if number.is_empty() {
            return Err(InvalidDuration::NoNumber);
        }
        if unit.is_empty() && after.is_empty() {
            return Err(InvalidDuration::NoUnit);
        }
        let factor = UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .ok_or(InvalidDuration::UnknownUnit)?
            .1;
        let index = units
            .iter()
            .position(|(name, _)| *name == unit)
            .ok_or(InvalidDuration::Order)?;
        millis = total(millis, number, factor)?;
        (rest, units) = (after, &units[index + 1..]);
    }
    Ok(Duration::from_millis(millis))
}

/// A duration of so many milliseconds as people write it.
pub(super) fn shown_duration(millis: u64) -> String {
    let mut left = millis;
    let mut text = String::new();
    for (unit, factor) in UNITS {
        if left >= factor {
            text.push_str(&format!("{}{unit}", left / factor));
            left %= factor;
        }
    }
    match text.is_empty() {
        true => "0s".to_owned(),
        false => text,
    }
}

fn total(sum: u64, number: &str, factor: u64) -> Result<u64, InvalidDuration> {
    let number: u64 = number.parse().map_err(|_| InvalidDuration::TooLong)?;
    number
        .checked_mul(factor)
        .and_then(|part| sum.checked_add(part))
        .filter(|millis| *millis <= MAX_MILLIS)
        .ok_or(InvalidDuration::TooLong)
}

fn split(text: &str, belongs: impl Fn(u8) -> bool) -> (&str, &str) {
    let end = text.bytes().position(|byte| !belongs(byte)).unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_as_people_write_them() {
        for (text, seconds) in [
            ("90s", 90),
            ("20m", 1200),
            ("1h30m", 5400),
            ("45", 45),
            ("0", 0),
            ("1d", 86_400),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(parse_duration("1s500ms"), Ok(Duration::from_millis(1500)));
    }

    #[test]
    fn what_is_not_a_duration_says_why() {
        use InvalidDuration::*;
        for (text, why) in [
            ("", Empty),
            ("m", NoNumber),
            ("-5s", NoNumber),
            ("1h30", NoUnit),
            ("5 min", UnknownUnit),
            ("5y", UnknownUnit),
            ("1.5h", UnknownUnit),
            ("30m1h", Order),
            ("1m1m", Order),
            ("366d", TooLong),
            ("99999999999999999999s", TooLong),
            ("18446744073709551615d", TooLong),
        ] {
            assert_eq!(parse_duration(text), Err(why), "{text}");
        }
    }
}
