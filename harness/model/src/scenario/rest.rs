//! What can still be checked of a file in which some steps cannot be read.

use std::collections::BTreeSet;

use crate::{
    source::{Diagnostic, Place},
    yaml::{Kind, Node},
};

/// A file without the steps that cannot be read.
pub(super) struct Rest {
    /// The file.
    pub(super) node: Node,
    /// The names that those steps gave to loads, and to what they keep, and by which they spoke of others.
    names: BTreeSet<String>,
}

impl Rest {
    /// The file without the steps in which something is `wrong`; none where something else is wrong, too, or nothing is left.
    pub(super) fn of(node: &Node, wrong: &[Place]) -> Option<Self> {
        let mut node = node.clone();
        let Kind::Mapping(entries) = &mut node.kind else {
            return None;
        };
        let (_, steps) = entries.iter_mut().find(|(key, _)| key.text == "steps")?;
        let Kind::Sequence(items) = &mut steps.kind else {
            return None;
        };
        let starts: Vec<usize> = items.iter().map(|item| item.place.offset).collect();
        let mut gone = BTreeSet::new();
        for place in wrong {
            let after = starts.partition_point(|start| *start <= place.offset);
            gone.insert(after.checked_sub(1)?);
        }
        let mut names = BTreeSet::new();
        let mut at = 0;
        items.retain(|item| {
            let stays = !gone.contains(&at);
            at += 1;
            if !stays {
                names.extend(named(item));
            }
            stays
        });
        (!items.is_empty()).then_some(Self { node, names })
    }

    /// Whether something that is wrong with the rest is not only so because the steps are gone.
    pub(super) fn is_wrong(&self, told: &Diagnostic) -> bool {
        let is_named = |name: &String| told.message.contains(&format!("`{name}`"));
        told.label != "never judged" && !self.names.iter().any(is_named)
    }
}

/// The texts by which a step names things: those of its keys.
fn named(step: &Node) -> Vec<String> {
    let mut names = Vec::new();
    if let Kind::Mapping(entries) = &step.kind {
        for (_, value) in entries {
            value.visit(&mut |text, _| names.push(text.to_owned()));
        }
    }
    names
}
