//! `collector`: what Envoys send out.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;
use collector::Statsd;
use meshkat_kit::{ServiceArgs, parse_listen};

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

fn main() -> ExitCode {
    let cli = Cli::parse();
    meshkat_kit::launch("collector", &cli.service, async |listener, identity, shutdown| {
        let statsd = match cli.statsd_listen {
            Some(at) => Some(Statsd::bind(at).await?),
            None => None,
        };
        collector::run(listener, statsd, identity, shutdown).await
    })
}
