//! The commands: one file each, with its `Args` and `run`.

mod act;
mod at_hub;
mod audit;
mod check;
mod choice;
mod clone;
mod compare;
mod complete;
mod completions;
mod daemon_goals;
mod do_command;
mod doctor;
mod emit;
mod explain;
mod feed;
mod feed_board;
mod goal_files;
mod goals;
mod hooks;
mod hub;
mod hub_addons;
mod hub_extensions;
mod hub_health;
mod hub_machines;
mod hub_people;
mod hub_restore;
mod hub_secrets;
mod hub_trust;
mod hub_webhooks;
mod key;
mod lock;
mod logs;
mod looked_at;
mod lsp;
mod policy;
mod preference;
mod project_goals;
mod replay;
mod reset;
mod run;
mod schema;
mod secret;
mod show;
mod start;
mod test;
mod trust;

use std::ffi::OsString;

use clap::Subcommand;

use super::context::{CommandResult, Context};

/// Every command of `sdm`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the daemon
    Start(start::Args),
    /// Run the hub that machines, forges and people share, or manage its keys
    Hub(Box<hub::Args>),
    /// Find every problem in goal files
    Check(check::Args),
    /// Run the author's own tests of the rules
    Test(test::Args),
    /// Write down what goals of other repositories stand for
    Lock(lock::Args),
    /// Say which goals would be set, and why, before pushing
    Explain(explain::Args),
    /// Plan HEAD and carry it out here, in the foreground
    Run(run::Args),
    /// Show what is happening, live
    Feed(feed::Args),
    /// List goal sets and their goals
    Goals(goals::Args),
    /// Show the log of a goal
    Logs(logs::Args),
    /// Confirm the start or the result of a goal that waits for it
    Approve(act::ApproveArgs),
    /// Refuse the start or the result of a goal that waits for it
    Deny(act::DenyArgs),
    /// Start a failed goal again
    Retry(act::RetryArgs),
    /// End a goal, or a whole goal set
    Cancel(act::CancelArgs),
    /// Plan a push anew and set its goals again
    Reset(reset::Args),
    /// Set the state of a goal by hand
    Set(act::SetArgs),
    /// Complete a goal that somebody else carries out, with the token they were given
    Complete(complete::Args),
    /// Add or remove git hooks, so that commits are noticed at once
    #[command(subcommand, arg_required_else_help = true)]
    Hooks(hooks::HooksCommand),
    /// Clone a repository, add hooks and watch it
    Clone(clone::Args),
    /// Look for missed pushes, or push the last commits again
    Replay(replay::Args),
    /// Run a command of the goal files by what people say
    #[command(disable_help_flag = true)]
    Do(do_command::Args),
    /// Tell listeners that something happened
    Emit(emit::Args),
    /// Values that commands, listeners and rules share
    #[command(subcommand, arg_required_else_help = true)]
    Preference(preference::PreferenceCommand),
    /// Show machines, commands, errands, jobs or pushes
    #[command(subcommand, arg_required_else_help = true)]
    Show(show::ShowCommand),
    /// Let the goals of a repository run here
    Trust(trust::Args),
    /// Take that back
    Untrust(trust::Args),
    /// Encrypt secrets for goals, and list those of the configuration
    #[command(subcommand, arg_required_else_help = true)]
    Secret(secret::SecretCommand),
    /// The audit log of a hub, read without the hub
    #[command(subcommand, arg_required_else_help = true)]
    Audit(audit::AuditCommand),
    /// The policy of a hub as a file: check it, compare it, explain it
    #[command(subcommand, arg_required_else_help = true)]
    Policy(policy::PolicyCommand),
    /// Make keys that goals are signed with
    #[command(subcommand, arg_required_else_help = true)]
    Key(key::KeyCommand),
    /// Look at the surroundings for problems
    Doctor(doctor::Args),
    /// Write the JSON Schema of goal files or of the configuration
    Schema(schema::Args),
    /// Speak to an editor about goal files
    Lsp(lsp::Args),
    /// Write completions for a shell
    Completions(completions::Args),
    /// A command of the goal files
    #[command(external_subcommand)]
    Words(Vec<OsString>),
}

/// Does what the command line says.
///
/// # Errors
/// Whatever the command finds, with what to do about it.
pub fn run(context: &mut Context, command: &Command) -> CommandResult {
    match command {
        Command::Start(args) => start::run(context, args),
        Command::Hub(args) => hub::run(context, args),
        Command::Check(args) => check::run(context, args),
        Command::Test(args) => test::run(context, args),
        Command::Lock(args) => lock::run(context, args),
        Command::Explain(args) => explain::run(context, args),
        Command::Run(args) => run::run(context, args),
        Command::Feed(args) => feed::run(context, args),
        Command::Goals(args) => goals::run(context, args),
        Command::Logs(args) => logs::run(context, args),
        Command::Approve(args) => act::approve(context, args),
        Command::Deny(args) => act::deny(context, args),
        Command::Retry(args) => act::retry(context, args),
        Command::Cancel(args) => act::cancel(context, args),
        Command::Reset(args) => reset::run(context, args),
        Command::Set(args) => act::set(context, args),
        Command::Complete(args) => complete::run(context, args),
        Command::Hooks(command) => hooks::run(context, command),
        Command::Clone(args) => clone::run(context, args),
        Command::Replay(args) => replay::run(context, args),
        Command::Do(args) => do_command::run(context, args),
        Command::Emit(args) => emit::run(context, args),
        Command::Preference(command) => preference::run(context, command),
        Command::Words(words) => do_command::run_words(context, words),
        Command::Show(command) => show::run(context, command),
        Command::Trust(args) => trust::run(context, args, true),
        Command::Untrust(args) => trust::run(context, args, false),
        Command::Secret(command) => secret::run(context, command),
        Command::Audit(command) => audit::run(context, command),
        Command::Policy(command) => policy::run(context, command),
        Command::Key(command) => key::run(context, command),
        Command::Doctor(args) => doctor::run(context, args),
        Command::Schema(args) => schema::run(context, args),
        Command::Lsp(args) => lsp::run(context, args),
        Command::Completions(args) => completions::run(context, args),
    }
}
