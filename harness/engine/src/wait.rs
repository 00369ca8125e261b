//! Waiting for a condition, with a deadline.

use std::time::{Duration, Instant};

use meshkat_model::scenario::quantity::Time;

/// Between two looks, at the least: most conditions are met in a few milliseconds.
const SHORTEST_PAUSE: Duration = Duration::from_millis(4);
/// At the most.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_millis(40);
/// How much longer than a look the pause behind it is: whoever waits leaves the machine to those that are waited for.
const REST: u32 = 4;

/// How long the mesh may take to follow where the step does not say.
const FOLLOW: Duration = Duration::from_secs(10);

/// How long the mesh may take to follow a step.
pub(crate) fn limit(within: Option<Time>) -> Duration {
    within.map_or(FOLLOW, |time| time.0)
}

/// How long to pause after a look that took so long.
pub(crate) fn pause(took: Duration) -> Duration {
    took.saturating_mul(REST).clamp(SHORTEST_PAUSE, LONGEST_PAUSE)
}

/// Looks until `look` gives a value, and gives it; or gives what the last look saw when the deadline passes.
pub(crate) async fn until<T, S, F>(deadline: Instant, mut look: impl FnMut() -> F) -> Result<T, S>
where
    F: Future<Output = Result<T, S>>,
{
    loop {
        let begun = Instant::now();
        let seen = match look().await {
            Ok(value) => return Ok(value),
            Err(seen) => seen,
        };
        let pause = pause(begun.elapsed());
        if Instant::now() + pause > deadline {
            return Err(seen);
        }
        tokio::time::sleep(pause).await;
    }
}
