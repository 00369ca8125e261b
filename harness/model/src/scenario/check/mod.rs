//! What verbs check their steps with before anything starts: names that exist, expressions that compile, expectations that
//! can fail.

mod expected;
mod files;
mod names;
mod vacuous;
mod values;

use std::{collections::BTreeMap, path::PathBuf};

use indexmap::IndexMap;

pub(crate) use files::Pem;
pub(super) use values::misplaced;

use crate::{
    mesh::{MeshSpec, Meshes},
    source::{Diagnostic, Place, Source},
    yaml::{At, Kind, Node},
};

/// What a step kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    /// An answer.
    Response,
    /// What an Envoy says.
    Envoy,
}

/// A load that was started.
pub(crate) struct Load {
    pub(crate) place: Place,
    /// Requests a second.
    pub(crate) rate: f64,
    pub(crate) judged: bool,
    pub(crate) running: bool,
}

/// A step, and all that is known where it stands.
pub(crate) struct Check<'a> {
    pub(crate) source: &'a Source,
    /// The step that is looked at, as it was written.
    pub(crate) node: &'a Node,
    pub(crate) mesh: &'a MeshSpec,
    pub(crate) meshes: &'a dyn Meshes,
    /// The highest number of pods that each group has at any time.
    pub(crate) most: IndexMap<String, u32>,
    pub(crate) axes: Vec<&'a str>,
    /// The values of the axes, as expressions have them.
    pub(crate) params: serde_json::Value,
    pub(crate) kept: IndexMap<String, Kept>,
    /// All names that any step keeps.
    pub(crate) kept_later: Vec<&'a At<String>>,
    /// The same of all steps of the file, also of those that this case does not have.
    pub(crate) kept_in_file: &'a [(String, Place)],
    /// The names of jars of cookies in all steps of the file, each as often as it is named.
    pub(crate) jars_in_file: &'a [(String, Place)],
    pub(crate) loads: IndexMap<String, Load>,
    /// The names of all loads.
    pub(crate) loads_later: Vec<&'a At<String>>,
    /// Whether a step before this one judged what backends received.
    pub(crate) has_received: bool,
    /// The files that steps name, by what they are called there.
    pub(crate) files: BTreeMap<String, PathBuf>,
    pub(crate) wrong: Vec<Diagnostic>,
}

impl Check<'_> {
    pub(crate) fn wrong(&mut self, place: Place, message: impl Into<String>, label: &str, help: impl Into<String>) {
        self.wrong
            .push(Diagnostic::new(self.source, place, message, label).help(help));
    }

    /// The first key of the step, which is its verb where it is written as it should be.
    pub(crate) fn verb(&self) -> Place {
        match &self.node.kind {
            Kind::Mapping(entries) => entries.first().map_or(self.node.place, |(key, _)| key.place),
            _ => self.node.place,
        }
    }

    /// The key at the end of `path` in this step; the step's verb if it is not there.
    pub(crate) fn key(&self, path: &[&str]) -> Place {
        let Some((last, above)) = path.split_last() else {
            return self.verb();
        };
        let node = above.iter().try_fold(self.node, |node, key| node.get(key));
        node.and_then(|node| node.key(last))
            .map_or_else(|| self.verb(), |key| key.place)
    }

    /// The value at the end of `path` in this step; the step's verb if it is not there.
    pub(crate) fn value(&self, path: &[&str]) -> Place {
        let node = path.iter().try_fold(self.node, |node, key| node.get(key));
        node.map_or_else(|| self.verb(), |node| node.place)
    }

    /// One of several values at the end of `path`, or the only one.
    pub(crate) fn item(&self, path: &[&str], index: usize) -> Place {
        let node = path.iter().try_fold(self.node, |node, key| node.get(key));
        match node.map(|node| &node.kind) {
            Some(Kind::Sequence(items)) => items.get(index).map_or_else(|| self.value(path), |item| item.place),
            _ => self.value(path),
        }
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.node.key(key).is_some()
    }

    /// The later of two keys, both of which are there.
    pub(crate) fn later(&self, one: &str, other: &str) -> Place {
        let (one, other) = (self.key(&[one]), self.key(&[other]));
        if one.offset > other.offset { one } else { other }
    }
}
