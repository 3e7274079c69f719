//! What our hub and our machines say to each other beyond the original (wire protocol 18). The original ignores all of it.
//!
//! A machine lists in its registration the extensions it knows, the hub in its answer those that both know.
//!
//! | Extension | What it means |
//! |---|---|
//! | [`ACK`] | The machine says `control: ack {delivery_id}` once it has stored an event (a command: `{correlation_id}`): from then on the machine sees to it, and the hub need not send it again. The status follows as ever. |
//! | [`LEASE`] | While it works on what it acknowledged the machine says `control: lease {correlation_ids, millis}`, at most 1,000 of them at once, and again before those milliseconds are over. An event of which the hub hears nothing for longer (a minute after the acknowledgement) comes again, as the same delivery; a machine knows it by `delivery_id` and does nothing twice. A command never comes again: it fails a quarter of an hour after the last word about it. |
//! | [`LOGS`] | The hub takes logs of goals by `POST /api/goal-logs/{workspace}/{goal set}/{environment}/{goal}/{attempt}`, see [`super::logs`]. |
//! | [`HEADER`] | The address in the hub's answer carries no credential: the machine opens it with `Authorization: Bearer <jwt>`. |
//! | [`CONTEXT`] | A command that a person started carries `context: {handle, expires_in}`. The machine sends the handle as `X-Hub-Context` with what it asks of the hub for that person. It is for this machine and this command alone, and for a quarter of an hour. |
//! | [`IDENTITY`] | A command that decides about goals carries `known_as: [text]`: logins and addresses that the hub knows to be those of whoever asks. They count against the person, and give them nothing. |
//! | [`FINGERPRINTS`] | The hub takes fingerprints of commits by the mutation `setCommitFingerprints` with `repo` and `goal`. |
//! | [`PUSHES`] | The hub takes pushes that the machine found by itself, in repositories of which no forge tells the hub, by the mutation `tellPush`, see [`super::found`]. They are at a provider of the machine's own, which says of no place to clone from: they are heard of, and carried out by the machine that found them. |
//! | [`TRACE`] | An event carries `extensions.traceparent`, a command `traceparent` (W3C) while the hub's operator follows traces: what the machine does because of it belongs there. |
//! | [`RESUME`] | The first word of the hub in each conversation is `control: resume {session_id, resume_token}`, to a machine that says which `instance` it is. A machine that lost its websocket comes back with that: it opens the same address with its key as `Authorization: Bearer` and the text as [`RESUME_HEADER`], and its own first word is `control: resume {delivery_ids}`, what it has stored of which the hub may not have heard (of commands the `correlation_id`). The hub tells the rest again, and nothing before that word. The text is good once, for the same key and run, as long as the registration is there, until a quarter of an hour after the conversation's end, at any replica. Where it is not taken the answer is 410 with the code [`RESUME_REFUSED`], and the machine registers. |
//! | [`PROGRESS`] | The machine says `control: progress {correlation_id, text}` of what it works on, at most once a second of each: one line of at most 200 characters, without secrets. The hub shows it to who asked, and keeps it in memory alone. |
//! | [`SETTINGS`] | The hub says `control: settings {workspace, spread_millis}` when settings have changed that all machines of a workspace share. A machine asks for them at some moment within those milliseconds, and beside that when a conversation begins and every ten minutes or so; of a hub that does not know this every half a minute. |
//!
//! Two words need no agreement. `control: drain {millis?}` of a machine asks for nothing more, of a hub says that it is
//! about to close and when to come back. `control: superseded {version?}` of a hub says that another version of this machine
//! gets everything now, and which. A hub that closes with 4401 (the credential) or 4403 (the machine) does not want it back; the
//! answer to its next registration says why, with the code [`SENT_AWAY`] when somebody took its registration away.
//!
//! Without [`RESUME`] what was not acknowledged waits at the hub and comes again with the id of its delivery; with or without it what the
//! hub has not taken of a machine waits there until a ping after it was answered. How far a goal is says the goal itself, by its phase,
//! its description and its log.
//!
//! A machine may say which `instance` it is: `{id, run}`, the id of its state directory and of its process. While one run of an
//! instance is there another is refused with status 409 and the code [`SAME_IDENTITY`], and the first is told by `control: twin`.
//!
//! People act on goals of a machine by its own commands: [`APPROVE`], [`DENY`], [`CANCEL`], [`RETRY`], [`RESET`]. The machine decides.

/// Deliveries are acknowledged when they are stored.
pub const ACK: &str = "ack";
/// Work in progress is renewed.
pub const LEASE: &str = "lease";
/// The credential of a websocket stands in a header.
pub const HEADER: &str = "header";
/// Commands carry a proof of who started them.
pub const CONTEXT: &str = "context";
/// Commands that decide about goals say what else whoever asks is known as.
pub const IDENTITY: &str = "identity";
/// Events say which trace they belong to.
pub const TRACE: &str = "trace";
/// Fingerprints of commits are taken.
pub const FINGERPRINTS: &str = "fingerprints";
/// Pushes that machines found by themselves are taken.
pub const PUSHES: &str = "pushes";
/// Logs of goals are taken by their offsets.
pub const LOGS: &str = "logs";
/// Conversations that were lost are resumed.
pub const RESUME: &str = "resume";
/// What is worked on is said while it is.
pub const PROGRESS: &str = "progress";

/// The hub tells when shared settings of a workspace have changed.
pub const SETTINGS: &str = "settings";
/// The namespace of the settings that machines share (wire protocol 13): it belongs to no machine in particular.
pub const SHARED_SETTINGS: &str = "@atomist.global";

/// Most characters of what is said of progress.
pub const LONGEST_PROGRESS: usize = 200;

/// The header with what a conversation is resumed with.
pub const RESUME_HEADER: &str = "x-hub-resume";
/// The refusal of a conversation that cannot be resumed.
pub const RESUME_REFUSED: &str = "resume_refused";

/// Nothing more is to come.
pub const DRAIN: &str = "drain";
/// Another version gets everything now.
pub const SUPERSEDED: &str = "superseded";
/// Somebody else has come with a copy of this machine's state directory, and was refused.
pub const TWIN: &str = "twin";
/// The refusal of somebody who comes with a copy of a state directory.
pub const SAME_IDENTITY: &str = "same_identity";
/// The refusal of a machine whose registration somebody took away.
pub const SENT_AWAY: &str = "sent_away";
/// Nothing is to come for a while; the original's word.
pub const BACKOFF: &str = "backoff";

/// Confirms the start or the result of a goal. Parameters: `goal_set`, `goal`, and if need be `environment`, `reason`, and
/// `version`, the goal's version that was looked at.
pub const APPROVE: &str = "sdm.approve";
/// Denies the start or the result of a goal. Parameters: `goal_set`, `goal`, and if need be `environment`, `reason`.
pub const DENY: &str = "sdm.deny";
/// Cancels a goal, or without `goal` all of a goal set. Parameters: `goal_set`, and if need be `goal`, `environment`.
pub const CANCEL: &str = "sdm.cancel";
/// Starts a goal again that has failed. Parameters: `goal_set`, `goal`, and if need be `environment`.
pub const RETRY: &str = "sdm.retry";
/// Sets the goals of a push again, by the rules that the machine has now; what has not ended of them is canceled. Parameter: `goal_set`,
/// any of the push.
pub const RESET: &str = "sdm.reset";

/// All commands that decide about goals: who may not decide about a goal may ask for none of them (threat D5).
pub const DECIDING: &[&str] = &[APPROVE, DENY, CANCEL, RETRY, RESET];
