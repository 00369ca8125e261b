//! No Envoy writes an error into its log, and no service.

use meshkat_model::invariant::Invariant;

use super::breach::{Between, Breach};

/// Lines that tell of no error of a mesh, by a text that is in them, each with why. The reference lists them.
pub(super) const HARMLESS: [(&str, &str); 0] = [];

pub(super) fn breaches(between: &Between<'_>) -> Vec<Breach> {
    let mut found = Vec::new();
    // What one that crashed wrote of it is told with the crash.
    for (at, now, _) in between.containers().filter(|(_, now, _)| now.crash.is_none()) {
        let errors = now.remarks.iter().filter(|remark| !remark.is_panic);
        let harmful = errors.filter(|remark| !HARMLESS.iter().any(|(text, _)| remark.text.contains(text)));
        found.extend(harmful.map(|remark| at.wrote(Invariant::ErrorLog, &remark.text)));
    }
    found
}
