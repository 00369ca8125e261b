//! Overlays: changes of configurations by structure, each in a file of its own.

mod change;
mod written;
mod wrong;

use std::path::{Path, PathBuf};

use serde_yaml::Value;

use self::change::Action;
pub use self::{change::Overlay, wrong::Wrong};
use super::{Bootstrap, ConfigError, DocPath, document::LARGEST, select::merge, yaml};

/// How much an overlay may add to a configuration, with 64 bytes of a text for one value: ten times what a large one has.
const MOST_ADDED: usize = 200_000;

/// How many values of a configuration the changes of an overlay may look through together.
const MOST_LOOKED_AT: usize = 10_000_000;

impl Overlay {
    /// Reads an overlay's file.
    ///
    /// # Errors
    /// A file that cannot be read, or that holds something else; told with its place in the file.
    pub fn read(file: &Path) -> Result<Self, ConfigError> {
        Self::read_or_tell(file).map_err(Wrong::into_first)
    }

    /// The same, telling all that is wrong.
    ///
    /// # Errors
    /// As [`Overlay::read`], each.
    pub fn read_or_tell(file: &Path) -> Result<Self, Wrong> {
        let text = meshkat_files::read_to_string(file, LARGEST).map_err(|source| ConfigError::Read {
            file: file.to_owned(),
            source,
        });
        Self::parse_or_tell(file, &text?)
    }

    /// Takes `text` for the content of `file`, which is only named in errors.
    ///
    /// # Errors
    /// As [`Overlay::read`].
    pub fn parse(file: &Path, text: &str) -> Result<Self, ConfigError> {
        Self::parse_or_tell(file, text).map_err(Wrong::into_first)
    }

    /// The same, telling all that is wrong.
    ///
    /// # Errors
    /// As [`Overlay::read`], each.
    pub fn parse_or_tell(file: &Path, text: &str) -> Result<Self, Wrong> {
        written::parse(file, text)
    }

    /// The file that it came from.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// What it does, in a sentence.
    pub fn about(&self) -> &str {
        &self.about
    }

    /// Changes a configuration, and tells whether it did: one that lacks what the overlay `needs` is left as it is.
    ///
    /// # Errors
    /// A change for which there is no place in a configuration that has what is needed: most likely it is misspelt.
    pub fn apply(&self, config: &mut Bootstrap) -> Result<bool, ConfigError> {
        self.apply_or_tell(config).map_err(Wrong::into_first)
    }

    /// The same, telling every change for which there is no place.
    ///
    /// # Errors
    /// As [`Overlay::apply`], each.
    pub fn apply_or_tell(&self, config: &mut Bootstrap) -> Result<bool, Wrong> {
        if self.needs.as_ref().is_some_and(|needs| !needs.finds(config.document())) {
            return Ok(false);
        }
        let name = config
            .file()
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let mut size = yaml::weight(config.document());
        let (mut looked_at, mut added) = (0, 0);
        let mut wrong = Vec::new();
        for (index, (selector, action)) in self.changes.iter().enumerate() {
            let change = DocPath::root().field("changes").item(index);
            looked_at += size;
            if looked_at > MOST_LOOKED_AT {
                let message = format!("these are too many changes for {name}, which is large");
                return Err(ConfigError::unexpected(&self.file, &change, message).into());
            }
            let document = config.document_mut();
            let weight = match action {
                Action::Set(value) | Action::Merge(value) => yaml::weight(value),
                Action::Remove => 0,
            };
            let before = added;
            let mut put = |place: &mut Value, how: &dyn Fn(&mut Value)| {
                added += weight;
                // Beyond it nothing is put anywhere.
                if added <= MOST_ADDED {
                    how(place);
                }
            };
            let changed = match action {
                Action::Set(value) => {
                    selector.change(document, &mut |place| put(place, &|place| value.clone_into(place)))
                }
                Action::Merge(patch) => {
                    selector.change(document, &mut |place| put(place, &|place| merge(place, patch)))
                }
                Action::Remove => selector.remove(document),
            };
            size += added - before;
            if added > MOST_ADDED {
                let message = format!("this change has {changed} places in {name}, which makes it too large");
                return Err(ConfigError::unexpected(&self.file, &change, message).into());
            }
            if changed == 0 {
                let path = change.field("at");
                let message =
                    format!("there is no such place in {name}; `needs` leaves configurations alone that lack it");
                wrong.push(ConfigError::unexpected(&self.file, &path, message));
            }
        }
        Wrong::of(wrong).map_or(Ok(true), Err)
    }
}

impl Bootstrap {
    /// Reads a configuration and puts overlays over it, one after the other.
    ///
    /// # Errors
    /// A file that cannot be read or is invalid, and a change for which there is no place.
    pub fn read_with(file: &Path, overlays: &[PathBuf]) -> Result<Self, ConfigError> {
        let mut config = Self::read(file)?;
        for overlay in overlays {
            Overlay::read(overlay)?.apply(&mut config)?;
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overlay(text: &str) -> Result<Overlay, String> {
        Overlay::parse(Path::new("overlay.yaml"), text).map_err(|error| error.to_string())
    }

    fn config(text: &str) -> Bootstrap {
        Bootstrap::parse(Path::new("pod.yaml"), text).unwrap()
    }

    #[test]
    fn changes_are_made_in_order_where_they_are_needed() {
        let overlay = overlay(
            "{about: x, needs: 'c[type=EDS]', changes: [{at: 'c[type=EDS].eds', set: {a: 1}}, {merge: {top: {b: 2}}}, \
             {at: 'c[name=gone]', remove: true}]}",
        )
        .unwrap();
        let mut changed = config("{c: [{type: EDS}, {name: gone}, {name: stays}]}");
        assert!(overlay.apply(&mut changed).unwrap());
        assert_eq!(
            changed,
            config("{c: [{type: EDS, eds: {a: 1}}, {name: stays}], top: {b: 2}}")
        );
        let mut other = config("{c: [{type: STATIC}]}");
        assert!(!overlay.apply(&mut other).unwrap());
        assert_eq!(other, config("{c: [{type: STATIC}]}"));
    }

    #[test]
    fn what_would_be_too_much_is_told_before_it_is_made() {
        let many = format!("{{c: [{}]}}", vec!["{}"; 10_000].join(", "));
        let list = format!("[{}]", vec!["x"; 1000].join(", "));
        let text = "x".repeat(100_000);
        for value in [list, text] {
            let overlay = overlay(&format!("{{about: x, changes: [{{at: 'c[*].v', set: {value}}}]}}")).unwrap();
            let error = overlay.apply(&mut config(&many)).unwrap_err().to_string();
            assert!(
                error.contains("changes[0]: this change has 10000 places in pod.yaml, which makes it too large"),
                "{error}"
            );
        }
        let changes = vec!["{at: top, set: 1}"; 1100].join(", ");
        let overlay = overlay(&format!("{{about: x, changes: [{changes}]}}")).unwrap();
        let error = overlay.apply(&mut config(&many)).unwrap_err().to_string();
        assert!(error.contains("these are too many changes for pod.yaml"), "{error}");
    }

    #[test]
    fn a_change_without_a_place_is_an_error_with_its_own_place() {
        let overlay = overlay("{about: x, changes: [{merge: {a: 1}}, {at: 'c[name=pets]', merge: {b: 1}}]}").unwrap();
        let error = overlay.apply(&mut config("{c: [{name: pet}]}")).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("overlay.yaml: changes[1].at: there is no such place in pod.yaml"),
            "{error}"
        );
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let told = |wrong: &Wrong| wrong.each().map(ToString::to_string).collect::<Vec<_>>();
        let text = "{abuot: x, changes: [{at: 'a[', set: 1}, {merge: {a: 1}}, {at: b, sets: 1}, {at: c}, 7]}";
        let wrong = Overlay::parse_or_tell(Path::new("o.yaml"), text).unwrap_err();
        let told_of = told(&wrong);
        for (told, begins) in told_of.iter().zip([
            "o.yaml: abuot: unknown key `abuot`; did you mean `about`?",
            "o.yaml: changes[0].at: `a[` is no place",
            "o.yaml: changes[2].sets: unknown key `sets`; did you mean `set`?",
            "o.yaml: changes[3]: a change has one of `set`",
            "o.yaml: changes[4]: invalid type",
        ]) {
            assert!(told.starts_with(begins), "{told_of:?}");
        }
        assert_eq!(told_of.len(), 5, "{told_of:?}");

        let changes = "{about: x, changes: [{at: a.b, set: 1}, {at: c, merge: {a: 1}}, {at: d, remove: true}]}";
        let wrong = overlay(changes)
            .unwrap()
            .apply_or_tell(&mut config("{c: {}}"))
            .unwrap_err();
        let places: Vec<_> = told(&wrong).iter().map(|told| told[..24].to_owned()).collect();
        assert_eq!(places, ["overlay.yaml: changes[0]", "overlay.yaml: changes[2]"]);
    }

    #[test]
    fn what_is_no_overlay_is_told_with_its_place() {
        for (text, told) in [
            ("{changes: []}", "the key `about` is missing"),
            ("{about: x, changes: []}", "changes: an overlay changes something"),
            (
                "{about: x, change: []}",
                "change: unknown key `change`; did you mean `changes`?",
            ),
            ("{about: x, changes: [{at: a}]}", "changes[0]: a change has one of"),
            (
                "{about: x, changes: [{at: a, set: 1, remove: true}]}",
                "changes[0]: a change has one of",
            ),
            ("{about: x, changes: [{set: 1}]}", "changes[0]: the whole document"),
            (
                "{about: x, changes: [{remove: true}]}",
                "changes[0]: the whole document",
            ),
            (
                "{about: x, changes: [{at: a, merge: 1}]}",
                "changes[0].merge: what is merged",
            ),
            (
                "{about: x, changes: [{at: 'a[', merge: {}}]}",
                "changes[0].at: `a[` is no place",
            ),
            ("{about: x, needs: '', changes: [{merge: {}}]}", "needs: `` is no place"),
        ] {
            let error = overlay(text).unwrap_err();
            assert!(error.contains(told), "{text}: {error}");
        }
    }
}
