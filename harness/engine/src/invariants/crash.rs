//! No container ends, or begins anew, unless a step makes it.

use meshkat_model::{invariant::Invariant, scenario::verb::Cause};

use super::breach::{At, Between, Breach, means};
use crate::mesh::seen::SeenContainer;

/// That a container ended is judged by what it was told to do, which its runtime knows; that it lives another life, by the steps.
pub(super) fn breaches(between: &Between<'_>) -> Vec<Breach> {
    let is_caused = |at: &At<'_>| {
        between.causes.iter().any(|cause| match cause {
            Cause::Restart(names) => means(names, at.name, &at.pod.group),
            Cause::Nack(_) => false,
        })
    };
    let judge = |(at, now, then): (At<'_>, &SeenContainer, Option<&SeenContainer>)| {
        if let Some(crash) = &now.crash {
            return Some(at.breach(Invariant::Crash, crash.clone()));
        }
        let (now, then) = (now.instance.as_ref()?, then?.instance.as_ref()?);
        let began_anew = now != then && !is_caused(&at);
        began_anew.then(|| {
            let evidence = format!("{} began anew: {then} before the case, {now} after it", at.who());
            at.breach(Invariant::Crash, evidence)
        })
    };
    between.containers().filter_map(judge).collect()
}
