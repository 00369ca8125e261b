//! Keys that several verbs have: times, bounds, and loads by their names.

use super::Check;
use crate::{scenario::quantity::Always, source::Place, suggest::did_you_mean, yaml::At};

impl Check<'_> {
    pub(crate) fn either_within_or_for(&mut self, within: bool, for_: bool) {
        if within && for_ {
            let message = "a step becomes true `within` a time or stays true `for` a time, not both";
            self.wrong(
                self.later("within", "for"),
                message,
                "the second of the two",
                "make two steps of it",
            );
        }
    }

    /// An expectation that always holds, or never, expects nothing.
    pub(crate) fn bound(&mut self, place: Place, always: Option<Always>, help: impl Into<String>) {
        match always {
            Some(Always::Holds) => self.wrong(place, "this holds whatever happens", "always true", help),
            Some(Always::Fails) => self.wrong(place, "this can never hold", "never true", help),
            None => {}
        }
    }

    pub(crate) fn unknown_load(&mut self, name: &At<String>) {
        let later = self.loads_later.iter().find(|load| load.value == name.value);
        let help = match later {
            Some(later) => format!(
                "it is started in line {}; a load is judged after it was started",
                later.place.line
            ),
            None => did_you_mean(name, self.loads.keys().map(String::as_str)),
        };
        self.wrong(
            name.place,
            format!("no load `{}` was started before this step", name.value),
            "unknown load",
            help,
        );
    }
}
