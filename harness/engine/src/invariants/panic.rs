//! No service panics.

use meshkat_model::invariant::Invariant;

use super::breach::{Between, Breach};

pub(super) fn breaches(between: &Between<'_>) -> Vec<Breach> {
    let mut found = Vec::new();
    for (at, now, _) in between.containers() {
        let panics = now.remarks.iter().filter(|remark| remark.is_panic);
        found.extend(panics.map(|remark| at.wrote(Invariant::Panic, &remark.text)));
    }
    found
}
