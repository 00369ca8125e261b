//! What can be asked, and who does it.

use std::{ffi::OsString, fmt::Display, io::Write as _, net::SocketAddr, process::ExitCode, time::Duration};

use clap::{Parser, Subcommand};

use crate::{envoy, net, sandbox};

/// What runs inside the containers of a pod.
#[derive(Debug, Parser)]
#[command(version, disable_help_subcommand = true)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Hold the pod's network namespace until SIGTERM or SIGINT, and reap what is left to the first process.
    Sandbox,
    /// Become Envoy, as ENVOY_CONFIG_PATH, ENVOY_STARTUP_PARAMS and ENVOY_BINARY say.
    // Not even --help is ours here: all that follows is Envoy's.
    #[command(disable_help_flag = true)]
    Envoy {
        /// Given to Envoy as they are.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Fault, heal and prove the network between this pod and others.
    #[command(subcommand)]
    Net(Net),
}

#[derive(Debug, Subcommand)]
enum Net {
    /// Make this pod's network be as the JSON says, and no other way: what an earlier `apply` did and this one does not
    /// ask for is undone. One at a time.
    Apply {
        /// `{"peers":[{"address":"172.30.0.5","fault":{"kind":"black-hole"}}]}`; kinds: black-hole, refuse,
        /// latency (delay_ms), loss (share). No peers: no faults.
        wanted: String,
        /// As on a kernel without nf_tables.
        #[arg(long, hide = true)]
        without_netfilter: bool,
    },
    /// Tell what `apply` can do here, by trying it where it touches nobody.
    Can,
    /// Wait until each address answers a TCP connect, be it with a refusal.
    Probe {
        /// ADDRESS:PORT
        #[arg(required = true, value_name = "ADDRESS:PORT")]
        addresses: Vec<SocketAddr>,
        /// How long to wait for the last of them, in milliseconds.
        #[arg(long, value_name = "N", default_value_t = 5000)]
        within_ms: u64,
    },
}

/// Does what the command line asks. Wrong arguments end the process with 2.
pub(crate) fn run() -> ExitCode {
    match Args::parse().command {
        Command::Sandbox => match sandbox::run() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(1, format!("failed to wait for signals: {error}")),
        },
        // Returns only when it could not.
        Command::Envoy { arguments } => fail(2, envoy::become_envoy(&arguments)),
        Command::Net(Net::Apply {
            wanted,
            without_netfilter,
        }) => answer(net::apply(&wanted, !without_netfilter)),
        Command::Net(Net::Can) => answer(Ok(net::can())),
        Command::Net(Net::Probe { addresses, within_ms }) => {
            let probed = net::probe(&addresses, Duration::from_millis(within_ms));
            let silent = probed.silent.iter().map(ToString::to_string).collect::<Vec<_>>();
            match answer(Ok(probed)) {
                ExitCode::SUCCESS if !silent.is_empty() => fail(1, silent.join("\n")),
                code => code,
            }
        }
    }
}

/// Prints an answer as one line of JSON.
fn answer(outcome: Result<impl serde::Serialize, net::NetError>) -> ExitCode {
    let answer = match outcome {
        Ok(answer) => answer,
        Err(error) => return fail(error.exit_code(), error),
    };
    let written = serde_json::to_string(&answer)
        .map_err(std::io::Error::other)
        .and_then(|json| writeln!(std::io::stdout(), "{json}"));
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(1, format!("failed to print the answer: {error}")),
    }
}

/// Tells what went wrong. Where standard error is closed, the code has to do.
fn fail(code: u8, message: impl Display) -> ExitCode {
    drop(writeln!(std::io::stderr(), "{message}"));
    ExitCode::from(code)
}
