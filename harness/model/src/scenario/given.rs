//! The Envoys that a scenario varies, and others in their place, given by whoever runs it.

use serde_json::Value;

use super::{Scenario, envoy::From};
use crate::{
    axis::{ENVOY, text, written},
    combine::Given,
    source::Place,
    yaml::Kind,
};

impl Scenario {
    /// Whether the file itself has the axis `envoy`.
    pub fn varies_envoy(&self) -> bool {
        self.node.get("axes").is_some_and(|axes| axes.key(ENVOY).is_some())
    }

    /// The versions of Envoy that its cases have by the axis `envoy`; none without that axis.
    pub fn envoys(&self) -> Vec<String> {
        self.axes.get(ENVOY).into_iter().flatten().map(text).collect()
    }

    /// Where the file has this version; of shared values, where it names them.
    pub fn envoy_place(&self, version: &str) -> Place {
        let Some(values) = self.node.get("axes").and_then(|axes| axes.get(ENVOY)) else {
            return self.axes_place();
        };
        let item = match &values.kind {
            Kind::Sequence(items) => items.iter().find(|item| text(&written(item)) == version),
            _ => None,
        };
        item.unwrap_or(values).place
    }

    /// The scenario with these values of the axis `envoy`, each once: they replace those of the file, or the axis comes after
    /// those of the file. What the file says of other Envoys does not matter then: items of `include` and `exclude`, and
    /// steps that no case has.
    #[must_use]
    pub fn with_envoys(mut self, envoys: &[String]) -> Self {
        let (axis, _) = self.axes.insert_full(ENVOY.to_owned(), Vec::new());
        let mut said = self.declared.clone();
        let left: Vec<Value> = envoys.iter().map(|envoy| Value::String(envoy.clone())).collect();
        let is_left = |given: &Given| {
            let mut own = given.values.iter().filter(|(of, ..)| *of == axis);
            own.all(|(_, value, _)| left.contains(value))
        };
        said.include.retain(is_left);
        said.exclude.retain(is_left);
        said.seeds.retain(is_left);
        self.combinations = said;
        self.envoys_from = match self.varies_envoy() {
            true => From::Replaced,
            false => From::Added,
        };
        self.axes.insert(ENVOY.to_owned(), left);
        self
    }

    /// Whether the values of the axis `envoy` were given. Then it is no mistake of the file that it has no case of some value.
    pub fn has_given_envoys(&self) -> bool {
        self.envoys_from != From::File
    }

    /// The scenario without a value of an axis, by their numbers, and without what is said of it.
    #[must_use]
    pub fn without_value(mut self, axis: usize, value: usize) -> Self {
        let Some((_, values)) = self.axes.get_index_mut(axis) else {
            return self;
        };
        if value < values.len() {
            let gone = values.remove(value);
            let speaks_of_it = |given: &Given| given.values.iter().any(|(of, known, _)| *of == axis && *known == gone);
            self.combinations.include.retain(|given| !speaks_of_it(given));
            self.combinations.exclude.retain(|given| !speaks_of_it(given));
            self.combinations.seeds.retain(|given| !speaks_of_it(given));
        }
        self
    }

    /// The scenario without an included combination, by its number.
    #[must_use]
    pub fn without_included(mut self, number: usize) -> Self {
        if number < self.combinations.include.len() {
            self.combinations.include.remove(number);
        }
        self
    }

    /// The scenario without a combination that was to come first, by its number.
    #[must_use]
    pub fn without_seed(mut self, number: usize) -> Self {
        if number < self.combinations.seeds.len() {
            self.combinations.seeds.remove(number);
        }
        self
    }

    /// The scenario without any case: no axis has a value.
    #[must_use]
    pub fn without_cases(mut self) -> Self {
        self.axes.values_mut().for_each(Vec::clear);
        self
    }
}
