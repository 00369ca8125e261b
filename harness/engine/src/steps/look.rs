//! Looking at what is expected: once, until it holds, or for as long as it must hold.

use std::time::{Duration, Instant};

use meshkat_model::{scenario::quantity::Time, verdict::Check};

use crate::{
    case::{Broken, CaseRun},
    wait,
};

/// How often a step looks before it is judged.
#[derive(Debug, Clone, Copy)]
pub(super) enum Patience {
    /// Once.
    Once,
    /// Until it holds, for this time at the most.
    Within(Duration),
    /// As long as it holds, for this time.
    For(Duration),
}

impl Patience {
    /// That of a step with these keys, at most one of which is there.
    pub(super) fn of(within: Option<Time>, for_: Option<Time>) -> Self {
        match (within, for_) {
            (Some(limit), _) => Self::Within(limit.0),
            (_, Some(time)) => Self::For(time.0),
            _ => Self::Once,
        }
    }
}

impl CaseRun<'_> {
    /// Looks as often as `patience` says, and judges what was seen last; what must hold for a time, each time.
    pub(super) async fn look(
        &mut self,
        patience: Patience,
        mut look: impl AsyncFnMut(&mut Self) -> Result<Vec<Check>, Broken>,
    ) -> Result<(), Broken> {
        let start = Instant::now();
        let mut attempt = 1_u64;
        loop {
            let begun = Instant::now();
            let checks = look(self).await?;
            let (took, elapsed) = (begun.elapsed(), start.elapsed());
            let holds = checks.iter().all(|check| check.passed);
            let (goes_on, when) = match patience {
                Patience::Once => (false, String::new()),
                Patience::Within(limit) => (
                    !holds && elapsed < limit,
                    format!("not within {limit:?}, in {attempt} attempts; the last one: "),
                ),
                Patience::For(time) => (holds && elapsed < time, format!("after {elapsed:.1?} of {time:?}: ")),
            };
            if !goes_on {
                return Ok(self.judge(checks).map_err(|unmet| unmet.after(&when))?);
            }
            if let Patience::For(_) = patience {
                self.checks += checks.len() as u64;
            }
            attempt += 1;
            let left = match patience {
                Patience::Once => Duration::ZERO,
                Patience::Within(time) | Patience::For(time) => time.saturating_sub(elapsed),
            };
            // The last look is at the end of the time, and not behind it.
            tokio::time::sleep(wait::pause(took).min(left)).await;
        }
    }
}
