//! The command `ratelimit`: its flags, and what they begin.

use std::ffi::OsString;
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

/// Serves until it is told to stop, as the arguments say, of which the first is the program's name; the exit code of the process.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = Cli::parse_from(arguments);
    meshkat_kit::launch("ratelimit", &cli.service, |listener, identity, shutdown| {
        crate::run(listener, identity, shutdown)
    })
}
