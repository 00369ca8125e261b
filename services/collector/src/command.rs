//! The command `collector`: its flags, and what they begin.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;
use meshkat_kit::{ServiceArgs, parse_listen};

use crate::Statsd;

/// What Envoys send out: traces, access logs and statistics
#[derive(Parser)]
#[command(name = "collector", version)]
struct Cli {
    #[command(flatten)]
    service: ServiceArgs,

    /// Address and port of statsd, over UDP and TCP [default: nowhere]
    #[arg(long, env = "STATSD_LISTEN", value_name = "ADDR:PORT", value_parser = parse_listen)]
    statsd_listen: Option<SocketAddr>,
}

/// Serves until it is told to stop, as the arguments say, of which the first is the program's name; the exit code of the process.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = Cli::parse_from(arguments);
    meshkat_kit::launch("collector", &cli.service, async |listener, identity, shutdown| {
        let statsd = match cli.statsd_listen {
            Some(at) => Some(Statsd::bind(at).await?),
            None => None,
        };
        crate::run(listener, statsd, identity, shutdown).await
    })
}
