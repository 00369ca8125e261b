//! The arguments of `meshkat replay`.

use std::{path::PathBuf, str::FromStr, time::Duration};

#[derive(Debug, clap::Args)]
pub(crate) struct ReplayArgs {
    /// The folder of a run's report, or its `events.jsonl` [default: the last run's].
    pub(crate) dir: Option<PathBuf>,
    /// So many times as fast as it was, or `max`: all at once [default: 1 on a terminal, max elsewhere].
    #[arg(long, value_name = "N|max")]
    pub(crate) speed: Option<Pace>,
}

/// How fast a run is shown again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Pace {
    /// So many times as fast as it was.
    Times(f64),
    /// Without a pause.
    AtOnce,
}

impl Pace {
    /// As fast as it was.
    pub(crate) const AS_IT_WAS: Self = Self::Times(1.0);

    /// How long after the beginning something is shown that happened so long after the run's; none is at once.
    pub(crate) fn after(self, at: Duration) -> Option<Duration> {
        match self {
            Self::Times(times) => Some(Duration::try_from_secs_f64(at.as_secs_f64() / times).unwrap_or(Duration::MAX)),
            Self::AtOnce => None,
        }
    }
}

impl FromStr for Pace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "max" {
            return Ok(Self::AtOnce);
        }
        match text.parse::<f64>() {
            Ok(times) if (0.01..=1000.0).contains(&times) => Ok(Self::Times(times)),
            _ => Err("it is a number from 0.01 to 1000, or `max`".to_owned()),
        }
    }
}
