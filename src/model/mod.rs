//! The domain, pure: what a push, a goal and a goal set are, and which changes they allow.
//!
//! Nothing here reads a file, a clock or the network, and nothing is `async`. Begin with
//! [`goal_set::GoalSet`]: everything the machine does is an event applied to one of those.

pub mod address;
pub mod approval;
pub mod argument_problem;
pub mod authors;
pub mod by_hand;
pub mod cache_key;
pub mod command;
pub mod confirmation;
pub mod deceptive;
pub mod definition;
pub mod descriptor;
pub mod diagnostic;
pub mod errand;
pub mod event;
pub mod feed;
pub mod files;
pub mod fingerprint;
pub mod goal;
pub mod goal_event;
pub mod goal_set;
pub mod ids;
pub mod image;
pub mod instances;
pub mod limits;
pub mod listener;
pub mod mailmap;
pub mod parameter;
pub mod plan;
pub mod program_text;
pub mod push;
pub mod queue;
pub(crate) mod redact;
pub mod registry;
pub mod reported;
pub mod reused;
pub mod review;
pub mod rule_test;
pub mod running;
pub mod set_tag;
pub mod suggest;
pub mod summary;
pub mod time;
pub mod trailers;
pub mod trigger;
pub mod variables;
pub mod version;

pub use approval::{Approval, ApprovalPolicy, Person};
pub use argument_problem::{ArgumentProblem, ArgumentProblems, FieldPath};
pub use authors::Authors;
pub use by_hand::ByHand;
pub use command::{CommandDefinition, CommandWork, Intent, RunDefinition, Targets};
pub use confirmation::{Difference, Subject, VoidConfirmation};
pub use definition::{Descriptions, GoalDefinition, RuleDefinition, TestExpression, Work};
pub use descriptor::{Descriptor, Field, ValueType};
pub use diagnostic::{Diagnostic, Place, Severity};
pub use errand::{Errand, ErrandCause, ErrandId, Job, JobId, JobLabel, JobTask, TaskState};
pub use event::{Event, EventType};
pub use feed::{Cursor, FeedEntry, News};
pub use files::Scope;
pub use fingerprint::{Fingerprint, FingerprintChange};
pub use goal::{Goal, GoalState, StateName};
pub use goal_event::{Actor, ExecutionResult, GoalChange, GoalEvent};
pub use goal_set::{Action, GoalSet, Refusal};
pub use ids::{
    BranchName, CommitSha, DEFAULT_ENVIRONMENT, GoalKey, GoalSetId, PushId, RepoSlug, TagName, UniqueName,
};
pub use image::{FixedImage, ImageReference};
pub use listener::{EventFilter, ListenerDefinition, ScheduleDefinition};
pub use parameter::{ParameterDefinition, ParameterSource, ParameterType};
pub use plan::{Plan, PlannedGoal, Trace};
pub use push::{Commit, Push, Repository};
pub use registry::RegistryPlace;
pub use review::{CommentSeverity, Review, ReviewComment, SourceLocation};
pub use rule_test::RuleTest;
pub use time::Timestamp;
pub use trigger::GoalTrigger;
