//! Waiting for what a mesh has to become, for longer on a machine that is busy.

use std::time::{Duration, Instant};

use super::RunningMesh;
use crate::wait;

impl RunningMesh {
    /// Looks until `look` gives a value, up to `deadline`, which is the end of `limit`. Where the machine was busy meanwhile, it goes
    /// on for as long as the machine took away. What comes only then is no failure of the mesh, and no success either:
    /// [`RunningMesh::take_late`] tells of it.
    pub(super) async fn until<T, F>(
        &self,
        deadline: Instant,
        limit: Duration,
        mut look: impl FnMut() -> F,
    ) -> Result<T, String>
    where
        F: Future<Output = Result<T, String>>,
    {
        let seen = match wait::until(deadline, &mut look).await {
            Ok(value) => return Ok(value),
            Err(seen) => seen,
        };
        let Some(watch) = &self.watch else { return Err(seen) };
        // Where less than the limit was left, what came before has taken the rest of it.
        let begun = deadline.checked_sub(limit).unwrap_or(deadline);
        let Some(extra) = watch.since(begun).extra(limit) else {
            return Err(seen);
        };
        let value = wait::until(deadline + extra, look).await.map_err(|seen| {
            format!("{seen} (also not in {extra:.1?} more, which is what a busy machine can have taken)")
        })?;
        let late = deadline.elapsed();
        self.state().late.get_or_insert_with(|| {
            format!(
                "it came {late:.1?} after the {limit:?} that it may take, and the machine can have taken {extra:.1?} of that \
                 (at the end of the {limit:?}: {seen})"
            )
        });
        Ok(value)
    }

    /// What came only after its time because the machine was busy, since this was asked last.
    pub(crate) fn take_late(&self) -> Option<String> {
        self.state().late.take()
    }
}
