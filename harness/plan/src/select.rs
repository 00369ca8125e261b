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

    /// Whether cases of a scenario that cannot be read may be among what was asked for: of its file only the id, the place and
    /// the text are known. A pattern over values of axes means it if it has these axes, and a tag if it has the tag's word.
    pub fn may_mean(&self, scenario: &str, file: Option<&Path>, text: &str) -> bool {
        let axes = |pattern: &str| {
            pattern
                .split([',', '[', ']', '*', '?'])
                .all(|part| match part.split_once('=') {
                    Some((axis, _)) => text.contains(axis),
                    None => true,
                })
        };
        let by_id = |word: &str| {
            let (ids, values) = word.split_at(word.find('[').unwrap_or(word.len()));
            let below = scenario.strip_prefix(word.trim_end_matches('/'));
            let matches = matcher(ids).is_some_and(|glob| glob.is_match(scenario));
            below.is_some_and(|rest| rest.starts_with('/')) || matches && axes(values)
        };
        let means = |word: &Word| match &word.means {
            Means::Path(asked) => file.is_some_and(|file| file.starts_with(asked)),
            Means::Id(_) => by_id(&word.text),
        };
        let by_words = self.words.is_empty() || self.words.iter().any(means);
        by_words && self.tags.iter().all(|tag| text.contains(tag.as_str()))
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
    fn what_a_scenario_may_be_meant_by_is_known_from_its_text_alone() {
        let file = Path::new("/p/scenarios/eds/walk.yaml");
        let text = "promise: x\naxes: {pets: [1, 3}\ntags: [slow]\n";
        let means = |words: &[&str], tags: &[&str]| {
            let owned = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
            let exists = |path: &Path| path.starts_with("/").then(|| path.to_owned());
            Selection::new(&owned(words), &owned(tags), exists).may_mean("eds/walk", Some(file), text)
        };
        for words in [
            &[][..],
            &["eds"],
            &["eds/"],
            &["eds/walk"],
            &["eds/walk[pets=3]"],
            &["eds/*"],
            &["*[*pets=3*]"],
            &["routing/petshop", "*walk"],
            &["/p/scenarios"],
            &["/p/scenarios/eds/walk.yaml"],
        ] {
            assert!(means(words, &[]), "{words:?}");
        }
        for words in [
            &["routing"][..],
            &["eds/wal"],
            &["ed"],
            &["eds/walk2"],
            &["*[stores=1]"],
            &["*shop*"],
            &["/p/scenarios/routing"],
        ] {
            assert!(!means(words, &[]), "{words:?}");
        }
        assert!(means(&[], &["slow"]) && !means(&[], &["smoke"]) && !means(&["eds"], &["slow", "smoke"]));
    }

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
