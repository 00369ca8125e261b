//! Looking for cases that do not always end in the same way.

use meshkat_model::round::Rounds;

/// More rounds than these are not made; a report has every case of each.
const MOST: u32 = 10_000;
/// Of `--until-failure`, where `--repeat` says nothing.
const UNTIL_FAILURE: u32 = 1_000;
/// More threads than these only make a run wait.
pub(crate) const THREADS: i64 = 64;

/// Looking for cases that do not always end in the same way.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Flakes {
    /// How often each case runs: in so many rounds, each with meshes of its own. The last lines tell which case did not always end in
    /// the same way.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST)), overrides_with = "repeat")]
    pub(crate) repeat: Option<u32>,
    /// Make rounds until a case fails or errors, at most 1000 or what --repeat says; the round in which it does is the last.
    #[arg(long)]
    pub(crate) until_failure: bool,
    /// Keep so many threads busy beside the run, at most 64.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=THREADS), overrides_with = "stress")]
    pub(crate) stress: Option<u16>,
}

impl Flakes {
    /// In which rounds the cases run; none where they run once.
    pub(crate) fn rounds(self) -> Option<Rounds> {
        let of = self.repeat.or(self.until_failure.then_some(UNTIL_FAILURE))?;
        Some(Rounds {
            of,
            until_failure: self.until_failure,
        })
    }

    /// As flags, each with a blank before it.
    pub(crate) fn reproduce(self) -> String {
        let repeat = self.repeat.map(|n| format!(" --repeat {n}"));
        let until_failure = self.until_failure.then(|| " --until-failure".to_owned());
        let stress = self.stress.map(|n| format!(" --stress {n}"));
        [repeat, until_failure, stress].into_iter().flatten().collect()
    }
}
