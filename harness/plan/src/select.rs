//! Which cases a person asked for.

use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};
use meshkat_model::case::Case;

/// What was asked for: words that are paths, ids or globs over ids; and tags. Nothing asked for is everything.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    words: Vec<Word>,
    tags: Vec<String>,
}

#[derive(Debug, Clone)]
struct Word {
    text: String,
    means: Means,
}

#[derive(Debug, Clone)]
enum Means {
    /// The scenario's file, or a folder above it.
    Path(PathBuf),
    /// A case's id, a scenario's id, a folder of scenarios, or a pattern over ids.
    Id(Option<GlobMatcher>),
}

/// A word or a tag that no case matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmatched(pub String);

impl Selection {
    /// Reads what was asked for. A word that names an existing file or folder is a path; `exists` tells.
    pub fn new(words: &[String], tags: &[String], exists: impl Fn(&Path) -> Option<PathBuf>) -> Self {
        let words = words.iter().map(|text| {
            let means = match exists(Path::new(text)) {
                Some(path) => Means::Path(path),
                None => Means::Id(matcher(text)),
            };
            Word {
                text: text.clone(),
                means,
            }
        });
        Self {
            words: words.collect(),
            tags: tags.to_vec(),
        }
    }

    /// The cases that were asked for, in their order. `path` gives a scenario's file by its id.
    ///
    /// # Errors
    /// Each word or tag that matches no case at all: it is misspelt more likely than meant.
    pub fn select(
        &self,
        cases: Vec<Case>,
        path: impl Fn(&str) -> Option<PathBuf>,
    ) -> Result<Vec<Case>, Vec<Unmatched>> {
        let means = |word: &Word, case: &Case| match &word.means {
            Means::Path(asked) => path(&case.scenario).is_some_and(|file| file.starts_with(asked)),
            Means::Id(glob) => {
                let matches = |id: &str| glob.as_ref().is_some_and(|glob| glob.is_match(id));
                let below = case
                    .scenario
                    .strip_prefix(word.text.trim_end_matches('/'))
                    .is_some_and(|rest| rest.starts_with('/'));
                case.id == word.text || below || matches(&case.id) || matches(&case.scenario)
            }
        };
        let unmatched_words = self
            .words
            .iter()
            .filter(|word| !cases.iter().any(|case| means(word, case)));
        let unmatched_tags = self
            .tags
            .iter()
            .filter(|tag| !cases.iter().any(|case| case.tags.contains(tag)));
        let unmatched: Vec<Unmatched> = unmatched_words
            .map(|word| Unmatched(word.text.clone()))
            .chain(unmatched_tags.map(|tag| Unmatched(format!("--tag {tag}"))))
            .collect();
        if !unmatched.is_empty() {
            return Err(unmatched);
        }
        let wanted = |case: &Case| {
            (self.words.is_empty() || self.words.iter().any(|word| means(word, case)))
                && self.tags.iter().all(|tag| case.tags.contains(tag))
        };
        Ok(cases.into_iter().filter(wanted).collect())
    }
}

/// A glob in which brackets stand for themselves, since every id with axes has them.
fn matcher(text: &str) -> Option<GlobMatcher> {
    let escaped: String = text
        .chars()
        .map(|c| match c {
            '[' => "[[]".to_owned(),
            ']' => "[]]".to_owned(),
            '{' | '}' | '\\' => format!("[{c}]"),
            other => other.to_string(),
        })
        .collect();
    let glob = GlobBuilder::new(&escaped).literal_separator(false).build();
    // Every special character but `*` and `?` was made a literal above; what is no pattern all the same can be an exact id.
    glob.ok().map(|glob| glob.compile_matcher())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_are_literal_and_stars_are_not() {
        let matcher = |text: &str| matcher(text).unwrap();
        assert!(matcher("eds/walk[pets=3]").is_match("eds/walk[pets=3]"));
        assert!(!matcher("eds/walk[pets=3]").is_match("eds/walkp"));
        assert!(matcher("eds/*").is_match("eds/walk[pets=3]"));
        assert!(matcher("*[*pets=3*]").is_match("eds/walk[a=1,pets=3]"));
        assert!(!matcher("routing/*").is_match("eds/walk"));
        assert!(matcher("{a}\\*").is_match("{a}\\b"));
    }
}
