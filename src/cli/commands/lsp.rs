//! `sdm lsp`: a language server for goal files over standard input and output.

use serde_json::Value;

use super::super::context::{CommandResult, Context, Exit};
use super::super::lsp::{self, Configured};
use super::goal_files::GoalFiles;

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    goal_files: GoalFiles,
    /// Speak over standard input and output, which is so anyway
    #[arg(long)]
    stdio: bool,
}

/// `sdm lsp`.
pub(super) fn run(context: &mut Context, args: &Args) -> CommandResult {
    args.goal_files.take_effect(context);
    // A broken configuration is for other commands to complain about; an editor only loses the configured directory.
    let configured = match context.configuration() {
        Ok(configuration) => Configured {
            values: paths_of("", &configuration.values),
            goals: configuration.goals,
            trusted_owners: configuration.trusted_owners,
        },
        Err(_) => Configured::default(),
    };
    let orderly = lsp::serve(std::io::stdin(), std::io::stdout(), configured)?;
    Ok(if orderly { Exit::Ok } else { Exit::Bad })
}

/// Paths to everything in a map that is no map itself.
fn paths_of(owner: &str, value: &Value) -> Vec<String> {
    let Value::Object(entries) = value else {
        return vec![owner.to_owned()];
    };
    let below = |(key, value): (&String, &Value)| match owner {
        "" => paths_of(key, value),
        owner => paths_of(&format!("{owner}.{key}"), value),
    };
    entries.iter().flat_map(below).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_named_by_their_paths() {
        let values = json!({"registry": {"host": "x", "ports": [1]}, "team": "y"});
        assert_eq!(paths_of("", &values), ["registry.host", "registry.ports", "team"]);
        assert_eq!(paths_of("", &json!({})), [""; 0]);
    }
}
