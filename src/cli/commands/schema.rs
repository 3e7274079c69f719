//! `sdm schema`: JSON Schemas of the files people write, for editors.

use super::super::context::{CommandResult, Context, Exit};
use crate::config;
use crate::engine::catalogue;
use crate::spec::schema;

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Of which files
    #[arg(value_enum, value_name = "WHAT", default_value = "goals")]
    what: What,
}

/// Files with a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum What {
    /// Goal files
    Goals,
    /// The configuration, sdm.yaml
    Config,
}

/// `sdm schema`.
pub(super) fn run(context: &mut Context, args: &Args) -> CommandResult {
    let schema = match args.what {
        What::Goals => schema::goal_files(catalogue()),
        What::Config => schema::plain_map("sdm configuration", &config::keys()),
    };
    context.ui.data(&format!("{schema:#}\n"))?;
    Ok(Exit::Ok)
}
