//! What a push test or goal kind says about itself.
//!
//! One descriptor is the single source for parsing, "did you mean", `sdm check`, the reference page and the tests
//! that every entry is documented and every example checks.

/// The shape of one value in a goal file. Values reach the owner of the descriptor in canonical form, as noted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ValueType {
    /// Any scalar, as text.
    Text,
    /// Any scalar, as text in which `${…}` means nothing.
    Verbatim,
    /// Any scalar, as text in which `${hash:GLOB}` means a digest of files of the commit.
    CacheKey,
    /// `true` or `false`.
    Boolean,
    /// A whole number within bounds, as a number.
    Integer {
        /// Smallest legal value.
        min: i64,
        /// Largest legal value.
        max: i64,
    },
    /// `90s`, `20m`, `1h30m` or a bare number of seconds; canonical form: whole milliseconds as a number.
    Duration,
    /// A linear-time regular expression (the `regex` crate's syntax); canonical form: its text, checked.
    Regex,
    /// A glob over repository paths; canonical form: its text, checked.
    Glob,
    /// The same, or below the home directory when it begins with `~/`.
    GlobOfCache,
    /// A relative path inside the repository, `/` between components; canonical form: without `./` and trailing `/`.
    Path,
    /// The same, placeholders allowed; canonical form: its text, as a path without placeholders is.
    PathTemplate,
    /// A CEL expression; canonical form: its text. Whoever compiles it reports its errors.
    Expression,
    /// One of a few words.
    Choice(&'static [&'static str]),
    /// A program and its arguments: a non-empty list of scalars; canonical form: a list of text.
    Argv,
    /// One value or a list of them; canonical form: always a list.
    List(&'static ValueType),
    /// A map with free keys, kept verbatim; canonical form: an object.
    Map(&'static ValueType),
    /// A map with known keys; canonical form: an object with canonical names, defaults filled in.
    Fields(&'static [Field]),
    /// `true`/`false`, or a map with known keys; canonical form: the boolean or the object.
    BooleanOr(&'static [Field]),
    /// A text, which stands for the map with only this one key, or a map with known keys; canonical form: the object.
    TextOr(&'static str, &'static [Field]),
    /// An amount of bytes, `512MiB`, `2GB` or a bare number; canonical form: the number of bytes.
    Size,
    /// Variables of an environment, as a map or as a list of `{name, value}`; canonical form: the list.
    Variables,
    /// Variables of an environment, as a map; canonical form: an object.
    Environment,
    /// A push test as rules have it; canonical form: the [`TestExpression`](super::TestExpression) as JSON.
    Test,
    /// A value with further keys beside it (goal kinds only); canonical form: an object of all of them.
    With {
        /// What stands under the kind's own key.
        main: &'static ValueType,
        /// The keys beside it.
        beside: &'static [Field],
    },
    /// A part of goal files with a form of its own.
    Form(Form),
    /// Anything, kept verbatim as JSON.
    Any,
}

/// Parts of goal files that are more than a value; those who read them know how, and editors are told by this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A push test: a word, a map with one test, or a list of tests.
    Test,
    /// A rule.
    Rule,
    /// A goal: a word, or a map that says what it does.
    Goal,
    /// One goal, or a list of steps, each a goal or a list of goals side by side.
    Steps,
    /// The name of a goal.
    GoalName,
    /// The name of a rule.
    RuleName,
    /// The name of a test of `push_tests`.
    TestName,
    /// What `use` names: a goal kind, a goal defined at top level, or `lock`.
    Used,
    /// A command: a map that says what it does by one key, its own or that of a kind.
    Command,
    /// What is known of a parameter of a command, or nothing.
    Parameter,
    /// What people say: words, or a map with a pattern.
    Intent,
    /// A listener.
    Listener,
    /// The name of an event, one of the catalogue or any other.
    Event,
}

/// What a field refuses of what its type takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bounds {
    /// Nothing.
    Any,
    /// A text that is empty or blank, and a list that is empty, or has such an item or one item twice.
    NotEmpty,
    /// A duration (in milliseconds) or an amount of bytes that is smaller or larger.
    Within {
        /// The least.
        least: u64,
        /// The most.
        most: u64,
    },
}

/// A day, in milliseconds.
pub const DAY: u64 = 24 * 3_600_000;

/// One key of a map with known keys.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Field {
    /// Canonical snake_case name; camelCase and kebab-case spellings are accepted for it.
    pub name: &'static str,
    /// Other names it is known by, snake_case.
    pub aliases: &'static [&'static str],
    /// What may stand there.
    pub value: ValueType,
    /// Whether leaving it out is an error.
    pub required: bool,
    /// Default as it would be written in YAML; empty for none.
    pub default: &'static str,
    /// What it refuses of what its type takes.
    pub bounds: Bounds,
    /// One line.
    pub help: &'static str,
}

impl Field {
    /// An optional field without default or aliases.
    pub const fn new(name: &'static str, value: ValueType, help: &'static str) -> Self {
        Self {
            name,
            aliases: &[],
            value,
            required: false,
            default: "",
            bounds: Bounds::Any,
            help,
        }
    }

    /// The same, required.
    pub const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// The same with a default, written as YAML.
    pub const fn default(mut self, yaml: &'static str) -> Self {
        self.default = yaml;
        self
    }

    /// The same without empty texts and lists, and without an item twice.
    pub const fn not_empty(mut self) -> Self {
        self.bounds = Bounds::NotEmpty;
        self
    }

    /// The same for a duration (milliseconds) or an amount of bytes from `least` to `most`.
    pub const fn within(mut self, least: u64, most: u64) -> Self {
        self.bounds = Bounds::Within { least, most };
        self
    }

    /// The same under further names.
    pub const fn aliases(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }
}

/// What a push test or a goal kind is called, takes and means.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Descriptor {
    /// Canonical snake_case name: the key in `{has_file: …}` or `{execute: …}`, or the word in `use: cancel`.
    pub name: &'static str,
    /// Other names, snake_case.
    pub aliases: &'static [&'static str],
    /// What stands under the key; `None` for a bare word (`is_default_branch`).
    pub value: Option<ValueType>,
    /// Whether it is written `use: <name>` with its fields beside it (goal kinds only).
    pub by_use: bool,
    /// One line.
    pub help: &'static str,
    /// A complete YAML example: a test for push tests, a goal entry for goal kinds.
    pub example: &'static str,
}
