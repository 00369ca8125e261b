//! How cases come to meshes, and in what order.

use std::path::PathBuf;

use clap::ValueEnum;
use meshkat_engine::Jobs;

/// More meshes at the same time are asked for by mistake.
const MOST_JOBS: usize = 64;

/// How cases come to meshes, and in what order.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Planning {
    /// How many meshes run at the same time: a number up to 64, or `auto`: as many as the machine has room for.
    #[arg(short, long, value_name = "auto|N", default_value = "auto", value_parser = jobs)]
    pub(crate) jobs: Jobs,
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

fn jobs(text: &str) -> Result<Jobs, String> {
    if text == "auto" {
        return Ok(Jobs::Auto);
    }
    let number = text.parse().ok().filter(|number| (1..=MOST_JOBS).contains(number));
    number
        .map(Jobs::Exactly)
        .ok_or_else(|| format!("neither `auto` nor a number from 1 to {MOST_JOBS}"))
}

/// So many meshes are planned for where the machine decides how many there are: for each processor, as they wait most of the time.
const FOR_EACH: usize = 3;

impl Planning {
    /// For how many meshes at the same time the plan is made.
    pub(crate) fn planned_jobs(&self) -> usize {
        match self.jobs {
            Jobs::Auto => FOR_EACH * std::thread::available_parallelism().map_or(1, usize::from),
            Jobs::Exactly(jobs) => jobs,
        }
    }
}
