//! `ratelimit`: a rate limit service that Envoys ask.

use std::process::ExitCode;

use clap::Parser;
use meshkat_kit::ServiceArgs;

/// A rate limit service that Envoys ask: RLS v3
#[derive(Parser)]
#[command(name = "ratelimit", version)]
struct Cli {
    #[command(flatten)]
    service: ServiceArgs,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    meshkat_kit::launch("ratelimit", &cli.service, |listener, identity, shutdown| {
        ratelimit::run(listener, identity, shutdown)
    })
}
