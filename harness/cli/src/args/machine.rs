//! The arguments of the commands for the machine: `doctor`, `clean`, `envoy`.

use clap::Subcommand;

use super::choice::{EnvoyChoice, Runtime};

#[derive(Debug, clap::Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    pub(crate) envoy: EnvoyChoice,
    /// What is to run meshes.
    #[arg(long, value_enum, default_value = "process")]
    pub(crate) runtime: Runtime,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CleanArgs {
    /// End the runs that live, too.
    #[arg(long)]
    pub(crate) force: bool,
    /// Remove the images of the Docker runtime, too.
    #[arg(long)]
    pub(crate) images: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum EnvoyCommand {
    /// The versions that are known, and which of them are in the cache.
    List,
    /// Fetch a version into the cache.
    Fetch {
        /// The version.
        // Its name is not `version`: every command has that flag.
        #[arg(value_name = "VERSION", default_value = "1.40.0")]
        wanted: String,
        /// Also when it is there already, whatever that is.
        #[arg(long)]
        force: bool,
    },
    /// Print the path of the Envoy that a run would use.
    Path(EnvoyChoice),
}
