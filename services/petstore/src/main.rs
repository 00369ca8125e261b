//! `petstore`: a store and its pets, found through its own Envoy.

use std::process::ExitCode;

use clap::Parser;
use meshkat_kit::ServiceArgs;
use petstore::Egress;

/// A store and its pets: GET /stores and GET /stores/ID
#[derive(Parser)]
#[command(name = "petstore", version)]
struct Cli {
    #[command(flatten)]
    service: ServiceArgs,

    /// The Envoy through which other services are reached
    #[arg(long, env = "EGRESS", value_name = "URL", default_value = "http://localhost:9900")]
    egress: Egress,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    meshkat_kit::launch("petstore", &cli.service, |listener, identity, shutdown| {
        petstore::run(listener, identity, cli.egress, shutdown)
    })
}
