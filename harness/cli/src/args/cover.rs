//! The arguments of `meshkat cover`.

use std::path::PathBuf;

use clap::ValueEnum;
use meshkat_cover::{Strength, file};

use super::times;

#[derive(Debug, clap::Args)]
pub(crate) struct CoverArgs {
    /// A YAML file with `axes`, and perhaps `constraints`, `include`, `exclude`, `seeds`, `strength` and `stronger`.
    pub(crate) file: PathBuf,
    /// Of how many axes each combination of values is covered: a number, or `full` [default: that of the file, or 2].
    #[arg(long, value_name = "T", value_parser = file::strength)]
    pub(crate) strength: Option<Strength>,
    /// How hard to try for few rows.
    #[arg(long, value_enum, default_value = "default")]
    pub(crate) effort: CoverEffort,
    /// Another one gives other rows.
    #[arg(long, value_name = "N", default_value = "0", value_parser = times::seed)]
    pub(crate) seed: u64,
    /// How to print.
    #[arg(long, value_enum, default_value = "table")]
    pub(crate) format: CoverFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CoverEffort {
    /// About a second.
    Default,
    /// Half a minute.
    High,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CoverFormat {
    Table,
    /// An array of objects, one a row.
    Json,
}
