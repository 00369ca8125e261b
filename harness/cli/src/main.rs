//! `meshkat`: a local end-to-end mesh lab and test harness for Envoy.

mod args;
mod aside;
mod backend;
mod commands;
mod envoys;
mod exit;
mod init;
mod limits;
mod load;
mod locate;
mod near;
mod output;
mod planning;
mod program;
mod reports;
mod services;
mod signals;
mod stress;
mod used;

use std::process::ExitCode;

use clap::Parser as _;

use crate::{args::Args, exit::Exit};

fn main() -> ExitCode {
    if let Some(code) = services::run() {
        return code;
    }
    output::tell_of_panics();
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(told) => return usage(&told),
    };
    if let args::Command::Reap { prefix } = &args.command {
        return commands::reap::run(prefix);
    }
    if let args::Command::Busy { threads } = args.command {
        return commands::busy::run(threads);
    }
    args.color.write_global();
    init_logging();
    limits::allow_many_connections();
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

/// What clap has to say: help to standard output, and what is wrong with the arguments, which are in it, to standard error.
fn usage(told: &clap::Error) -> ExitCode {
    let is_hidden = |arg: std::ffi::OsString| arg.to_string_lossy().contains('\u{1b}');
    let styled = told.render();
    // Colours among the arguments are none of ours.
    let text = match std::env::args_os().any(is_hidden) {
        true => meshkat_report::visible(&styled.to_string()).into_owned(),
        false => styled.ansi().to_string(),
    };
    if told.use_stderr() {
        output::show(&text);
    } else {
        output::print_help(&text);
        if output::lost().is_some() {
            return exit::code(Ok(()));
        }
    }
    u8::try_from(told.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
}

/// `MESHKAT_LOG=debug` tells on standard error what the parts do; nothing is told without it but warnings.
fn init_logging() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("MESHKAT_LOG").unwrap_or_else(|_| "warn".into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        // Its colours could not be told from those of what it tells of.
        .with_ansi(false)
        .with_writer(output::told)
        .with_target(false)
        .init();
}
