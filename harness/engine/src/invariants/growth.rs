//! No process keeps many more files open, or much more memory, than before the case.

use meshkat_model::invariant::{FILES, FILES_OF_A_REQUEST, Invariant, MEMORY, MEMORY_OF_A_REQUEST};

use super::breach::{Between, Breach};

/// Of a container that has begun anew nothing is known from before.
pub(super) fn breaches(between: &Between<'_>) -> Vec<Breach> {
    let most_files = FILES + FILES_OF_A_REQUEST * between.most_open;
    let most_memory = MEMORY + MEMORY_OF_A_REQUEST * between.most_open;
    let mut found = Vec::new();
    for (at, now, then) in between.containers() {
        let Some(then) = then.filter(|then| then.instance == now.instance) else {
            continue;
        };
        let (Some(after), Some(before)) = (now.usage, then.usage) else {
            continue;
        };
        if after.files > before.files + most_files {
            let evidence = format!(
                "{} had {} files open before the case and {} after it, and {most_files} more are borne",
                at.who(),
                before.files,
                after.files
            );
            found.push(at.breach(Invariant::Growth, evidence).for_now());
        }
        if after.memory > before.memory + most_memory {
            let mib = |bytes: u64| bytes >> 20;
            let evidence = format!(
                "{} had {} MiB of its own before the case and {} MiB after it, and {} MiB more are borne",
                at.who(),
                mib(before.memory),
                mib(after.memory),
                mib(most_memory)
            );
            found.push(at.breach(Invariant::Growth, evidence));
        }
    }
    found
}
