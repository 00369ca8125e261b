//! The arguments of `meshkat list`.

use clap::ValueEnum;

use super::{
    choice::{CoverageChoice, EnvoyChoices, RuntimeChoice, Select},
    planning::Planning,
};

#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub(crate) envoy: EnvoyChoices,
    #[command(flatten)]
    pub(crate) select: Select,
    #[command(flatten)]
    pub(crate) choice: CoverageChoice,
    #[command(flatten)]
    pub(crate) on: RuntimeChoice,
    #[command(flatten)]
    pub(crate) planning: Planning,
    /// How to print.
    #[arg(long, value_enum, default_value = "table")]
    pub(crate) format: ListFormat,
    /// Tell for each case in which of N parts it is.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) shards: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListFormat {
    Table,
    Json,
    /// A `matrix:` for GitHub Actions, one job a part.
    GithubMatrix,
}
