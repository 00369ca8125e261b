//! The command line.

mod choice;
mod cover;
mod export;
mod flakes;
mod init;
mod lab;
mod lint;
mod list;
mod machine;
mod planning;
mod replay;
mod report;
mod run;
mod schema;
mod times;

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

pub(crate) use choice::{Coverage, CoverageChoice, EnvoyChoice, EnvoyChoices, Runtime, Select};
pub(crate) use cover::{CoverArgs, CoverEffort, CoverFormat};
pub(crate) use export::{ComposeArgs, ExportCommand};
pub(crate) use init::InitArgs;
pub(crate) use lab::{DownArgs, FaultAction, FaultArgs, SyncArgs, SyncFormat, UpArgs, UpFormat};
pub(crate) use lint::{ExplainArgs, LintArgs};
pub(crate) use list::{ListArgs, ListFormat};
pub(crate) use machine::{CleanArgs, DoctorArgs, EnvoyCommand};
pub(crate) use planning::Planning;
pub(crate) use replay::{Pace, ReplayArgs};
pub(crate) use report::ReportCommand;
pub(crate) use run::{KeepChoice, Rerun, RunArgs};
pub(crate) use schema::{SchemaArgs, SchemaKind};

/// A local end-to-end mesh lab and test harness for Envoy.
#[derive(Debug, Parser)]
#[command(version, about, propagate_version = true, arg_required_else_help = true)]
pub(crate) struct Args {
    /// When to use colours.
    #[arg(long, global = true, value_enum, default_value = "auto")]
    pub(crate) color: Color,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

impl Color {
    /// As reports have it.
    pub(crate) fn of_report(self) -> meshkat_report::ColorChoice {
        match self {
            Self::Auto => meshkat_report::ColorChoice::Auto,
            Self::Always => meshkat_report::ColorChoice::Always,
            Self::Never => meshkat_report::ColorChoice::Never,
        }
    }

    /// Sets the choice for all that is printed.
    pub(crate) fn write_global(self) {
        let choice = match self {
            Self::Auto => anstream::ColorChoice::Auto,
            Self::Always => anstream::ColorChoice::Always,
            Self::Never => anstream::ColorChoice::Never,
        };
        choice.write_global();
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write a project around an Envoy configuration: a mesh, and a scenario for each of its routes.
    Init(InitArgs),
    /// Run scenarios.
    Run(Box<RunArgs>),
    /// List the cases that `run` would run.
    List(ListArgs),
    /// Check scenario, mesh and Envoy files; starts nothing.
    Lint(LintArgs),
    /// Show a case as it would run: parameters, steps, each pod's Envoy configuration.
    Explain(ExplainArgs),
    /// Print a covering array: few rows that have every combination of values of each two axes.
    Cover(CoverArgs),
    /// Start a mesh and keep it up until Ctrl-C, or in the background.
    Up(UpArgs),
    /// Write a mesh as files for other programs.
    Export {
        #[command(subcommand)]
        command: ExportCommand,
    },
    /// Show the meshes that run.
    Status,
    /// End meshes that `up` started.
    Down(DownArgs),
    /// Do a fault to a pod of a mesh that runs, or to its network, or undo it.
    Fault(FaultArgs),
    /// Tell whether the Envoys of a mesh have what its discovery service intends for them.
    Sync(SyncArgs),
    /// Tell what on this machine stands in the way of a run.
    Doctor(DoctorArgs),
    /// Remove what ended runs left behind.
    Clean(CleanArgs),
    /// Print the JSON Schema of a kind of file.
    Schema(SchemaArgs),
    /// Print completions for a shell.
    Completions { shell: clap_complete::Shell },
    /// List, fetch or find Envoy.
    Envoy {
        #[command(subcommand)]
        command: EnvoyCommand,
    },
    /// Show a run once more, as it was seen live.
    Replay(ReplayArgs),
    /// Work with reports.
    Report {
        #[command(subcommand)]
        command: ReportCommand,
    },
    /// Clean up after the process that holds the other end of standard input.
    #[command(hide = true)]
    Reap { prefix: PathBuf },
    /// Keep threads busy for as long as the process that holds the other end of standard input.
    #[command(hide = true)]
    Busy {
        #[arg(value_parser = clap::value_parser!(u16).range(1..=flakes::THREADS))]
        threads: u16,
    },
}
