//! Lines and columns of the places in a document.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use serde_yaml::Value;

use super::{DocPath, document::LARGEST, node::Node, yaml};

/// The places of a document. Knows none where it is no YAML.
pub(super) struct Places(Option<Node>);

impl Places {
    pub(super) fn of(text: &str) -> Self {
        Self(yaml::read(text).ok().map(|(_, node)| node))
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

/// What files hold, with its places; each is read once.
#[derive(Default)]
pub(super) struct Files(HashMap<PathBuf, Option<(Value, Places)>>);

impl Files {
    /// None where the file cannot be read.
    pub(super) fn read(&mut self, file: &Path) -> Option<&(Value, Places)> {
        let read = || {
            let text = meshkat_files::read_to_string(file, LARGEST).ok()?;
            let (document, node) = yaml::read(&text).ok()?;
            Some((document, Places(Some(node))))
        };
        let known = self.0.entry(file.to_owned()).or_insert_with(read);
        known.as_ref()
    }

    /// The line and column of what stands at `path` in a file, or else of the nearest thing around it.
    pub(super) fn find(&mut self, file: &Path, path: &DocPath) -> Option<(usize, usize)> {
        self.read(file)?.1.find(path)
    }
}
