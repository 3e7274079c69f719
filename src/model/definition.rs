//! What a goal file says, resolved: rules, their tests and the goals they set.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::approval::ApprovalPolicy;
use super::diagnostic::Place;
use super::files::{GoalFiles, SecretUse};
use super::goal::StateName;
use super::ids::{GoalKey, UniqueName};
use super::instances::DynamicPlan;
use super::limits::GoalLimits;
use super::set_tag::SetTag;
use super::trigger::GOAL_TEST;

/// A rule: when its test holds for a push, its goals are set (semantics 2.7, 7.2).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RuleDefinition {
    /// Name as written.
    pub name: String,
    /// Where it is defined.
    pub place: Place,
    /// When it applies.
    pub test: TestExpression,
    /// Earlier rules all of whose goals come before this rule's first step.
    pub depends_on: Vec<String>,
    /// Sequential steps of parallel goals.
    pub steps: Vec<Vec<GoalDefinition>>,
    /// Whether later rules are left out once this one has matched.
    pub locks: bool,
    /// Instead of steps: rules of which the first that applies contributes its goals (semantics 2.7, first match).
    #[serde(default)]
    pub first_of: Option<Vec<RuleDefinition>>,
    /// Values that later rules and the goals set from here on may use (semantics 2.7), in the order written.
    #[serde(default)]
    pub facts: Vec<FactDefinition>,
    /// Tags of the goal set that it contributes to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<SetTag>,
}

/// A value computed for a push under a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactDefinition {
    /// Its name: `facts.<name>` in expressions, `${facts.<name>}` in texts.
    pub name: String,
    /// A CEL expression.
    pub expression: String,
    /// Where it is written.
    pub place: Place,
}

impl RuleDefinition {
    /// How the rule appears in the name of a goal set: `_` reads as a space.
    pub fn label(&self) -> String {
        self.name.replace('_', " ")
    }

    /// Every goal it may set, its own and those of the rules in `first_of`, in written order.
    pub fn goals(&self) -> Vec<&GoalDefinition> {
        let inner = self.first_of.iter().flatten();
        let inner = inner.flat_map(Self::goals);
        self.steps.iter().flatten().chain(inner).collect()
    }
}

/// A test with its combinators; the structure is kept so that it can be explained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TestExpression {
    /// No test written: any push.
    AnyPush,
    /// One push test by its descriptor's canonical name, arguments in canonical form.
    Test {
        /// Descriptor name.
        name: String,
        /// Canonical arguments; `null` for a bare word.
        arguments: Value,
        /// Where it is written.
        place: Place,
    },
    /// Negation.
    Not {
        /// What is negated.
        inner: Box<TestExpression>,
        /// Where.
        place: Place,
    },
    /// All must hold.
    And {
        /// Operands in declared order.
        all: Vec<TestExpression>,
        /// Where.
        place: Place,
    },
    /// One must hold.
    Or {
        /// Operands in declared order.
        any: Vec<TestExpression>,
        /// Where.
        place: Place,
    },
}

impl TestExpression {
    /// Where it first waits for a goal, which only rules can (semantics 2.8).
    pub fn wait_for_goal(&self) -> Option<&Place> {
        match self {
            Self::AnyPush => None,
            Self::Test { name, place, .. } => (name == GOAL_TEST).then_some(place),
            Self::Not { inner, .. } => inner.wait_for_goal(),
            Self::And { all: tests, .. } | Self::Or { any: tests, .. } => {
                tests.iter().find_map(Self::wait_for_goal)
            }
        }
    }
}

/// What a goal is and how it behaves; a snapshot of it travels with every planned goal (semantics 3.1, 7.8).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GoalDefinition {
    /// Name shown to people.
    pub name: String,
    /// Key within the machine.
    pub unique_name: UniqueName,
    /// Free label.
    pub environment: String,
    /// Where it is defined.
    pub place: Place,
    /// What it does.
    pub work: Work,
    /// Texts for its states.
    #[serde(default)]
    pub descriptions: Descriptions,
    /// Confirmation needed before it counts as success.
    #[serde(default)]
    pub approval: Option<ApprovalPolicy>,
    /// Confirmation needed before it starts.
    #[serde(default)]
    pub pre_approval: Option<ApprovalPolicy>,
    /// Starting it again.
    #[serde(default)]
    pub retry: Retry,
    /// How long it may wait to be started once requested; none means for ever.
    #[serde(default)]
    pub start_within: Option<Duration>,
    /// What must come true before its work begins (semantics 3.13).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_for: Option<WaitRule>,
    /// What its processes may use, where it is not as configured.
    #[serde(default, skip_serializing_if = "GoalLimits::is_empty")]
    pub limits: GoalLimits,
    /// Lines of output that become its phase.
    #[serde(default)]
    pub progress: Vec<ProgressRule>,
    /// Commands around its work (semantics 3.12).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub listeners: Vec<Listener>,
    /// Never canceled by a newer push (semantics 4.8).
    #[serde(default)]
    pub uncancelable: bool,
    /// Its failure is said and is none of its set: what depends on it goes on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ignore_failure: bool,
    /// Files it hands on and takes over.
    #[serde(default, skip_serializing_if = "GoalFiles::is_empty")]
    pub files: GoalFiles,
    /// Secrets its process is given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<SecretUse>,
    /// Free parameters for `${parameters.*}`; kept verbatim.
    #[serde(default)]
    pub parameters: serde_json::Map<String, Value>,
    /// The pushed repository brought it along (semantics 7.9): it is given only what is granted to such goals.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_supplied: bool,
    /// What takes its place when it is planned; never there in a goal as planned (semantics 2.10).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<DynamicPlan>,
}

impl GoalDefinition {
    /// Key within a goal set.
    pub fn key(&self) -> GoalKey {
        GoalKey::new(self.unique_name.clone(), &self.environment)
    }

    /// Whether a person who says `name` means it: its display name, its unique name however it is spelled, or
    /// `name in environment`.
    pub fn is_called(&self, name: &str) -> bool {
        let is_own = |name: &str| {
            self.name == name || UniqueName::parse(name).is_ok_and(|unique| unique == self.unique_name)
        };
        is_own(name)
            || name.rsplit_once(" in ").is_some_and(|(name, environment)| {
                let key = GoalKey::new(self.unique_name.clone(), environment);
                is_own(name) && key == self.key()
            })
    }

    /// Whether two definitions mean the same, wherever they are written.
    pub fn is_same_as(&self, other: &Self) -> bool {
        let meaning = |goal: &Self| Self {
            place: other.place.clone(),
            plan: goal.plan.as_ref().map(DynamicPlan::without_places),
            ..goal.clone()
        };
        meaning(self) == meaning(other)
    }
}

/// What a goal does: a kind and its arguments in canonical form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Work {
    /// Name of the goal kind's descriptor.
    pub kind: String,
    /// Arguments as the descriptor's value type gives them.
    pub arguments: Value,
}

/// Whether and how a goal is started again after a failure (semantics 3.1, 3.13).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    /// A person may start it again, and the machine does when its executor is lost.
    pub feasible: bool,
    /// Further tries the machine makes by itself after a failure.
    pub automatic: u32,
    /// Pause before the first automatic try; doubled each time.
    pub pause: Duration,
    /// After which exit codes the machine tries again by itself; after any when there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub codes: Vec<i32>,
}

impl Retry {
    /// How many further tries the machine makes by itself after a failure with this code.
    pub fn tries_after(&self, code: i32) -> u32 {
        match self.codes.is_empty() || self.codes.contains(&code) {
            true => self.automatic,
            false => 0,
        }
    }
}

/// A command before or after the work of a goal (semantics 3.12).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Listener {
    /// What it is called; the goal's phase while it runs.
    pub name: String,
    /// Program and arguments; placeholders allowed.
    pub run: Vec<String>,
    /// Whether it runs before the work; when it fails, the work is not done.
    pub before: bool,
    /// Whether it runs after the work, whatever came of that.
    pub after: bool,
    /// What must hold of the push; otherwise it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<TestExpression>,
}

/// A command that is run until it ends with 0, before the work of a goal begins (semantics 3.13).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitRule {
    /// Program and arguments; placeholders allowed.
    pub run: Vec<String>,
    /// How often it may say no before the goal fails.
    pub retries: u32,
    /// Between two tries.
    pub pause: Duration,
}

/// A pattern in a goal's output and the phase it means; `$1` is a group (semantics 3.16).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgressRule {
    /// Linear-time regular expression.
    pub pattern: String,
    /// Phase with `$1`… filled in.
    pub phase: String,
    /// Whether such a line is a failure, also where the command ends with 0 (semantics 3.11).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fails: bool,
}

/// Texts for the states of a goal, merged over the defaults key by key (semantics 3.1).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Descriptions(pub std::collections::BTreeMap<StateName, String>);

impl Descriptions {
    /// The text for a state of the goal called `name`.
    pub fn text(&self, state: StateName, name: &str) -> String {
        match self.0.get(&state) {
            Some(text) => text.clone(),
            None => format!("{}: {name}", state.default_text()),
        }
    }
}
