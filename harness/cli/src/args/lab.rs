//! The arguments of the commands for a mesh that is kept up: `up`, `down`, `fault`, `sync`.

use std::{fmt, time::Duration};

use clap::ValueEnum;
use meshkat_model::scenario::quantity::Percent;

use super::{
    choice::{EnvoyChoice, Runtime},
    times,
};

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
