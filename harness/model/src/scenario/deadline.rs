//! Whether a case can end in time.

use std::time::Duration;

use crate::{
    case::DEADLINE,
    scenario::quantity::Time,
    source::{Diagnostic, Source},
    yaml::{Kind, Node},
};

/// That the steps look at what must stay true for longer than the whole case may take: it would fail whatever is seen.
pub(super) fn deadline(source: &Source, file: &Node, deadline: Option<Time>) -> Option<Diagnostic> {
    let steps = match file.get("steps").map(|steps| &steps.kind) {
        Some(Kind::Sequence(steps)) => steps.as_slice(),
        _ => &[],
    };
    let limit = deadline.map_or(DEADLINE, |time| time.0);
    let place = file.get("deadline").map(|deadline| deadline.place);
    if limit.is_zero() {
        return place.map(|place| {
            Diagnostic::new(source, place, "a case takes some time", "no time at all")
                .help("for example `deadline: 1m`")
        });
    }
    let mut sum = Duration::ZERO;
    for step in steps {
        let Some(node) = step.get("for") else { continue };
        let Kind::Scalar { text, .. } = &node.kind else {
            continue;
        };
        let Ok(time) = text.parse::<Time>() else { continue };
        sum = sum.saturating_add(time.0);
        if sum < limit {
            continue;
        }
        let message = format!(
            "the steps take {sum:?} up to the end of this one, and the whole case may take {limit:?}{}",
            if place.is_some() { "" } else { " by default" }
        );
        let help = format!(
            "give the case more, such as `deadline: {:?}`, or look for a shorter time",
            sum * 2
        );
        return Some(Diagnostic::new(source, node.place, message, "never in time").help(help));
    }
    None
}
