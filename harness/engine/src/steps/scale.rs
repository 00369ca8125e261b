//! `scale`: how many pods groups have.

use meshkat_model::scenario::verb::scale::ScaleStep;

use crate::{
    case::{Broken, CaseRun},
    wait::limit,
};

impl CaseRun<'_> {
    pub(super) async fn scale(&mut self, step: &ScaleStep) -> Result<(), Broken> {
        for (group, count) in &step.scale {
            let outcome = self.mesh.scale(group, count.value as usize, limit(step.within)).await;
            let expected = format!("{} pods of `{}`, known to every Envoy", count.value, group.value);
            self.judge_mesh(outcome, &expected)?;
        }
        Ok(())
    }
}
