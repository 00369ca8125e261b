//! Names in steps: pods, groups, containers, what was kept; and expressions.

use super::{Check, Kept};
use crate::{
    expression::{Expression, Foregone, Known, Variables},
    mesh::{GroupSpec, Service},
    observation::{
        CALL_VARIABLES, CONVERSATION_VARIABLES, ENVOY_VARIABLES, LOGGED_VARIABLES, RAW_VARIABLES, RECEIVED_VARIABLES,
        RESPONSE_VARIABLES, TRANSFER_VARIABLES, WINDOW_VARIABLES,
    },
    scenario::value::OneOrMany,
    suggest::did_you_mean,
    yaml::At,
};

/// What `pods` and `params` are called in expressions; nothing kept may be called so.
const GLOBAL: [&str; 2] = ["pods", "params"];

/// Words that no variable can have in CEL: <https://github.com/google/cel-spec/blob/master/doc/langdef.md#syntax>.
const RESERVED: [&str; 21] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "false",
    "for",
    "function",
    "if",
    "import",
    "in",
    "let",
    "loop",
    "namespace",
    "null",
    "package",
    "return",
    "true",
    "var",
    "void",
    "while",
];

impl Check<'_> {
    /// The group of the pod `name`, if the mesh has such a pod at any time.
    fn group_of(&self, name: &str) -> Option<(&str, &GroupSpec)> {
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

    /// How many pods a group has at the most.
    pub(crate) fn most(&self, group: &str) -> Option<u32> {
        self.mesh
            .groups
            .contains_key(group)
            .then(|| self.most.get(group).copied().unwrap_or(1))
    }

    /// The names of all pods and groups, for suggestions.
    fn pod_names(&self) -> Vec<String> {
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

    fn unknown_pod(&mut self, name: &At<String>) {
        // Where the group is right, the number is not.
        let group = name
            .rsplit_once('-')
            .map(|(group, _)| group)
            .filter(|group| self.mesh.groups.contains_key(*group));
        let help = match group.map(|group| (group, self.most.get(group))) {
            Some((group, Some(0))) => format!("the group `{group}` has no pods; `scale` gives it some"),
            Some((group, Some(1))) => format!("the group `{group}` has one pod, `{group}-1`; `scale` gives it more"),
            Some((group, Some(most))) => {
                format!("the group `{group}` has the pods `{group}-1` to `{group}-{most}`; `scale` gives it more")
            }
            Some((group, None)) => format!("`{group}` is a single pod of that name"),
            None => {
                let known = self.pod_names();
                did_you_mean(name, known.iter().map(String::as_str))
            }
        };
        self.wrong(
            name.place,
            format!("there is no pod `{}` in this mesh", name.value),
            "unknown pod",
            help,
        );
    }

    /// A pod, or a group, by whose name a single pod can be chosen: a group stands for its first pod.
    fn pod(&mut self, name: &At<String>) -> Option<GroupSpec> {
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

    /// A pod or a group.
    pub(crate) fn pod_or_group(&mut self, name: &At<String>) {
        self.pod(name);
    }

    /// A pod or group that has an Envoy.
    pub(crate) fn with_envoy(&mut self, name: &At<String>) {
        if self.pod(name).is_some_and(|spec| spec.envoy.is_none()) {
            let help = "choose a pod with an Envoy, or reach the application with `direct`";
            self.wrong(
                name.place,
                format!("`{}` has no Envoy", name.value),
                "an application alone",
                help,
            );
        }
    }

    /// A pod or group that has an application.
    pub(crate) fn application(&mut self, name: &At<String>) {
        if self.pod(name).is_some_and(|spec| spec.application.is_none()) {
            let message = format!("`{}` has no application", name.value);
            self.wrong(name.place, message, "an Envoy alone", "choose a pod with a service");
        }
    }

    /// The application of a pod or group, which is told if there is none of that name: none where it has no service of ours.
    pub(crate) fn service(&mut self, name: &At<String>) -> Option<Option<Service>> {
        self.pod(name).map(|spec| spec.service())
    }

    /// Of these, whose application is a program of one's own, which cannot be told to fail on purpose.
    pub(crate) fn can_fail_on_purpose(&mut self, names: &At<OneOrMany<At<String>>>) {
        for name in names.iter() {
            let own = self.mesh.groups.get(&name.value);
            let group = own.or(self.group_of(name).map(|(_, spec)| spec));
            if group.is_some_and(|group| group.program().is_some()) {
                let message = format!("the application of `{}` is a program of your own", name.value);
                let help = "only the services of meshkat have faults; `kill`, `pause` and `stop` work, and so does a route of yours that fails";
                self.wrong(name.place, message, "has no faults", help);
            }
        }
    }

    /// At least one pod or group, each with an application.
    pub(crate) fn applications(&mut self, names: &At<OneOrMany<At<String>>>) {
        self.at_least_one(names);
        names.iter().for_each(|name| self.application(name));
    }

    /// A mesh with a registry.
    pub(crate) fn needs_sds(&mut self) {
        if !self.mesh.has_registry() {
            let of_ones_own = self
                .mesh
                .groups
                .iter()
                .find(|(_, group)| group.program().is_some_and(|program| program.is_control_plane));
            if let Some((name, _)) = of_ones_own {
                let help = format!(
                    "this step speaks to the registry of `sds`; `kill`, `pause`, `stop` and `start` work on `{name}`, and `post` to it as it takes it"
                );
                let message = format!("the control plane of this mesh is `{name}`, a program of your own");
                return self.wrong(self.verb(), message, "it has no registry that is known here", help);
            }
            let help = "add `sds: {service: sds}` to the mesh";
            self.wrong(
                self.verb(),
                "this mesh has no discovery service",
                "there is no registry",
                help,
            );
        }
    }

    pub(crate) fn at_least_one<T>(&mut self, names: &At<OneOrMany<T>>) {
        if names.is_empty() {
            let help = "name a pod, such as `pet-1`, or a group, such as `pet`";
            self.wrong(names.place, "nobody is named", "an empty list", help);
        }
    }

    /// `POD`, `POD/envoy`, `POD/application` or `GROUP`, each.
    pub(crate) fn targets(&mut self, targets: &At<OneOrMany<At<String>>>) {
        self.at_least_one(targets);
        for target in targets.iter() {
            let (pod, container) = match target.split_once('/') {
                Some((pod, container)) => (pod, Some(container)),
                None => (target.as_str(), None),
            };
            let inside = |part: &str, at: usize| {
                let place = self.source.inside(target.place, target, at, part.len());
                At {
                    place: place.unwrap_or(target.place),
                    value: part.to_owned(),
                }
            };
            let (name, container) = (inside(pod, 0), container.map(|part| inside(part, pod.len() + 1)));
            match container.as_ref().map(|container| container.as_str()) {
                None => {
                    self.pod(&name);
                }
                Some("envoy") => self.with_envoy(&name),
                Some("application") => self.application(&name),
                Some(other) => {
                    let help = did_you_mean(other, ["envoy", "application"]);
                    let place = container.as_ref().map_or(target.place, |container| container.place);
                    self.wrong(
                        place,
                        format!("a pod has no container `{other}`"),
                        "unknown container",
                        help,
                    );
                }
            }
        }
    }

    /// Pods or groups, below `key` of this step.
    pub(crate) fn pods_or_groups(&mut self, key: &str, names: &At<OneOrMany<String>>) {
        self.at_least_one(names);
        for (index, name) in names.iter().enumerate() {
            let place = self.item(&[key], index);
            self.pod(&At {
                place,
                value: name.clone(),
            });
        }
    }

    /// A group whose pods can be counted.
    pub(crate) fn group(&mut self, name: &At<String>) {
        if !self.mesh.groups.contains_key(&name.value) {
            let known: Vec<&str> = self.mesh.groups.keys().map(String::as_str).collect();
            self.wrong
                .push(crate::mesh_file::unknown_group(self.source, name, &known));
        }
    }

    /// Whether these names stand for more than one pod.
    pub(crate) fn are_several(&self, pods: &OneOrMany<At<String>>) -> bool {
        pods.len() > 1 || pods.iter().any(|name| self.most(name).is_some_and(|most| most > 1))
    }

    /// What is kept is what one Envoy says.
    pub(crate) fn keep_of_one(&mut self, envoys: &OneOrMany<At<String>>, keep: Option<&At<String>>) {
        if keep.is_some() && self.are_several(envoys) {
            let place = self.key(&["keep"]);
            self.wrong(
                place,
                "`keep` keeps what one Envoy says",
                "several are asked",
                "name one pod",
            );
        }
    }

    /// What the step keeps is known from here on, by a name that means nothing else.
    pub(crate) fn keep(&mut self, kept: Option<(&At<String>, Kept)>) {
        let Some((name, what)) = kept else { return };
        let text = name.as_str();
        let word = text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && text.starts_with(|c: char| c.is_ascii_alphabetic());
        let mut taken = [
            &GLOBAL[..],
            &RESPONSE_VARIABLES,
            &WINDOW_VARIABLES,
            &ENVOY_VARIABLES,
            &LOGGED_VARIABLES,
            &RECEIVED_VARIABLES,
            &CALL_VARIABLES,
            &CONVERSATION_VARIABLES,
            &TRANSFER_VARIABLES,
            &RAW_VARIABLES,
        ]
        .into_iter()
        .flatten();
        if !word {
            let message = format!("`{text}` cannot be a name in expressions");
            self.wrong(
                name.place,
                message,
                "not a name",
                "a letter, then letters, digits and underscores",
            );
        } else if RESERVED.contains(&text) {
            let message = format!("`{text}` is a word of CEL itself");
            self.wrong(
                name.place,
                message,
                "not a free name",
                "choose another name, such as `before`",
            );
        } else if taken.any(|own| *own == text) || Expression::functions().any(|function| function == text) {
            let message = format!("`{text}` is something else in expressions");
            self.wrong(
                name.place,
                message,
                "not a free name",
                "choose another name, such as `before`",
            );
        }
        self.kept.insert(name.value.clone(), what);
    }

    /// Expressions over `own` variables, the global ones, and what was kept so far.
    pub(crate) fn expressions(&mut self, expressions: &OneOrMany<At<String>>, own: &[&str]) {
        for text in expressions.iter() {
            let problems = match Expression::compile(text) {
                Err(problem) => vec![problem],
                Ok(expression) => {
                    let problems = expression.problems(&self.known(own));
                    if problems.is_empty() {
                        self.foregone(&expression, text);
                    }
                    problems
                }
            };
            for mut problem in problems {
                let name = text.get(problem.at..problem.at + problem.len).unwrap_or_default();
                if let Some(later) = self.kept_later.iter().find(|kept| kept.value == name) {
                    problem.help = format!(
                        "it is kept in line {}; a step knows what the steps before it kept",
                        later.place.line
                    );
                } else if name == "params" {
                    problem.help = "this file has no axes".to_owned();
                }
                self.wrong.push(problem.told(self.source, text.place, text));
            }
        }
    }

    /// An expression that comes to the same whatever is seen expects nothing.
    fn foregone(&mut self, expression: &Expression, text: &At<String>) {
        let params = Variables::from([("params".to_owned(), self.params.clone())]);
        let (message, label) = match expression.foregone(&params) {
            None => return,
            Some(Foregone::Holds) => ("this holds whatever happens".to_owned(), "always true"),
            Some(Foregone::Fails) => ("this can never hold".to_owned(), "never true"),
            Some(Foregone::Unevaluable(why)) => (format!("this can never hold: {why}"), "never true"),
        };
        let help = "ask for something that is seen and can be otherwise, such as `status == 200`";
        self.wrong(text.place, message, label, help);
    }

    fn known<'a>(&'a self, own: &[&'a str]) -> Known<'a> {
        let mut variables = own.to_vec();
        variables.push("pods");
        variables.extend((!self.axes.is_empty()).then_some("params"));
        variables.extend(self.kept.keys().map(String::as_str));
        // Whether a JSON body is true nobody knows before it is there.
        let not_truths = variables.iter().copied().filter(|name| *name != "json").collect();
        Known {
            variables,
            not_truths,
            axes: self.axes.clone(),
        }
    }
}
