//! `authz`: an authorization service that Envoys ask.

use std::process::ExitCode;

use clap::Parser;
use meshkat_kit::ServiceArgs;

/// An authorization service that Envoys ask: ext_authz over HTTP and gRPC
#[derive(Parser)]
#[command(name = "authz", version)]
struct Cli {
    #[command(flatten)]
    service: ServiceArgs,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    meshkat_kit::launch("authz", &cli.service, |listener, identity, shutdown| {
        authz::run(listener, identity, shutdown)
    })
}
