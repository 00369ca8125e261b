//! A place in a document.

use std::fmt;

use super::value::get;

/// Where in a document something stands: `static_resources.listeners[0].address`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DocPath(Vec<Step>);

/// One step down into a document.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Step {
    /// Into a mapping's field.
    Field(String),
    /// Into a sequence's item.
    Item(usize),
}

impl DocPath {
    /// The document itself.
    pub fn root() -> Self {
        Self(Vec::new())
    }

    /// The field `name` of the mapping at this place.
    #[must_use]
    pub fn field(&self, name: &str) -> Self {
        self.then(Step::Field(name.to_owned()))
    }

    /// The item `index` of the sequence at this place.
    #[must_use]
    pub fn item(&self, index: usize) -> Self {
        self.then(Step::Item(index))
    }

    fn then(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }

    /// What it stands in; the document stands in itself.
    pub(super) fn parent(&self) -> Self {
        Self(self.0.split_last().map_or_else(Vec::new, |(_, around)| around.to_vec()))
    }

    /// This place, and from there on the other.
    #[must_use]
    pub(super) fn join(&self, below: &Self) -> Self {
        Self(self.0.iter().chain(&below.0).cloned().collect())
    }

    /// What stands there in a document; nothing where that has no such place.
    pub(super) fn look<'a>(&self, document: &'a serde_yaml::Value) -> Option<&'a serde_yaml::Value> {
        self.0.iter().try_fold(document, |value, step| match step {
            Step::Field(name) => get(value, name),
            Step::Item(index) => value.as_sequence()?.get(*index),
        })
    }

    pub(super) fn steps(&self) -> &[Step] {
        &self.0
    }

    /// Reads what [`fmt::Display`] writes, which is also how Envoy names a place. `None` for anything else.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut steps = Vec::new();
        for part in text.split('.') {
            let (name, items) = part.find('[').map_or((part, ""), |at| part.split_at(at));
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
                return None;
            }
            steps.push(Step::Field(name.to_owned()));
            let mut rest = items;
            while !rest.is_empty() {
                let (index, after) = rest.strip_prefix('[')?.split_once(']')?;
                steps.push(Step::Item(index.parse().ok()?));
                rest = after;
            }
        }
        Some(Self(steps))
    }
}

impl fmt::Display for DocPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("(document)");
        }
        for (depth, step) in self.0.iter().enumerate() {
            match step {
                Step::Field(name) if depth == 0 => f.write_str(name)?,
                Step::Field(name) => write!(f, ".{name}")?,
                Step::Item(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// Calls `visit` for the value and all below it, with the place of each.
pub(super) fn walk<'a>(
    value: &'a serde_yaml::Value,
    path: &DocPath,
    visit: &mut impl FnMut(&DocPath, &'a serde_yaml::Value),
) {
    visit(path, value);
    match value {
        serde_yaml::Value::Mapping(mapping) => {
            for (key, below) in mapping {
                if let Some(name) = key.as_str() {
                    walk(below, &path.field(name), visit);
                }
            }
        }
        serde_yaml::Value::Sequence(items) => {
            for (index, below) in items.iter().enumerate() {
                walk(below, &path.item(index), visit);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_what_it_writes() {
        for text in ["admin", "static_resources.listeners[0].address", "a[1][22].b"] {
            assert_eq!(DocPath::parse(text).map(|path| path.to_string()).as_deref(), Some(text));
        }
        for wrong in ["", "a..b", "a[x]", "a[1", "a[1]b", "a b"] {
            assert_eq!(DocPath::parse(wrong), None, "{wrong}");
        }
    }
}
