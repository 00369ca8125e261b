//! `echo`: a backend that tells what reached it.

use std::process::ExitCode;

use clap::Parser;
use meshkat_kit::ServiceArgs;

/// A backend that tells what reached it
#[derive(Parser)]
#[command(name = "echo", version)]
struct Cli {
    #[command(flatten)]
    service: ServiceArgs,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    meshkat_kit::launch("echo", &cli.service, |listener, identity, shutdown| {
        echo::run(listener, identity, shutdown)
    })
}
