//! `pet`: the pets of a store.

use std::process::ExitCode;

use clap::Parser;
use meshkat_kit::ServiceArgs;

/// The pets of a store: GET /pets?store=ID and GET /pets/ID
#[derive(Parser)]
#[command(name = "pet", version)]
struct Cli {
    #[command(flatten)]
    service: ServiceArgs,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    meshkat_kit::launch("pet", &cli.service, |listener, identity, shutdown| {
        pet::run(listener, identity, shutdown)
    })
}
