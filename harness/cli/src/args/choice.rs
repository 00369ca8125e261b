//! Which cases, with which Envoy, on which runtime: what several commands take.

use clap::ValueEnum;
use meshkat_plan::Shard;

use super::times;

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
    #[arg(long, value_enum, overrides_with = "coverage")]
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
