//! The command `petstore`: its flags, and what they begin.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use meshkat_kit::ServiceArgs;

use crate::Egress;

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

/// Serves until it is told to stop, as the arguments say, of which the first is the program's name; the exit code of the process.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = Cli::parse_from(arguments);
    meshkat_kit::launch("petstore", &cli.service, |listener, identity, shutdown| {
        crate::run(listener, identity, cli.egress, shutdown)
    })
}
