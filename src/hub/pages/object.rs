//! Answers of the graph as pages read them. Machines write what they like, so nothing is taken for granted: a field that is
//! not what it should be is empty.

use chrono::{DateTime, SecondsFormat};
use maud::{Markup, html};
use serde_json::Value;

use super::text::plain;
use crate::model::{StateName, Timestamp};

/// An object of an answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Object<'a>(pub(super) &'a Value);

impl<'a> Object<'a> {
    /// A text at a path such as `/repo/name`; empty when there is none.
    pub(super) fn text(self, path: &str) -> &'a str {
        self.0.pointer(path).and_then(Value::as_str).unwrap_or_default()
    }

    /// A number.
    pub(super) fn number(self, path: &str) -> Option<i64> {
        self.0.pointer(path).and_then(Value::as_i64)
    }

    /// Whether something is so.
    pub(super) fn is(self, path: &str) -> bool {
        self.0.pointer(path).and_then(Value::as_bool).unwrap_or(false)
    }

    /// The objects of a list.
    pub(super) fn list(self, path: &str) -> impl Iterator<Item = Object<'a>> + use<'a> {
        let items = self.0.pointer(path).and_then(Value::as_array);
        items
            .into_iter()
            .flatten()
            .filter(|item| item.is_object())
            .map(Object)
    }

    /// The first object of a list.
    pub(super) fn first(self, path: &str) -> Option<Object<'a>> {
        self.list(path).next()
    }

    /// Milliseconds since 1970, as goals count.
    pub(super) fn millis(self, path: &str) -> Option<Timestamp> {
        let millis = self.number(path).filter(|millis| *millis > 0)?;
        Some(Timestamp::from_micros(millis.checked_mul(1_000)?))
    }

    /// A moment as forges write it.
    pub(super) fn moment(self, path: &str) -> Option<Timestamp> {
        let text = self.text(path);
        let moment = DateTime::parse_from_rfc3339(text).ok()?;
        Some(moment.with_timezone(&chrono::Utc).into())
    }
}

/// A moment, for people and for the script that shows it in their zone.
pub(super) fn time(at: Option<Timestamp>) -> Markup {
    let Some(at) = at else {
        return html! {};
    };
    let utc = at.to_utc();
    let exact = utc.to_rfc3339_opts(SecondsFormat::Secs, true);
    html! { time datetime=(exact) title=(exact) { (utc.format("%-d %b %H:%M").to_string()) " UTC" } }
}

/// What a state is, which decides its colour; the symbol and the word say it too.
const fn role(state: StateName) -> &'static str {
    match state {
        StateName::Success => "good",
        StateName::Failure => "bad",
        StateName::InProcess => "active",
        StateName::WaitingForPreApproval | StateName::WaitingForApproval => "waiting",
        StateName::Planned | StateName::Skipped | StateName::Canceled | StateName::Stopped => "quiet",
        StateName::Requested | StateName::PreApproved | StateName::Approved => "ready",
    }
}

/// As on a terminal, with others where the usual fonts of browsers have none.
const fn symbol(state: StateName) -> &'static str {
    match state {
        StateName::Planned => "▫",
        StateName::WaitingForPreApproval | StateName::WaitingForApproval => "‖",
        StateName::PreApproved | StateName::Approved | StateName::Requested => "▹",
        StateName::InProcess => "▸",
        StateName::Success => "✓",
        StateName::Failure => "⨯",
        StateName::Stopped => "▪",
        StateName::Canceled => "–",
        StateName::Skipped => "◇",
    }
}

/// How something stands: a symbol, a word and a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Standing {
    /// One character.
    pub(super) symbol: &'static str,
    /// For people.
    pub(super) word: String,
    /// Class that colours it.
    pub(super) role: &'static str,
}

impl Standing {
    /// Of a goal or goal set, by the name of its state.
    pub(super) fn of_goal(state: &str) -> Self {
        match StateName::parse(state) {
            Some(state) => Self {
                symbol: symbol(state),
                word: state.as_str().replace('_', " "),
                role: role(state),
            },
            None => Self::unknown(state),
        }
    }

    /// Of a build or a status, by what forges say.
    pub(super) fn of_build(status: &str) -> Self {
        let like = match status {
            "passed" | "success" | "fixed" | "SUCCESS" => StateName::Success,
            "failed" | "failure" | "broken" | "error" | "FAILURE" => StateName::Failure,
            "started" | "in_progress" => StateName::InProcess,
            "pending" | "queued" => StateName::Requested,
            "canceled" | "cancelled" => StateName::Canceled,
            "skipped" | "neutral" => StateName::Skipped,
            other => return Self::unknown(other),
        };
        Self {
            symbol: symbol(like),
            word: status.to_lowercase().replace('_', " "),
            role: role(like),
        }
    }

    fn unknown(state: &str) -> Self {
        let word = plain(state).chars().take(40).collect();
        Self {
            symbol: "·",
            word,
            role: "quiet",
        }
    }

    /// The symbol alone, for places where the word stands beside it or is the title.
    pub(super) fn sign(&self) -> Markup {
        html! { span.sign.(self.role) aria-hidden="true" { (self.symbol) } }
    }

    /// Symbol and word.
    pub(super) fn whole(&self) -> Markup {
        html! { span.state.(self.role) { (self.sign()) " " (self.word) } }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_as_it_should_be_is_empty() {
        let value =
            json!({"a": {"b": "text"}, "n": 7, "list": [{"x": 1}, "no", null], "t": "soon", "ts": -1});
        let object = Object(&value);
        assert_eq!(
            (object.text("/a/b"), object.text("/n"), object.text("/a")),
            ("text", "", "")
        );
        assert_eq!(object.list("/list").count(), 1);
        assert!(object.list("/a").next().is_none());
        assert!(object.moment("/t").is_none() && object.millis("/ts").is_none());
    }

    #[test]
    fn every_state_has_a_symbol_and_a_word_beside_its_colour() {
        for state in StateName::ALL {
            let standing = Standing::of_goal(state.as_str());
            assert_eq!(standing.symbol.chars().count(), 1);
            let markup = standing.whole().into_string();
            assert!(markup.contains(&standing.word), "{markup}");
        }
        assert_eq!(Standing::of_goal("<b>").word, "<b>");
        assert!(
            Standing::of_goal("<b>")
                .whole()
                .into_string()
                .contains("&lt;b&gt;")
        );
    }
}
