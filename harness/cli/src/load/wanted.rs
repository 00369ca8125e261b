//! What of a scenario the words of a command can mean.

use std::path::Path;

/// What of a scenario is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wanted<'a> {
    /// Nothing.
    Nothing,
    /// These cases, by their whole ids.
    Ids(Vec<&'a str>),
    /// Any of its cases.
    Any,
}

impl<'a> Wanted<'a> {
    /// What words can mean of the scenario of this id, in this file. That a word means more than it does is no harm.
    pub(super) fn new(words: &'a [String], scenario: &str, file: &Path) -> Self {
        let mut ids = Vec::new();
        for word in words {
            if let Ok(path) = std::fs::canonicalize(word) {
                if std::fs::canonicalize(file).is_ok_and(|file| file.starts_with(path)) {
                    return Self::Any;
                }
                continue;
            }
            let known = word.split(['*', '?', '[']).next().unwrap_or_default();
            let has_pattern = word.contains(['*', '?']);
            // A file's own name may have brackets.
            if word == scenario {
                return Self::Any;
            }
            let is_id = |word: &str| word.strip_prefix(scenario).is_some_and(|rest| rest.starts_with('['));
            if !has_pattern && is_id(word) {
                ids.push(word.as_str());
                continue;
            }
            let known = known.trim_end_matches('/');
            let below = scenario
                .strip_prefix(known)
                .is_some_and(|rest| has_pattern || rest.is_empty() || rest.starts_with('/'));
            if below || has_pattern && known.starts_with(scenario) || is_id(word) {
                return Self::Any;
            }
        }
        match (words.is_empty(), ids.is_empty()) {
            (true, _) => Self::Any,
            (false, true) => Self::Nothing,
            (false, false) => Self::Ids(ids),
        }
    }

    pub(super) fn is_none(&self) -> bool {
        *self == Self::Nothing
    }
}
