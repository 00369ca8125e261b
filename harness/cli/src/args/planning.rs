//! How cases come to meshes, and in what order.

use std::path::PathBuf;

use clap::ValueEnum;

/// How cases come to meshes, and in what order.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Planning {
    /// How many meshes run at the same time.
    #[arg(short, long, value_name = "N", default_value_t = default_jobs(), value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) jobs: u16,
    /// Which cases share a mesh.
    #[arg(long, value_enum, default_value = "repaired")]
    pub(crate) share: Share,
    /// What comes first.
    #[arg(long, value_enum, default_value = "longest")]
    pub(crate) order: Order,
    /// What earlier runs took: a report folder, or its times.json or results.json. Without it the last runs in the report folder
    /// are looked at, but shards are split by guesses alone, which are the same on every machine.
    #[arg(long, value_name = "PATH")]
    pub(crate) times: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Share {
    /// None: each case has a mesh of its own.
    Never,
    /// Those that only look at it.
    Looks,
    /// Also those with an impact on it, where that can be undone and the mesh can be asked whether it is.
    Repaired,
}

impl From<Share> for meshkat_plan::Sharing {
    fn from(share: Share) -> Self {
        match share {
            Share::Never => Self::Nothing,
            Share::Looks => Self::Looks,
            Share::Repaired => Self::Repairs,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Order {
    /// The mesh that is expected to take the longest.
    Longest,
    /// What comes first in the files.
    Written,
    /// Whatever the seed says: no verdict may depend on it.
    Random,
}

impl Order {
    pub(crate) fn with_seed(self, seed: u64) -> meshkat_plan::Order {
        match self {
            Self::Longest => meshkat_plan::Order::Longest,
            Self::Written => meshkat_plan::Order::Written,
            Self::Random => meshkat_plan::Order::Random(seed),
        }
    }
}

/// Half of the processors: a mesh keeps more than one busy.
fn default_jobs() -> u16 {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    u16::try_from((processors / 2).clamp(1, 8)).unwrap_or(1)
}
