//! The arguments of `meshkat export`.

use std::path::PathBuf;

use clap::Subcommand;

use super::choice::EnvoyChoice;

#[derive(Debug, Subcommand)]
pub(crate) enum ExportCommand {
    /// For `docker compose up`: a compose file, the Envoys' configurations, and the registry of the discovery service.
    Compose(ComposeArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct ComposeArgs {
    /// The mesh: a name from scenarios/meshes/.
    #[arg(default_value = "petshop")]
    pub(crate) mesh: String,
    /// Change the Envoys' configurations, as `up` does.
    #[arg(long, value_name = "NAME")]
    pub(crate) overlay: Vec<String>,
    /// The folder to write to; it is made [default: compose/MESH].
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// The port of 127.0.0.1 at which the edge answers.
    #[arg(long, value_name = "PORT", default_value_t = 10000, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) port: u16,
    /// The first three numbers of the network's addresses.
    #[arg(long, value_name = "A.B.C", default_value = "10.212.0", value_parser = network)]
    pub(crate) network: [u8; 3],
    #[command(flatten)]
    pub(crate) envoy: EnvoyChoice,
}

fn network(text: &str) -> Result<[u8; 3], String> {
    let numbers: Result<Vec<u8>, _> = text.split('.').map(str::parse).collect();
    numbers
        .ok()
        .and_then(|numbers| numbers.try_into().ok())
        .ok_or_else(|| "three numbers from 0 to 255, such as 10.212.0".to_owned())
}
