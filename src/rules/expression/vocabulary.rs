//! The names expressions may use, with what they are: expressions are checked against these tables, and README.md shows them.

/// What is known about the value of a part of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Push,
    Repo,
    Commits,
    Commit,
    Signature,
    /// Values attached by earlier rules; which ones differs from expression to expression.
    Facts,
    /// A value without known fields.
    Other,
}

/// A variable or a field.
#[derive(Debug, Clone, Copy)]
pub(super) struct Name {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    /// Its type, as people read it.
    kind: &'static str,
    help: &'static str,
}

/// A function.
#[derive(Debug, Clone, Copy)]
pub(super) struct Function {
    pub(super) name: &'static str,
    /// How it is called.
    call: &'static str,
    /// The type of what it gives.
    kind: &'static str,
    help: &'static str,
}

type Fields = &'static [Name];

const fn name(name: &'static str, kind: &'static str, help: &'static str) -> Name {
    shaped(name, Shape::Other, kind, help)
}

const fn shaped(name: &'static str, shape: Shape, kind: &'static str, help: &'static str) -> Name {
    Name {
        name,
        shape,
        kind,
        help,
    }
}

const fn function(
    name: &'static str,
    call: &'static str,
    kind: &'static str,
    help: &'static str,
) -> Function {
    Function {
        name,
        call,
        kind,
        help,
    }
}

#[rustfmt::skip]
const PUSH: Fields = &[
    shaped("repo", Shape::Repo, "map", "the repository, as `repo`"),
    name("branch", "string", "the pushed branch"),
    name("before", "string or null", "the commit that the branch pointed to before; null where the push created it"),
    name("after", "string", "the pushed commit"),
    name("title", "string", "the first line of its message"),
    shaped("commits", Shape::Commits, "list", "the commits of the push, newest first, at most 250"),
    name("commit_count", "int", "how many commits it has, those beyond 250 included"),
    name("forced", "bool", "whether the old head is no ancestor of the new one"),
    name("is_default_branch", "bool", "whether it is to the default branch; where none is known, to `main` or `master`"),
    name("is_first", "bool", "whether it created the branch"),
    name("local_mode", "bool", "whether the machine runs in local mode"),
    name("at", "timestamp", "when it was recorded, in UTC"),
];

#[rustfmt::skip]
const REPO: Fields = &[
    name("owner", "string", "its owner"),
    name("name", "string", "its name"),
    name("slug", "string", "`owner/name`"),
    name("default_branch", "string or null", "its default branch; null where none is known"),
];

#[rustfmt::skip]
const COMMIT: Fields = &[
    name("sha", "string", "its id"),
    name("message", "string", "its message, all lines"),
    name("title", "string", "the first line of it"),
    shaped("author", Shape::Signature, "map", "who wrote it"),
    shaped("committer", Shape::Signature, "map", "who committed it, with the same fields"),
    name("at", "timestamp", "when it was written, in UTC"),
];

const SIGNATURE: Fields = &[
    name("name", "string", "the name"),
    name("email", "string", "the address"),
];

impl Shape {
    /// The fields of such a value; `None` when they are not known.
    pub(super) fn fields(self) -> Option<Fields> {
        match self {
            Self::Push => Some(PUSH),
            Self::Repo => Some(REPO),
            Self::Commit => Some(COMMIT),
            Self::Signature => Some(SIGNATURE),
            Self::Commits | Self::Facts | Self::Other => None,
        }
    }

    /// What its elements are.
    pub(super) fn element(self) -> Self {
        match self {
            Self::Commits => Self::Commit,
            Self::Push | Self::Repo | Self::Commit | Self::Signature | Self::Facts | Self::Other => {
                Self::Other
            }
        }
    }
}

/// Variables.
#[rustfmt::skip]
pub(super) const ROOTS: Fields = &[
    shaped("repo", Shape::Repo, "map", "the repository"),
    shaped("push", Shape::Push, "map", "the push"),
    name("preferences", "map", "preferences, those of the workspace below `workspace`; ask `has(preferences.x)` first"),
    shaped("facts", Shape::Facts, "map", "what earlier rules attach"),
];

/// Names of types, for `type(x) == string`.
pub(super) const TYPES: &[&str] = &[
    "bool",
    "bytes",
    "double",
    "int",
    "list",
    "map",
    "null_type",
    "string",
    "type",
    "uint",
];

/// Functions called as `name(…)`, macros included.
#[rustfmt::skip]
pub(super) const FUNCTIONS: &[Function] = &[
    function("changed", "changed(glob)", "bool", "whether the push changed a file that the glob matches; true when the changes cannot be known"),
    function("bool", "bool(x)", "bool", "a text as a boolean"),
    function("bytes", "bytes(x)", "bytes", "a text as bytes"),
    function("double", "double(x)", "double", "a number or text as a number with a fraction"),
    function("duration", "duration(x)", "duration", "a text such as `\"1h30m\"` as a duration"),
    function("dyn", "dyn(x)", "any", "a value whose type is not looked at"),
    function("has", "has(x.y)", "bool", "whether a map has a key"),
    function("int", "int(x)", "int", "a number or text as a whole number"),
    function("matches", "matches(text, 'pattern')", "bool", "whether the regular expression, written out, is found in a text"),
    function("size", "size(x)", "int", "how long a text, list or map is"),
    function("string", "string(x)", "string", "a value as text"),
    function("timestamp", "timestamp(x)", "timestamp", "a text such as `\"2026-01-31T12:00:00Z\"` as a moment"),
    function("type", "type(x)", "type", "the type of a value"),
    function("uint", "uint(x)", "uint", "a number or text as a whole number that is not negative"),
];

/// Functions called as `value.name(…)`, macros included.
#[rustfmt::skip]
pub(super) const METHODS: &[Function] = &[
    function("all", "list.all(x, test)", "bool", "whether the test holds for every item, which it calls `x`"),
    function("contains", "text.contains(part)", "bool", "whether a text has another within it"),
    function("endsWith", "text.endsWith(end)", "bool", "whether a text ends like this"),
    function("exists", "list.exists(x, test)", "bool", "whether the test holds for any item"),
    function("exists_one", "list.exists_one(x, test)", "bool", "whether it holds for exactly one"),
    function("filter", "list.filter(x, test)", "list", "the items for which it holds"),
    function("getDate", "moment.getDate()", "int", "day of the month, from 1; this one and those that follow also take a time zone, `getDate('+05:30')`"),
    function("getDayOfMonth", "moment.getDayOfMonth()", "int", "day of the month, from 0"),
    function("getDayOfWeek", "moment.getDayOfWeek()", "int", "day of the week, Sunday is 0"),
    function("getDayOfYear", "moment.getDayOfYear()", "int", "day of the year, from 0"),
    function("getFullYear", "moment.getFullYear()", "int", "the year"),
    function("getHours", "moment.getHours()", "int", "the hour"),
    function("getMilliseconds", "moment.getMilliseconds()", "int", "milliseconds of the second"),
    function("getMinutes", "moment.getMinutes()", "int", "the minute"),
    function("getMonth", "moment.getMonth()", "int", "the month, January is 0"),
    function("getSeconds", "moment.getSeconds()", "int", "the second"),
    function("map", "list.map(x, value)", "list", "a value for every item"),
    function("matches", "text.matches('pattern')", "bool", "whether the regular expression, written out, is found in the text"),
    function("size", "x.size()", "int", "how long a text, list or map is"),
    function("startsWith", "text.startsWith(begin)", "bool", "whether a text begins like this"),
];

/// Functions called as `project.name(path)` or `project.name(glob)`.
#[rustfmt::skip]
pub(super) const PROJECT: &[Function] = &[
    function("content", "project.content(path)", "string", "the text of a file of the pushed commit; empty where there is none, an error when it is too large"),
    function("directories", "project.directories(glob)", "list", "directories of the files that the glob matches, each once, sorted; `.` for the root"),
    function("files", "project.files(glob)", "list", "the files that the glob matches, sorted"),
    function("has_file", "project.has_file(path)", "bool", "whether there is a file at this path"),
];

/// One thing that an expression may use, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// How it is written.
    pub written: String,
    /// The type of its value.
    pub kind: &'static str,
    /// What it is.
    pub help: &'static str,
}

/// All that expressions may use: variables with their fields, then functions. Fields of one kind of value are told once.
pub fn terms() -> Vec<Term> {
    let mut terms = Vec::new();
    tell("", ROOTS, &mut Vec::new(), &mut terms);
    let functions = PROJECT.iter().chain(FUNCTIONS).chain(METHODS);
    terms.extend(functions.map(|function| Term {
        written: function.call.to_owned(),
        kind: function.kind,
        help: function.help,
    }));
    terms
}

/// The fields of a value that is written `owner`, and those below them whose shape is not told yet.
fn tell(owner: &str, fields: Fields, told: &mut Vec<Shape>, terms: &mut Vec<Term>) {
    for field in fields {
        let written = match owner {
            "" => field.name.to_owned(),
            owner => format!("{owner}.{}", field.name),
        };
        terms.push(Term {
            written: written.clone(),
            kind: field.kind,
            help: field.help,
        });
        let (shape, below) = match field.shape.element() {
            Shape::Other => (field.shape, written),
            element => (element, format!("{written}[0]")),
        };
        if let Some(inside) = shape.fields().filter(|_| !told.contains(&shape)) {
            told.push(shape);
            tell(&below, inside, told, terms);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_known_is_told_with_its_type_and_meaning() {
        let terms = terms();
        for term in &terms {
            assert!(!term.kind.is_empty() && !term.help.is_empty(), "{}", term.written);
        }
        let is_told = |written: &str| terms.iter().any(|term| term.written == written);
        for written in [
            "repo.slug",
            "push.commit_count",
            "push.commits[0].author.email",
            "push.at",
            "facts",
            "changed(glob)",
            "list.exists_one(x, test)",
            "project.directories(glob)",
        ] {
            assert!(is_told(written), "{written}");
        }
        let names = [FUNCTIONS, METHODS, PROJECT].concat();
        for function in names {
            assert!(
                function.call.contains(&format!("{}(", function.name)),
                "{}",
                function.call
            );
        }
    }
}
