//! The command line.

mod planning;
mod times;

use std::{fmt, path::PathBuf, time::Duration};

use clap::{Parser, Subcommand, ValueEnum};
use meshkat_cover::{Strength, file};
use meshkat_model::scenario::quantity::Percent;
use meshkat_plan::Shard;

pub(crate) use planning::Planning;

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
    /// Harm a pod of a mesh that runs, or its network, or undo that.
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
    /// Work with reports.
    Report {
        #[command(subcommand)]
        command: ReportCommand,
    },
    /// Clean up after the process that holds the other end of standard input.
    #[command(hide = true)]
    Reap { prefix: PathBuf },
}

/// Which Envoy.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct EnvoyChoice {
    /// A version (1.40, 1.40.0) or the path of a binary. Without it: the one on PATH, or 1.40.0 from the cache, fetched
    /// once.
    #[arg(long, value_name = "VERSION|PATH", env = "MESHKAT_ENVOY", hide_env_values = true)]
    pub(crate) envoy: Option<String>,
}

/// Which Envoys.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct EnvoyChoices {
    /// A version (1.40, 1.40.0) or the path of a binary; given several times, each case runs with each of them. Without it:
    /// the one on PATH, or 1.40.0 from the cache, fetched once.
    #[arg(long, value_name = "VERSION|PATH", env = "MESHKAT_ENVOY", hide_env_values = true)]
    pub(crate) envoy: Vec<String>,
}

/// Which cases.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Select {
    /// Folders (`eds`), scenarios, case ids, globs over ids (`'*[*pets=3*]'`), or paths of files; none is all.
    #[arg(value_name = "SELECT")]
    pub(crate) select: Vec<String>,
    /// Only cases that have this tag.
    #[arg(long, value_name = "T")]
    pub(crate) tag: Vec<String>,
    /// Only the I-th of N parts.
    #[arg(long, value_name = "I/N")]
    pub(crate) shard: Option<Shard>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) select: Select,
    #[command(flatten)]
    pub(crate) envoy: EnvoyChoices,
    #[command(flatten)]
    pub(crate) on: RuntimeChoice,
    #[command(flatten)]
    pub(crate) choice: CoverageChoice,
    #[command(flatten)]
    pub(crate) planning: Planning,
    /// How often a case that did not pass is tried again; it is told as flaky if it passes then.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=20))]
    pub(crate) retries: u32,
    /// Stop after the first case that did not pass.
    #[arg(long)]
    pub(crate) fail_fast: bool,
    /// Only the cases that failed in the last run, or in that of --report-dir, and those that it was ended before.
    #[arg(long, value_enum)]
    pub(crate) rerun: Option<Rerun>,
    /// How long cases may be run again, and others of their scenarios, to find out what the failed ones have in common; 0
    /// runs none.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = times::any)]
    pub(crate) culprit_within: Duration,
    /// Whose logs, dumps and access logs are kept in the report.
    #[arg(long, value_enum, default_value = "failed")]
    pub(crate) keep: KeepChoice,
    /// Where the report goes [default: a folder of its own in reports/ of the project; reports/latest points to the last].
    #[arg(long, value_name = "DIR")]
    pub(crate) report_dir: Option<PathBuf>,
    /// How long a mesh may take to be ready: seconds, or a time such as 90s.
    #[arg(long, value_name = "TIME", default_value = "30", value_parser = times::up_to_ten_minutes)]
    pub(crate) ready_within: Duration,
    /// Print what would run, and start nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Which runtime.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct RuntimeChoice {
    /// What runs the meshes.
    #[arg(long, value_enum, default_value = "process")]
    pub(crate) runtime: Runtime,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Runtime {
    /// Plain processes, every pod with a loopback address of its own.
    Process,
    /// Containers, every mesh with a network of its own.
    Docker,
}

impl std::fmt::Display for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Process => "process",
            Self::Docker => "docker",
        })
    }
}

/// Which of the cases of each scenario.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub(crate) struct CoverageChoice {
    /// Which combinations of the axes' values. A case that is selected by its whole id runs whatever is said here [default: full, or
    /// with --rerun that of the last run].
    #[arg(long, value_enum)]
    pub(crate) coverage: Option<Coverage>,
    /// From which all that is random derives: which combinations a coverage chooses, too [default: 0, or with --rerun that of
    /// the last run].
    #[arg(long, value_name = "N", value_parser = times::seed)]
    pub(crate) seed: Option<u64>,
}

impl CoverageChoice {
    /// Pairwise, with the seed of a run that gives none.
    pub(crate) fn pairwise() -> Self {
        Self {
            coverage: Some(Coverage::Pairwise),
            seed: None,
        }
    }

    /// Which combinations.
    pub(crate) fn coverage(self) -> meshkat_plan::Coverage {
        self.coverage.unwrap_or(Coverage::Full).into()
    }

    /// The run's seed.
    pub(crate) fn seed(self) -> u64 {
        self.seed.unwrap_or_default()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Coverage {
    /// Each value of each axis.
    Each,
    /// Each two values of each two axes.
    Pairwise,
    /// Each three values of each three axes.
    #[value(name = "3-wise")]
    ThreeWise,
    /// Every combination.
    Full,
}

impl From<Coverage> for meshkat_plan::Coverage {
    fn from(coverage: Coverage) -> Self {
        match coverage {
            Coverage::Each => Self::Each,
            Coverage::Pairwise => Self::Pairwise,
            Coverage::ThreeWise => Self::ThreeWise,
            Coverage::Full => Self::Full,
        }
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct CoverArgs {
    /// A YAML file with `axes`, and perhaps `constraints`, `include`, `exclude`, `seeds`, `strength` and `stronger`.
    pub(crate) file: PathBuf,
    /// Of how many axes each combination of values is covered: a number, or `full` [default: that of the file, or 2].
    #[arg(long, value_name = "T", value_parser = file::strength)]
    pub(crate) strength: Option<Strength>,
    /// How hard to try for few rows.
    #[arg(long, value_enum, default_value = "default")]
    pub(crate) effort: CoverEffort,
    /// Another one gives other rows.
    #[arg(long, value_name = "N", default_value = "0", value_parser = times::seed)]
    pub(crate) seed: u64,
    /// How to print.
    #[arg(long, value_enum, default_value = "table")]
    pub(crate) format: CoverFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CoverEffort {
    /// About a second.
    Default,
    /// Half a minute.
    High,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CoverFormat {
    Table,
    /// An array of objects, one a row.
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Rerun {
    Failed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum KeepChoice {
    Never,
    Failed,
    Always,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub(crate) envoy: EnvoyChoices,
    #[command(flatten)]
    pub(crate) select: Select,
    #[command(flatten)]
    pub(crate) choice: CoverageChoice,
    #[command(flatten)]
    pub(crate) on: RuntimeChoice,
    #[command(flatten)]
    pub(crate) planning: Planning,
    /// How to print.
    #[arg(long, value_enum, default_value = "table")]
    pub(crate) format: ListFormat,
    /// Tell for each case in which of N parts it is.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) shards: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListFormat {
    Table,
    Json,
    /// A `matrix:` for GitHub Actions, one job a part.
    GithubMatrix,
}

#[derive(Debug, clap::Args)]
pub(crate) struct LintArgs {
    /// Files or folders; none is all of scenarios/ and envoy-configs/.
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) envoy: EnvoyChoices,
    /// For how long Envoy may judge one configuration.
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = times::any)]
    pub(crate) validate_within: Duration,
    /// What Envoy may read while it judges, besides the system's files and the project's: a file, or a folder and all below it.
    #[arg(long, value_name = "PATH")]
    pub(crate) readable: Vec<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ExplainArgs {
    #[command(flatten)]
    pub(crate) envoy: EnvoyChoices,
    /// A case's id.
    pub(crate) case: String,
    #[command(flatten)]
    pub(crate) on: RuntimeChoice,
}

#[derive(Debug, clap::Args)]
pub(crate) struct UpArgs {
    /// The mesh: a name from scenarios/meshes/.
    #[arg(default_value = "petshop")]
    pub(crate) mesh: String,
    /// Change the Envoys' configurations: a file of envoy-configs/overlays/ without its ending, such as xds-ads; may be given
    /// several times.
    #[arg(long, value_name = "NAME")]
    pub(crate) overlay: Vec<String>,
    /// What runs the mesh.
    #[arg(long, value_enum, default_value = "process")]
    pub(crate) runtime: Runtime,
    /// Come back when the mesh is ready, and leave it running until `meshkat down`.
    #[arg(long)]
    pub(crate) detach: bool,
    #[command(flatten)]
    pub(crate) envoy: EnvoyChoice,
    /// How long the mesh may take to be ready: seconds, or a time such as 90s.
    #[arg(long, value_name = "TIME", default_value = "30", value_parser = times::up_to_ten_minutes)]
    pub(crate) ready_within: Duration,
    /// How to print where the mesh is entered.
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: UpFormat,
    /// What `--detach` starts: tells that it is ready by closing its standard output.
    #[arg(long, hide = true)]
    pub(crate) in_background: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum UpFormat {
    /// A line for each way in: the pod and its URL.
    Text,
    /// The URL of each way in alone.
    Url,
    /// One object: the mesh's id, the ways in, and every pod with its ports.
    Json,
}

impl UpFormat {
    /// As it is written on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Url => "url",
            Self::Json => "json",
        }
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct DownArgs {
    /// The meshes' ids, as `status` shows them; none is all that `up` started.
    pub(crate) ids: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct FaultArgs {
    /// What to do.
    #[arg(value_enum)]
    pub(crate) action: FaultAction,
    /// A pod (`pet-1`), or one of its containers (`pet-1/envoy`, `pet-1/application`).
    pub(crate) target: String,
    /// With `black-holed`, `refusing`, `slow` and `lossy`: towards these pods or groups alone (repeatable).
    #[arg(long = "peer", value_name = "POD")]
    pub(crate) peers: Vec<String>,
    /// With `slow`: how much longer a packet is on its way, in each direction, such as 50ms.
    #[arg(long, value_name = "TIME", value_parser = times::any)]
    pub(crate) delay: Option<Duration>,
    /// With `lossy`: the share of packets that is lost, in each direction, such as 20%.
    #[arg(long, value_name = "SHARE")]
    pub(crate) loss: Option<Percent>,
    /// The mesh's id, where `up` started several; the mesh of a test run is only meant by its id.
    #[arg(long, value_name = "ID")]
    pub(crate) mesh: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FaultAction {
    /// End it without a goodbye (SIGKILL).
    Kill,
    /// Ask it to end, and wait for that.
    Stop,
    /// Start what was killed or stopped.
    Start,
    /// Freeze it: connections stay open, nothing answers.
    Pause,
    /// Let it go on.
    Resume,
    /// Take the pod off the network.
    Disconnected,
    /// Let vanish what the pod and others send one another.
    BlackHoled,
    /// Refuse connections between the pod and others, and reset those that are open.
    Refusing,
    /// Delay every packet between the pod and others, by `--delay`.
    Slow,
    /// Lose a share of the packets between the pod and others, `--loss`.
    Lossy,
    /// Undo all that was done to the pod's network.
    Restored,
}

impl fmt::Display for FaultAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value();
        f.write_str(value.as_ref().map_or("", |value| value.get_name()))
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct SyncArgs {
    /// Pods (`petstore-1`) or groups of pods (`petstore`); none is all that have an Envoy.
    #[arg(value_name = "POD")]
    pub(crate) pods: Vec<String>,
    /// How to print.
    #[arg(long, value_enum, default_value = "table")]
    pub(crate) format: SyncFormat,
    /// The mesh's id, where several run.
    #[arg(long, value_name = "ID")]
    pub(crate) mesh: Option<String>,
    /// How long to wait for all to be in sync: seconds, or a time such as 5s; 0 looks once.
    #[arg(long, value_name = "TIME", default_value = "0", value_parser = times::up_to_ten_minutes_or_none)]
    pub(crate) within: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SyncFormat {
    Table,
    Json,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    pub(crate) envoy: EnvoyChoice,
    /// What is to run meshes.
    #[arg(long, value_enum, default_value = "process")]
    pub(crate) runtime: Runtime,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CleanArgs {
    /// End the runs that live, too.
    #[arg(long)]
    pub(crate) force: bool,
    /// Remove the images of the Docker runtime, too.
    #[arg(long)]
    pub(crate) images: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct SchemaArgs {
    /// Which kind of file.
    #[arg(value_enum, default_value = "scenario")]
    pub(crate) kind: SchemaKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaKind {
    Scenario,
    Mesh,
    /// `scenarios/axes.yaml`.
    Axes,
    /// A file of `envoy-configs/overlays/`.
    Overlay,
    /// A file for `meshkat cover`.
    Cover,
}

#[derive(Debug, Subcommand)]
pub(crate) enum EnvoyCommand {
    /// The versions that are known, and which of them are in the cache.
    List,
    /// Fetch a version into the cache.
    Fetch {
        /// The version.
        // Its name is not `version`: every command has that flag.
        #[arg(value_name = "VERSION", default_value = "1.40.0")]
        wanted: String,
        /// Also when it is there already, whatever that is.
        #[arg(long)]
        force: bool,
    },
    /// Print the path of the Envoy that a run would use.
    Path(EnvoyChoice),
}

#[derive(Debug, Subcommand)]
pub(crate) enum ExportCommand {
    /// For `docker compose up`: a compose file, the Envoys' configurations, and the registry of the discovery service.
    Compose(ComposeArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct ComposeArgs {
    /// The mesh: a name from scenarios/meshes/.
    #[arg(default_value = "petshop")]
    pub(crate) mesh: String,
    /// Change the Envoys' configurations, as `up` does.
    #[arg(long, value_name = "NAME")]
    pub(crate) overlay: Vec<String>,
    /// The folder to write to; it is made [default: compose/MESH].
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// The port of 127.0.0.1 at which the edge answers.
    #[arg(long, value_name = "PORT", default_value_t = 10000, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) port: u16,
    /// The first three numbers of the network's addresses.
    #[arg(long, value_name = "A.B.C", default_value = "10.212.0", value_parser = network)]
    pub(crate) network: [u8; 3],
    #[command(flatten)]
    pub(crate) envoy: EnvoyChoice,
}

fn network(text: &str) -> Result<[u8; 3], String> {
    let numbers: Result<Vec<u8>, _> = text.split('.').map(str::parse).collect();
    numbers
        .ok()
        .and_then(|numbers| numbers.try_into().ok())
        .ok_or_else(|| "three numbers from 0 to 255, such as 10.212.0".to_owned())
}

#[derive(Debug, Subcommand)]
pub(crate) enum ReportCommand {
    /// Make one report of several, such as those of shards.
    Merge {
        /// The reports' folders.
        #[arg(required = true)]
        dirs: Vec<PathBuf>,
        /// Where the merged report goes [default: reports/merged of the project].
        #[arg(long, value_name = "DIR")]
        report_dir: Option<PathBuf>,
    },
}
