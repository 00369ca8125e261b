//! Lines and columns of the places in a document.

use std::path::Path;

use serde_yaml::Value;

use super::{DocPath, document::LARGEST, node::Node, yaml};

/// The places of a document. Knows none where it is no YAML.
pub(super) struct Places(Option<Node>);

impl Places {
    pub(super) fn of(text: &str) -> Self {
        Self(yaml::read(text).ok().map(|(_, node)| node))
    }

    /// Those of a file; none where it cannot be read.
    pub(super) fn of_file(file: &Path) -> Self {
        Self::with_document(file).map_or(Self(None), |(_, places)| places)
    }

    /// What a file holds, with its places.
    pub(super) fn with_document(file: &Path) -> Option<(Value, Self)> {
        let text = meshkat_files::read_to_string(file, LARGEST).ok()?;
        let (document, node) = yaml::read(&text).ok()?;
        Some((document, Self(Some(node))))
    }

    /// The line and column, both from 1, of what stands at `path`, or else of the nearest thing around it.
    pub(super) fn find(&self, path: &DocPath) -> Option<(usize, usize)> {
        let mut node = self.0.as_ref()?;
        for step in path.steps() {
            match node.step(step) {
                Some(below) => node = below,
                None => break,
            }
        }
        Some((node.line, node.column))
    }
}
