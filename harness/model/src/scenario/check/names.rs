//! Names in steps: pods, groups, containers, what was kept; and expressions.

use super::{Check, Kept};
use crate::{expression::Expression, mesh::GroupSpec, scenario::value::OneOrMany, suggest::did_you_mean, yaml::At};

/// What `pods` and `params` are called in expressions; nothing kept may be called so.
const GLOBAL: [&str; 2] = ["pods", "params"];

impl Check<'_> {
    /// The group of the pod `name`, if the mesh has such a pod at any time.
    pub(super) fn group_of(&self, name: &str) -> Option<(&str, &GroupSpec)> {
        if let Some((group, spec)) = self.mesh.groups.get_key_value(name) {
            return spec.replicas.is_none().then_some((group, spec));
        }
        let (group, ordinal) = name.rsplit_once('-')?;
        let (group, spec) = self.mesh.groups.get_key_value(group)?;
        let ordinal = ordinal
            .parse::<u32>()
            .ok()
            .filter(|n| *n >= 1 && n.to_string() == ordinal)?;
        (ordinal <= *self.most.get(group)?).then_some((group, spec))
    }

    /// The names of all pods and groups, for suggestions.
    pub(super) fn pod_names(&self) -> Vec<String> {
        let mut names = Vec::new();
        for (group, spec) in &self.mesh.groups {
            names.push(group.clone());
            if spec.replicas.is_some() {
                let most = self.most.get(group).copied().unwrap_or_default();
                names.extend((1..=most).map(|ordinal| format!("{group}-{ordinal}")));
            }
        }
        names
    }

    pub(super) fn unknown_pod(&mut self, name: &At<String>) {
        let known = self.pod_names();
        let help = did_you_mean(name, known.iter().map(String::as_str));
        self.wrong(
            name.place,
            format!("there is no pod `{}` in this mesh", name.value),
            "unknown pod",
            help,
        );
    }

    /// A pod, or a group, by whose name a single pod can be chosen: a group stands for its first pod.
    pub(super) fn pod(&mut self, name: &At<String>) -> Option<GroupSpec> {
        let spec = self
            .mesh
            .groups
            .get(&name.value)
            .or(self.group_of(name).map(|(_, spec)| spec))
            .cloned();
        if spec.is_none() {
            self.unknown_pod(name);
        }
        spec
    }

    /// A pod or group that has an Envoy.
    pub(super) fn with_envoy(&mut self, name: &At<String>) {
        if self.pod(name).is_some_and(|spec| spec.envoy.is_none()) {
            self.wrong(
                name.place,
                format!("`{}` has no Envoy", name.value),
                "an application alone",
                "choose a pod with an Envoy, or reach the application with `straight-to`",
            );
        }
    }

    /// A pod or group that has an application.
    pub(super) fn application(&mut self, name: &At<String>) {
        if self.pod(name).is_some_and(|spec| spec.service.is_none()) {
            self.wrong(
                name.place,
                format!("`{}` has no application", name.value),
                "an Envoy alone",
                "choose a pod with a service",
            );
        }
    }

    /// `POD`, `POD/envoy`, `POD/application` or `GROUP`, each.
    pub(super) fn targets(&mut self, targets: &At<OneOrMany<At<String>>>) {
        if targets.is_empty() {
            self.wrong(
                targets.place,
                "no target",
                "an empty list",
                "name a pod, such as `pet-1`",
            );
        }
        for target in targets.iter() {
            let (pod, container) = match target.split_once('/') {
                Some((pod, container)) => (pod.to_owned(), Some(container.to_owned())),
                None => (target.value.clone(), None),
            };
            let pod = At {
                place: target.place,
                value: pod,
            };
            match container.as_deref() {
                None => {
                    self.pod(&pod);
                }
                Some("envoy") => self.with_envoy(&pod),
                Some("application") => self.application(&pod),
                Some(other) => {
                    let help = did_you_mean(other, ["envoy", "application"]);
                    self.wrong(
                        target.place,
                        format!("a pod has no container `{other}`"),
                        "unknown container",
                        help,
                    );
                }
            }
        }
    }

    /// Pods or groups.
    pub(super) fn pods_or_groups(&mut self, names: &At<OneOrMany<String>>) {
        if names.is_empty() {
            self.wrong(
                names.place,
                "nobody is named",
                "an empty list",
                "name a pod, such as `pet-1`, or a group, such as `pet`",
            );
        }
        for name in names.iter() {
            self.pod(&At {
                place: names.place,
                value: name.clone(),
            });
        }
    }

    /// A group whose pods can be counted.
    pub(super) fn group(&mut self, name: &At<String>) {
        if !self.mesh.groups.contains_key(&name.value) {
            let known: Vec<&str> = self.mesh.groups.keys().map(String::as_str).collect();
            self.wrong
                .push(crate::mesh_file::unknown_group(self.source, name, &known));
        }
    }

    pub(super) fn keep(&mut self, name: Option<&At<String>>, what: Kept) {
        let Some(name) = name else { return };
        let word = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && name.starts_with(|c: char| c.is_ascii_alphabetic());
        if !word || GLOBAL.contains(&name.as_str()) || Expression::functions().any(|function| function == name.value) {
            self.wrong(
                name.place,
                format!("`{}` cannot be a name in expressions", name.value),
                "not a free name",
                "letters, digits and underscores; not `pods`, `params` or a function of CEL",
            );
        }
        self.kept.insert(name.value.clone(), what);
    }

    /// Expressions over `own` variables, the global ones, and what was kept so far.
    pub(super) fn expressions(&mut self, expressions: &OneOrMany<At<String>>, own: &[&str]) {
        for text in expressions.iter() {
            match Expression::compile(text) {
                Err(error) => {
                    let mut place = text.place;
                    // The label points into the expression where it is written in one piece.
                    if place.len >= text.len() && text.is_char_boundary(error.column.saturating_sub(1)) {
                        let quote = (place.len - text.len()) / 2;
                        let skip = (error.column - 1).min(text.len().saturating_sub(1));
                        place.offset += quote + skip;
                        place.column += quote + skip;
                        place.len = 1;
                    }
                    self.wrong(
                        place,
                        format!("not a CEL expression: {}", error.message),
                        "here",
                        "for example `status == 200 && json.pets.size() > 0`",
                    );
                }
                Ok(expression) => {
                    let mut known: Vec<&str> = own.to_vec();
                    known.push("pods");
                    if self.has_params {
                        known.push("params");
                    }
                    known.extend(self.kept.keys().map(String::as_str));
                    if let Some(unknown) = expression.unknown_variable(&known) {
                        let help = did_you_mean(&unknown, known.iter().copied());
                        self.wrong(
                            text.place,
                            format!("this expression has no variable `{unknown}`"),
                            "unknown variable",
                            help,
                        );
                    } else if let Some(unknown) = expression.unknown_function() {
                        let help = did_you_mean(&unknown, Expression::functions());
                        self.wrong(
                            text.place,
                            format!("CEL has no function `{unknown}`"),
                            "unknown function",
                            help,
                        );
                    }
                }
            }
        }
    }
}
