//! The arguments of `meshkat report`.

use std::path::PathBuf;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum ReportCommand {
    /// Make one report of several, such as those of shards.
    Merge {
        /// The reports' folders.
        #[arg(required = true)]
        dirs: Vec<PathBuf>,
        /// Where the merged report goes [default: reports/merged of the project].
        #[arg(long, value_name = "DIR")]
        report_dir: Option<PathBuf>,
    },
}
