//! The arguments of `meshkat lint` and `explain`.

use std::{path::PathBuf, time::Duration};

use super::{
    choice::{EnvoyChoices, RuntimeChoice},
    times,
};

#[derive(Debug, clap::Args)]
pub(crate) struct LintArgs {
    /// Files or folders; none is all of scenarios/ and envoy-configs/.
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) envoy: EnvoyChoices,
    /// For how long Envoy may judge one configuration.
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = times::any)]
    pub(crate) validate_within: Duration,
    /// What Envoy may read while it judges, besides the system's files and the project's: a file, or a folder and all below it.
    #[arg(long, value_name = "PATH")]
    pub(crate) readable: Vec<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ExplainArgs {
    #[command(flatten)]
    pub(crate) envoy: EnvoyChoices,
    /// A case's id.
    pub(crate) case: String,
    #[command(flatten)]
    pub(crate) on: RuntimeChoice,
}
