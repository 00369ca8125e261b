//! The command `sds`: its flags, and what they begin.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use clap::builder::BoolishValueParser;
use meshkat_kit::{EXIT_USAGE, ServiceArgs};

use crate::config::{Source, SourceArgs};
use crate::{Options, Store};

/// The discovery service: which hosts a service has, for Envoys to ask
#[derive(Parser)]
#[command(name = "sds", version)]
struct Cli {
    #[command(flatten)]
    service: ServiceArgs,

    #[command(flatten)]
    source: SourceArgs,

    /// Keep the registry and what was written to `/xds/v3` in this file, of which this process is the only writer [default: in memory only]
    #[arg(long, env = "STATE", value_name = "FILE")]
    state: Option<PathBuf>,

    /// Begin with what this file holds, in the shape of a state file, and leave it as it is
    #[arg(long, env = "SEED", value_name = "FILE", conflicts_with = "state")]
    seed: Option<PathBuf>,

    /// Serve `/xds/v3/faults` and `/faults`, over which discovery, or all of it, can be made to fail on purpose
    #[arg(long, env = "ALLOW_FAULTS", value_parser = BoolishValueParser::new())]
    allow_faults: bool,
}

/// Serves until it is told to stop, as the arguments say, of which the first is the program's name; the exit code of the process.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = Cli::parse_from(arguments);
    let refuse = |error: &dyn std::fmt::Display| {
        eprintln!("sds: {error}");
        ExitCode::from(EXIT_USAGE)
    };
    let options = Options {
        allow_faults: cli.allow_faults,
    };
    let store = match cli.source.source() {
        Err(error) => return refuse(&error),
        Ok(Source::Kubernetes(_)) if cli.state.is_some() || cli.seed.is_some() => {
            return refuse(
                &"--state and --seed are of the registry, and --source kubernetes has none; leave out one of them",
            );
        }
        Ok(Source::Kubernetes(kubernetes)) => {
            return meshkat_kit::launch("sds", &cli.service, |listener, identity, shutdown| {
                crate::run_kubernetes(listener, identity, *kubernetes, options, shutdown)
            });
        }
        Ok(Source::Registry) => match (&cli.state, &cli.seed) {
            (Some(path), _) => Store::open(path),
            (None, Some(path)) => Store::seeded(path),
            (None, None) => Ok(Store::in_memory()),
        },
    };
    let store = match store {
        Ok(store) => store,
        Err(error) => return refuse(&error),
    };
    meshkat_kit::launch("sds", &cli.service, |listener, identity, shutdown| {
        crate::run_with(listener, identity, Arc::new(store), options, shutdown)
    })
}
