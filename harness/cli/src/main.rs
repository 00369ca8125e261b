//! `meshkat`: a local end-to-end mesh lab and test harness for Envoy.

mod args;
mod backend;
mod commands;
mod envoys;
mod exit;
mod load;
mod output;
mod planning;
mod signals;

use std::process::ExitCode;

use clap::Parser;

use crate::{args::Args, exit::Exit};

fn main() -> ExitCode {
    let args = Args::parse();
    if let args::Command::Reap { prefix } = &args.command {
        return commands::reap::run(prefix);
    }
    args.color.write_global();
    init_logging();
    // Two threads: the rest of the machine is for the mesh.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let code = match runtime {
        Ok(runtime) => {
            let code = runtime.block_on(commands::dispatch(args));
            // A question that is still open (a fetch, a standard input) must not hold up the end.
            runtime.shutdown_background();
            code
        }
        Err(error) => Err(Exit::environment(format!("failed to start: {error}"))),
    };
    exit::code(code)
}

/// `MESHKAT_LOG=debug` tells on standard error what the parts do; nothing is told without it but warnings.
fn init_logging() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("MESHKAT_LOG").unwrap_or_else(|_| "warn".into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        .init();
}
