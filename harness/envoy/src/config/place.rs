//! Lines and columns of the places in a document.

use marked_yaml::{LoaderOptions, Node};

use super::{DocPath, path::Step};

/// The places of a document. Knows none where the document has anchors, which the loader does not read.
pub(super) struct Places(Option<Node>);

impl Places {
    pub(super) fn of(text: &str) -> Self {
        Self(marked_yaml::parse_yaml_with_options(0, text, LoaderOptions::default()).ok())
    }

    /// The line and column, both from 1, of what stands at `path`, or else of the nearest thing around it.
    pub(super) fn find(&self, path: &DocPath) -> Option<(usize, usize)> {
        let mut node = self.0.as_ref()?;
        for step in path.steps() {
            let below = match step {
                Step::Field(name) => node.as_mapping().and_then(|mapping| mapping.get_node(name)),
                Step::Item(index) => node.as_sequence().and_then(|items| items.get_node(*index)),
            };
            match below {
                Some(below) => node = below,
                None => break,
            }
        }
        let start = node.span().start()?;
        Some((start.line(), start.column()))
    }
}
