//! The file of an overlay, as it is written.

use std::path::Path;

use meshkat_model::suggest::{did_you_mean, nearest};
use serde::{Deserialize, de::DeserializeOwned};
use serde_yaml::Value;

use super::{
    super::{ConfigError, DocPath, readable, select::Selector, yaml},
    change::{Action, Overlay},
    wrong::Wrong,
};

#[derive(Debug, Deserialize)]
struct Written {
    about: Option<String>,
    needs: Option<String>,
    changes: Option<Vec<Value>>,
}

const KEYS: [&str; 3] = ["about", "needs", "changes"];

#[derive(Debug, Deserialize)]
struct WrittenChange {
    at: Option<String>,
    set: Option<Value>,
    merge: Option<Value>,
    #[serde(default)]
    remove: bool,
}

const KEYS_OF_CHANGE: [&str; 4] = ["at", "set", "merge", "remove"];

/// Reads an overlay, and tells all that is wrong with it.
pub(super) fn parse(file: &Path, text: &str) -> Result<Overlay, Wrong> {
    readable::check(file, text)?;
    let (document, _) = yaml::read(text).map_err(|fault| ConfigError::not_yaml(file, fault))?;
    let root = DocPath::root();
    let mut reading = Reading {
        file,
        wrong: Vec::new(),
        meant: Vec::new(),
    };
    let written: Option<Written> = reading.read(document, &root, &KEYS);
    let mut overlay = Overlay {
        file: file.to_owned(),
        about: String::new(),
        needs: None,
        changes: Vec::new(),
    };
    if let Some(written) = written {
        if written.about.is_none() {
            reading.missing("about");
        }
        if written.changes.is_none() {
            reading.missing("changes");
        }
        overlay.about = written.about.unwrap_or_default();
        overlay.needs = written
            .needs
            .and_then(|text| reading.place(&text, &root.field("needs")));
        let changes = root.field("changes");
        if written.changes.as_ref().is_some_and(Vec::is_empty) {
            reading.tell(&changes, "an overlay changes something");
        }
        for (index, change) in written.changes.unwrap_or_default().into_iter().enumerate() {
            overlay.changes.extend(reading.change(change, &changes.item(index)));
        }
    }
    Wrong::of(reading.wrong).map_or(Ok(overlay), Err)
}

/// A file while it is read.
struct Reading<'a> {
    file: &'a Path,
    wrong: Vec<ConfigError>,
    /// The keys that were perhaps meant by the unknown ones of the mapping that was read last.
    meant: Vec<&'static str>,
}

impl Reading<'_> {
    fn tell(&mut self, path: &DocPath, message: impl Into<String>) {
        self.wrong.push(ConfigError::unexpected(self.file, path, message));
    }

    /// Tells that the document lacks a key, unless that was misspelt.
    fn missing(&mut self, key: &str) {
        if !self.meant.contains(&key) {
            self.tell(&DocPath::root(), format!("the key `{key}` is missing"));
        }
    }

    /// What stands at a place, which has these keys and no others; none if it is something else.
    fn read<T: DeserializeOwned>(&mut self, mut value: Value, path: &DocPath, keys: &[&'static str]) -> Option<T> {
        self.meant.clear();
        if let Value::Mapping(fields) = &mut value {
            fields.retain(|key, _| {
                let Some(unknown) = key.as_str().filter(|key| !keys.contains(key)) else {
                    return true;
                };
                let message = format!(
                    "unknown key `{unknown}`; {}",
                    did_you_mean(unknown, keys.iter().copied())
                );
                self.tell(&path.field(unknown), message);
                self.meant.extend(nearest(unknown, keys.iter().copied()));
                false
            });
        }
        serde_path_to_error::deserialize(value)
            .map_err(|error| {
                let below = DocPath::parse(&error.path().to_string()).unwrap_or_else(DocPath::root);
                self.tell(&path.join(&below), error.into_inner().to_string());
            })
            .ok()
    }

    fn place(&mut self, text: &str, path: &DocPath) -> Option<Selector> {
        Selector::parse(text).map_err(|message| self.tell(path, message)).ok()
    }

    fn change(&mut self, change: Value, path: &DocPath) -> Option<(Selector, Action)> {
        let change: WrittenChange = self.read(change, path, &KEYS_OF_CHANGE)?;
        let selector = match &change.at {
            Some(text) => self.place(text, &path.field("at")),
            None => Some(Selector::root()),
        };
        let action = match (change.set, change.merge, change.remove) {
            (Some(value), None, false) if change.at.is_some() => Action::Set(value),
            (None, Some(value), false) if value.is_mapping() => Action::Merge(value),
            (None, Some(_), false) => {
                let message = "what is merged is a mapping; `set` replaces a value";
                self.tell(&path.field("merge"), message);
                return None;
            }
            (None, None, true) if change.at.is_some() => Action::Remove,
            (Some(_), None, false) | (None, None, true) => {
                let message = "the whole document is not replaced or removed: say `at` which place";
                self.tell(path, message);
                return None;
            }
            // What it lacks may be what was misspelt.
            _ if self.meant.iter().any(|key| *key != "at") => return None,
            _ => {
                self.tell(path, "a change has one of `set`, `merge` and `remove: true`");
                return None;
            }
        };
        Some((selector?, action))
    }
}
