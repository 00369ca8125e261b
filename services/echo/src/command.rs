//! The command `echo`: its flags, and what they begin.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;
use meshkat_kit::{EXIT_USAGE, ServiceArgs, TlsArgs, bind, parse_listen};

use crate::Ports;

/// A backend that tells what reached it
#[derive(Parser)]
#[command(name = "echo", version)]
struct Cli {
    #[command(flatten)]
    service: ServiceArgs,

    #[command(flatten)]
    tls: TlsArgs,

    /// Address and port at which bytes are sent back as they come [default: nowhere]
    #[arg(long, env = "TCP_LISTEN", value_name = "ADDR:PORT", value_parser = parse_listen)]
    tcp_listen: Option<SocketAddr>,
}

/// Serves until it is told to stop, as the arguments say, of which the first is the program's name; the exit code of the process.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = Cli::parse_from(arguments);
    let tls = match cli.tls.tls(cli.service.listen) {
        Ok(tls) => tls,
        Err(error) => {
            eprintln!("echo: {error}");
            return ExitCode::from(EXIT_USAGE);
        }
    };
    meshkat_kit::launch("echo", &cli.service, async |listener, identity, shutdown| {
        let mut ports = Ports::default();
        if let Some((at, tls)) = tls {
            ports.tls = Some((bind(at).await?, tls));
        }
        if let Some(at) = cli.tcp_listen {
            ports.tcp = Some(bind(at).await?);
        }
        crate::run(listener, ports, identity, shutdown).await
    })
}
