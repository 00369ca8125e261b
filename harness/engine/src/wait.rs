//! Waiting for a condition, with a deadline.

use std::time::{Duration, Instant};

/// Between two looks. Short at first, since most conditions are met in a few milliseconds.
const FIRST_PAUSE: Duration = Duration::from_millis(4);
const LONGEST_PAUSE: Duration = Duration::from_millis(40);

/// Looks until `look` gives a value, and gives it; or gives what the last look saw when the deadline passes.
pub(crate) async fn until<T, S, F>(deadline: Instant, mut look: impl FnMut() -> F) -> Result<T, S>
where
    F: Future<Output = Result<T, S>>,
{
    let mut pause = FIRST_PAUSE;
    loop {
        let seen = match look().await {
            Ok(value) => return Ok(value),
            Err(seen) => seen,
        };
        if Instant::now() + pause > deadline {
            return Err(seen);
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 3 / 2).min(LONGEST_PAUSE);
    }
}
