//! The arguments of `meshkat run`.

use std::{path::PathBuf, time::Duration};

use clap::ValueEnum;

use super::{
    choice::{CoverageChoice, EnvoyChoices, RuntimeChoice, Select},
    flakes::Flakes,
    planning::Planning,
    times,
};

#[derive(Debug, clap::Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) select: Select,
    #[command(flatten)]
    pub(crate) envoy: EnvoyChoices,
    #[command(flatten)]
    pub(crate) on: RuntimeChoice,
    #[command(flatten)]
    pub(crate) choice: CoverageChoice,
    #[command(flatten)]
    pub(crate) planning: Planning,
    /// How often a case that did not pass is tried again; it is told as flaky if it passes then.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=20))]
    pub(crate) retries: u32,
    #[command(flatten)]
    pub(crate) flakes: Flakes,
    /// Stop after the first case that did not pass.
    #[arg(long)]
    pub(crate) fail_fast: bool,
    /// Only the cases that failed in the last run, or in that of --report-dir, and those that it was ended before.
    #[arg(long, value_enum)]
    pub(crate) rerun: Option<Rerun>,
    /// How long cases may be run again, and others of their scenarios, to find out what the failed ones have in common; 0
    /// runs none.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = times::any)]
    pub(crate) culprit_within: Duration,
    /// Whose logs, dumps and access logs are kept in the report.
    #[arg(long, value_enum, default_value = "failed")]
    pub(crate) keep: KeepChoice,
    /// Where the report goes [default: a folder of its own in reports/ of the project; reports/latest points to the last].
    #[arg(long, value_name = "DIR")]
    pub(crate) report_dir: Option<PathBuf>,
    /// How long a mesh may take to be ready: seconds, or a time such as 90s.
    #[arg(long, value_name = "TIME", default_value = "30", value_parser = times::up_to_ten_minutes)]
    pub(crate) ready_within: Duration,
    /// Print what would run, and start nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Rerun {
    Failed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum KeepChoice {
    Never,
    Failed,
    Always,
}
