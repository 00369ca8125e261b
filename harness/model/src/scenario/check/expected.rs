//! Keys that several verbs have: times, bounds, and loads by their names.

use super::Check;
use crate::{scenario::quantity::Always, source::Place, suggest::did_you_mean, yaml::At};

/// So often in a row something may be wanted.
const MOST_IN_A_ROW: u32 = 10_000;

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

    /// So often in a row goes with the time that there is for it.
    pub(crate) fn in_a_row(&mut self, times: Option<&At<u32>>) {
        let Some(times) = times else { return };
        if !self.has("within") {
            let help = "say within which time, such as `within: 10s`; without one, `times: 20` sends so many, and each must hold";
            self.wrong(
                self.key(&["in-a-row"]),
                "`in-a-row` goes with `within`",
                "there is no `within`",
                help,
            );
        } else if !(2..=MOST_IN_A_ROW).contains(&times.value) {
            let message = format!("{} times in a row is out of range", times.value);
            let help = format!("it is from 2 to {MOST_IN_A_ROW}");
            self.wrong(times.place, message, "out of range", help);
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
