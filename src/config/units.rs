//! Durations and sizes as people write them.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// `90s`, `20m`, `1h30m`, `250ms` or a bare number of seconds.
pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a duration: write `90s`, `20m` or `1h30m`");
    let mut rest = text.trim();
    if let Ok(seconds) = rest.parse::<u64>() {
        return Ok(Duration::from_secs(seconds));
    }
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, tail) = rest.split_at(digits);
        let unit_length = tail.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, after) = tail.split_at(unit_length);
        let millis: u64 = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(wrong()),
        };
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let part = number.checked_mul(millis).ok_or_else(wrong)?;
        total = total.checked_add(Duration::from_millis(part)).ok_or_else(wrong)?;
        rest = after;
    }
    if total.is_zero() { Err(wrong()) } else { Ok(total) }
}

/// `64MiB`, `512KiB`, `2GiB` (`K`, `M`, `G` mean the same) or a bare number of bytes.
pub(super) fn parse_size(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is not a size: write `64MiB`, `512KiB` or a number of bytes");
    let trimmed = text.trim();
    let digits = trimmed.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = trimmed.split_at(digits);
    let factor: u64 = match unit.trim() {
        "" | "B" => 1,
        "K" | "KiB" => 1 << 10,
        "M" | "MiB" => 1 << 20,
        "G" | "GiB" => 1 << 30,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    number
        .checked_mul(factor)
        .filter(|size| *size > 0)
        .ok_or_else(wrong)
}

/// What a unit reads from text; numbers in YAML are read as their text.
pub(super) trait Unit: Sized {
    /// What is expected, for error messages.
    const EXPECTED: &'static str;
    /// Reads it.
    fn parse(text: &str) -> Result<Self, String>;
}

/// A duration in a configuration file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DurationText(pub(super) Duration);

/// A size in a configuration file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SizeText(pub(super) u64);

/// How much room there is, in a configuration file; `0` for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RoomText(pub(super) u64);

impl Unit for RoomText {
    const EXPECTED: &'static str = "a size such as `64MiB`, or `0`";
    fn parse(text: &str) -> Result<Self, String> {
        match text.trim() {
            "0" => Ok(Self(0)),
            other => parse_size(other).map(Self),
        }
    }
}

impl Unit for DurationText {
    const EXPECTED: &'static str = "a duration such as `90s` or `20m`";
    fn parse(text: &str) -> Result<Self, String> {
        parse_duration(text).map(Self)
    }
}

impl Unit for SizeText {
    const EXPECTED: &'static str = "a size such as `64MiB`";
    fn parse(text: &str) -> Result<Self, String> {
        parse_size(text).map(Self)
    }
}

/// Reads a unit with serde.
pub(super) struct UnitVisitor<U>(PhantomData<U>);

impl<U> UnitVisitor<U> {
    pub(super) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<U: Unit> Visitor<'_> for UnitVisitor<U> {
    type Value = U;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(U::EXPECTED)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<U, E> {
        U::parse(text).map_err(E::custom)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<U, E> {
        self.visit_str(&number.to_string())
    }
}

impl<'de> Deserialize<'de> for DurationText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UnitVisitor::new())
    }
}

impl<'de> Deserialize<'de> for RoomText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UnitVisitor::new())
    }
}

impl<'de> Deserialize<'de> for SizeText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UnitVisitor::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_nonsense_is_refused() {
        assert_eq!(parse_duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_duration("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
        for bad in ["", "m", "5 parsecs", "1h-2m", "99999999999999999999s", "0s"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_are_read_and_nonsense_is_refused() {
        assert_eq!(parse_size("64MiB"), Ok(64 << 20));
        assert_eq!(parse_size("1000"), Ok(1000));
        for bad in ["", "-1", "1TB", "99999999999G", "0"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
    }
}
