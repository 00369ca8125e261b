//! The arguments of `meshkat init`.

use std::path::PathBuf;

/// Without a configuration, a small one is written that sends everything to one service.
#[derive(Debug, clap::Args)]
pub(crate) struct InitArgs {
    /// The folder of the project; it is made. What is there stays as it is.
    #[arg(default_value = ".")]
    pub(crate) dir: PathBuf,
    /// The configuration of an Envoy that is to be tried: a file of `envoy --config-path`.
    #[arg(long, value_name = "FILE")]
    pub(crate) envoy_config: Option<PathBuf>,
}
