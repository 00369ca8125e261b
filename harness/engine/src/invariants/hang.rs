//! When a case has ended, no request stays open in an Envoy.

use meshkat_model::invariant::{Invariant, OPEN_FOR};

use super::breach::{Between, Breach};

pub(super) fn breaches(between: &Between<'_>) -> Vec<Breach> {
    let mut found = Vec::new();
    for (name, now, _) in between.pods() {
        let gauges = now.counts.iter().flat_map(|counts| &counts.open);
        let open: Vec<String> = gauges.map(|(gauge, number)| format!("{gauge} is {number}")).collect();
        if !open.is_empty() {
            let evidence = format!(
                "the envoy of {name} has requests open {} s after the case has ended: {}",
                OPEN_FOR.as_secs(),
                open.join(", ")
            );
            found.push(Breach::of(Invariant::Hang, (name, now), evidence).for_now());
        }
    }
    found
}
