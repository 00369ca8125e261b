//! Keys that several verbs have: times, bounds, and loads by their names.

use indexmap::IndexMap;

use super::Check;
use crate::{
    scenario::quantity::{Always, Bound},
    source::Place,
    suggest::did_you_mean,
    yaml::At,
};

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

    /// How many pods of groups take part: the groups are there, and the bound says something about them.
    pub(crate) fn distinct(&mut self, distinct: &IndexMap<At<String>, Bound>) {
        for (group, bound) in distinct {
            match self.most(group) {
                None => self.group(group),
                Some(most) => {
                    let help = format!("the group `{}` has {most} pods at the most", group.value);
                    self.bound(
                        self.value(&["distinct", group.as_str()]),
                        bound.always(Some(most)),
                        help,
                    );
                }
            }
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
