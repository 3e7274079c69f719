//! What a scalar means under the YAML 1.2 core schema: `yes` and `on` are words, `0o17` is a number.

use saphyr_parser::ScalarStyle;

/// What a scalar means.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Meaning {
    /// Nothing, `~` or `null`.
    Null,
    /// `true` or `false`, not quoted.
    Boolean(bool),
    /// A whole number, not quoted.
    Integer(i64),
    /// Any other number, not quoted; also whole numbers too large for 64 bits.
    Float(f64),
    /// Text.
    Text,
}

/// A scalar: what is written and what it means.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scalar {
    /// The text, quotes and escapes resolved.
    pub(crate) text: String,
    /// What it means.
    pub(crate) meaning: Meaning,
    /// Whether it was quoted or a block, and so can only be text.
    pub(crate) quoted: bool,
}

/// Tags of the core schema for scalars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ScalarTag {
    Null,
    Boolean,
    Integer,
    Float,
    Text,
}

impl ScalarTag {
    pub(crate) fn parse(suffix: &str) -> Option<Self> {
        match suffix {
            "null" => Some(Self::Null),
            "bool" => Some(Self::Boolean),
            "int" => Some(Self::Integer),
            "float" => Some(Self::Float),
            "str" => Some(Self::Text),
            _ => None,
        }
    }
}

impl Scalar {
    /// Reads a scalar; `None` when the text is not what its tag says.
    pub(crate) fn read(text: String, style: ScalarStyle, tag: Option<ScalarTag>) -> Option<Self> {
        let quoted = style != ScalarStyle::Plain;
        let meaning = match tag {
            None if quoted => Meaning::Text,
            None => plain(&text),
            Some(tag) => tagged(&text, tag)?,
        };
        Some(Self {
            text,
            meaning,
            quoted,
        })
    }
}

impl Scalar {
    /// What a text without quotes and tag means.
    pub(crate) fn of_plain(text: String) -> Self {
        Self {
            meaning: plain(&text),
            text,
            quoted: false,
        }
    }
}

fn tagged(text: &str, tag: ScalarTag) -> Option<Meaning> {
    let meaning = plain(text);
    match (tag, meaning) {
        (ScalarTag::Text, _) => Some(Meaning::Text),
        (ScalarTag::Null, Meaning::Null)
        | (ScalarTag::Boolean, Meaning::Boolean(_))
        | (ScalarTag::Integer, Meaning::Integer(_))
        | (ScalarTag::Float, Meaning::Float(_)) => Some(meaning),
        (ScalarTag::Float, Meaning::Integer(number)) => number.to_string().parse().ok().map(Meaning::Float),
        (ScalarTag::Null | ScalarTag::Boolean | ScalarTag::Integer | ScalarTag::Float, _) => None,
    }
}

fn plain(text: &str) -> Meaning {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Meaning::Null,
        "true" | "True" | "TRUE" => Meaning::Boolean(true),
        "false" | "False" | "FALSE" => Meaning::Boolean(false),
        ".nan" | ".NaN" | ".NAN" => Meaning::Float(f64::NAN),
        _ => number(text).unwrap_or(Meaning::Text),
    }
}

fn number(text: &str) -> Option<Meaning> {
    if let Some(digits) = text.strip_prefix("0o") {
        return i64::from_str_radix(unsigned(digits)?, 8)
            .ok()
            .map(Meaning::Integer);
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return i64::from_str_radix(unsigned(digits)?, 16)
            .ok()
            .map(Meaning::Integer);
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
        return Some(Meaning::Float(sign * f64::INFINITY));
    }
    if !unsigned.is_empty() && unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        let whole = text.parse().ok().map(Meaning::Integer);
        return whole.or_else(|| text.parse().ok().map(Meaning::Float));
    }
    is_decimal(unsigned).then(|| text.parse().ok().map(Meaning::Float))?
}

/// Digits only: `from_str_radix` alone would also take a sign.
fn unsigned(digits: &str) -> Option<&str> {
    digits
        .bytes()
        .all(|byte| byte.is_ascii_hexdigit())
        .then_some(digits)
}

/// `(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn is_decimal(text: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.strip_prefix(['-', '+']).unwrap_or(exponent)),
        None => (text, "0"),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let has_digits = !whole.is_empty() || !fraction.is_empty();
    has_digits && !exponent.is_empty() && digits(whole) && digits(fraction) && digits(exponent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ym_19_the_core_schema_of_yaml_1_2() {
        for word in [
            "yes", "on", "No", "0x", "0o8", "1_000", "0x-1", "1.2.3", ".", "e5", "nil", "12:30",
        ] {
            assert_eq!(plain(word), Meaning::Text, "{word}");
        }
        for (text, value) in [
            ("0", 0),
            ("-12", -12),
            ("+7", 7),
            ("0o17", 15),
            ("0xfF", 255),
            ("007", 7),
        ] {
            assert_eq!(plain(text), Meaning::Integer(value), "{text}");
        }
        for (text, value) in [("1.", 1.0), (".5", 0.5), ("-1e3", -1000.0), ("2.5E-1", 0.25)] {
            assert_eq!(plain(text), Meaning::Float(value), "{text}");
        }
        assert_eq!(plain("99999999999999999999"), Meaning::Float(1e20));
        assert_eq!(plain("-.inf"), Meaning::Float(f64::NEG_INFINITY));
        assert_eq!(plain("~"), Meaning::Null);
    }

    #[test]
    fn quotes_and_tags_decide_what_a_scalar_may_mean() {
        let read = |text: &str, style, tag| Scalar::read(text.into(), style, tag).map(|s| s.meaning);
        assert_eq!(read("true", ScalarStyle::DoubleQuoted, None), Some(Meaning::Text));
        assert_eq!(
            read("5", ScalarStyle::Plain, Some(ScalarTag::Text)),
            Some(Meaning::Text)
        );
        assert_eq!(
            read("5", ScalarStyle::SingleQuoted, Some(ScalarTag::Integer)),
            Some(Meaning::Integer(5))
        );
        assert_eq!(read("five", ScalarStyle::Plain, Some(ScalarTag::Integer)), None);
    }
}
