//! What a person wrote: a promise, a mesh, what varies, and steps.

pub mod allow;
mod axes;
pub(crate) mod check;
mod count;
mod deadline;
pub mod ends;
mod envoy;
mod file;
pub mod frames;
mod given;
pub mod grpc_status;
pub mod octets;
pub mod proxy;
pub mod quantity;
pub mod race;
pub mod rates;
pub(crate) mod reference;
mod rest;
mod schema;
mod size;
pub mod split;
mod steps;
pub mod value;
pub mod verb;
mod when;
pub mod wire;

use std::{collections::HashSet, sync::Arc};

pub use axes::SharedAxes;
pub use file::{INVALID_ELSEWHERE, ScenarioFile};
use indexmap::IndexMap;
pub use schema::schemas;
pub use size::{product, too_many};

pub use crate::mesh::Meshes;

use crate::{
    axis::{ENVOY, text},
    case::{Case, case_id},
    combine::Combinations,
    expression::Budget,
    mesh::MeshSpec,
    mesh_file::{MeshUse, Share},
    scenario::rest::Rest,
    source::{Diagnostic, Place, Source},
    suggest::did_you_mean,
    yaml::{self, At, Node},
};

/// Steps that all `when` of one scenario may take, for all of its cases.
const CONDITIONS: u64 = 10 * crate::expression::MOST_STEPS;

const SMALLEST: &str = "the smallest scenario has the keys `promise`, `mesh` and `steps`";

/// A scenario that was read: its head is known, its steps are decoded for each case, when the axes have values.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// `<folder>/<name>`.
    pub id: String,
    /// The file.
    pub source: Source,
    /// What varies, with its values, in the order of the file.
    pub axes: IndexMap<String, Vec<serde_json::Value>>,
    /// Which combinations of them there are.
    pub combinations: Combinations,
    envoys_from: envoy::From,
    /// What the file says of combinations, whichever Envoys are given.
    declared: Combinations,
    node: Node,
    /// The file without its axes, of which each case is made.
    body: Node,
    /// What the conditions of all cases together may do.
    budget: Arc<Budget>,
}

impl Scenario {
    /// Reads a scenario's head; `shared` are the axes' values that it may refer to by name.
    ///
    /// # Errors
    /// What is not YAML, and axes that are invalid.
    pub fn read(id: impl Into<String>, source: Source, shared: &SharedAxes) -> Result<Self, Vec<Diagnostic>> {
        let id = id.into();
        if let Some(letter) = id.chars().find(|letter| "[],=".contains(*letter)) {
            let message =
                format!("`{id}` cannot be the id of a scenario: `{letter}` belongs to the values of its cases");
            let help = "ids have the form name[axis=value,axis=value]: give the file another name";
            return Err(vec![
                Diagnostic::new(&source, source.at(0, 1), message, "in this file").help(help),
            ]);
        }
        let node = yaml::parse_or_tell(&source, SMALLEST, |rest| misfits(&source, rest))?;
        let too_many = size::too_many(&source, &node);
        if !too_many.is_empty() {
            return Err(too_many);
        }
        // An axis that is wrong hides nothing of what does not ask for any.
        let with_misfits =
            |wrong: Vec<Diagnostic>| in_order(wrong.into_iter().chain(misfits(&source, &node)).collect());
        let (axes, marks) = axes::read(&source, &node, shared).map_err(with_misfits)?;
        let combinations = Combinations::read(&source, &node, &axes, axes::not_in_an_id)?;
        let combinations = Combinations { marks, ..combinations };
        let wrong = envoy::not_included(&source, &axes, &combinations);
        if !wrong.is_empty() {
            return Err(wrong);
        }
        Ok(Self {
            id,
            source,
            axes,
            declared: combinations.clone(),
            combinations,
            envoys_from: envoy::From::File,
            body: size::body(&node),
            node,
            budget: Arc::new(Budget::new(CONDITIONS)),
        })
    }

    /// The values of the axes that the file itself has. What it says must hold or not, however it is run.
    fn own(&self, params: &IndexMap<String, serde_json::Value>) -> IndexMap<String, serde_json::Value> {
        let mut own = params.clone();
        if self.envoys_from == envoy::From::Added {
            own.shift_remove(ENVOY);
        }
        own
    }

    /// The case with these values, one for each axis.
    ///
    /// # Errors
    /// Everything in the file that is invalid with these values, in the order of the file.
    pub fn case(
        &self,
        params: IndexMap<String, serde_json::Value>,
        meshes: &dyn Meshes,
    ) -> Result<Case, Vec<Diagnostic>> {
        let source = &self.source;
        let own = self.own(&params);
        let mut node = axes::substitute(&self.body, &own);
        // Also of the steps that this case does not have.
        let named = steps::Named::of(&node);
        let mut wrong = when::keep_taken(source, &mut node, &own, &self.budget);
        wrong.extend(check::misplaced(source, &node));
        let file: ScenarioFile = match yaml::from_node(&node) {
            Ok(file) if wrong.is_empty() => file,
            read => {
                let errors = read.err().unwrap_or_default();
                let more = missing(&node, &errors);
                let mut told = yaml::diagnose(source, errors.into_iter().chain(more).collect());
                // What is no value of a kind because it stands for one that is not put in there is told once.
                told.retain(|told| !wrong.iter().any(|wrong| told.place.has(wrong.place)));
                if !told.is_empty() {
                    wrong.extend(self.rest(&node, &told, meshes, (&own, &named)));
                }
                wrong.extend(told);
                return Err(in_order(wrong));
            }
        };
        wrong.extend(self.head(&file));
        let mut mesh = match self.mesh(&node, &file.mesh, meshes) {
            Ok(mesh) => mesh,
            Err(more) => {
                wrong.extend(more);
                return Err(in_order(wrong));
            }
        };
        mesh.envoy = params.get(ENVOY).map(text);
        if let Some(Share::Never) = file.share {
            mesh.alone = Some(format!("{} says `share: never`", source.name()));
        }
        let (told, files) = steps::check(source, &node, &file, &mesh, meshes, (&own, &named));
        wrong.extend(told);
        wrong.extend(deadline::deadline(source, &node, file.deadline));
        if wrong.is_empty() && !file.steps.iter().any(|step| step.verb().expects()) {
            wrong.push(self.expects_nothing());
        }
        if !wrong.is_empty() {
            return Err(in_order(wrong));
        }
        Ok(Case {
            id: case_id(&self.id, &params),
            round: None,
            scenario: self.id.clone(),
            source: source.clone(),
            promise: file.promise.value.trim().to_owned(),
            params,
            tags: file.tags.into_iter().map(|tag| tag.value).collect(),
            deadline: file.deadline.map(|time| time.0),
            mesh,
            allows: file.allows.into(),
            steps: file.steps.into(),
            files: files.into(),
            written: steps::written(&node).into(),
        })
    }

    /// What is wrong with the rest of a file in which something does not fit: one mistake hides no other.
    fn rest(&self, node: &Node, told: &[Diagnostic], meshes: &dyn Meshes, own: steps::Own<'_>) -> Vec<Diagnostic> {
        let places: Vec<Place> = told.iter().map(|told| told.place).collect();
        let Some(rest) = Rest::of(node, &places) else {
            return Vec::new();
        };
        let Ok(file) = yaml::from_node::<ScenarioFile>(&rest.node) else {
            return Vec::new();
        };
        let mut wrong = self.head(&file);
        match self.mesh(&rest.node, &file.mesh, meshes) {
            Ok(mesh) => wrong.extend(steps::check(&self.source, &rest.node, &file, &mesh, meshes, own).0),
            Err(more) => wrong.extend(more),
        }
        wrong.retain(|wrong| rest.is_wrong(wrong));
        wrong
    }

    /// What is wrong beside the mesh and the steps.
    fn head(&self, file: &ScenarioFile) -> Vec<Diagnostic> {
        let mut wrong = Vec::new();
        if file.promise.trim().is_empty() {
            let help = "it heads the case in every report, for example \"Every pet is seen serving.\"";
            let place = file.promise.place;
            wrong.push(Diagnostic::new(&self.source, place, "the promise is empty", "say it in a sentence").help(help));
        }
        let bad_tags = file
            .tags
            .iter()
            .filter(|tag| tag.is_empty() || tag.contains(char::is_whitespace));
        wrong.extend(bad_tags.map(|tag| {
            Diagnostic::new(
                &self.source,
                tag.place,
                format!("`{}` is not a tag", tag.value),
                "one word",
            )
            .help("join the words with a hyphen")
        }));
        wrong
    }

    /// That a case would pass whatever the mesh does; such a one does not count as passed.
    fn expects_nothing(&self) -> Diagnostic {
        let place = self.node.key("steps").map_or(self.node.place, |key| key.place);
        let (message, label) = match self.node.get("steps").map(|steps| &steps.kind) {
            Some(yaml::Kind::Sequence(steps)) if steps.is_empty() => ("a scenario without steps", "an empty list"),
            _ => ("nothing is expected in any step", "no expectation below"),
        };
        Diagnostic::new(&self.source, place, message, label)
            .help("a case that checks nothing does not pass; add an expectation, such as `{get: /stores, status: 200}`")
    }

    /// Where the file says what varies.
    pub fn axes_place(&self) -> Place {
        self.node.key("axes").map_or(self.node.place, |key| key.place)
    }

    /// That a step is in none of `cases`, which are all of this scenario: its `when` is never true.
    pub fn never_taken(&self, cases: &[Case]) -> Vec<Diagnostic> {
        // A step for an Envoy that is not among those of this run is no mistake of the file.
        if self.envoys_from == envoy::From::Replaced {
            return Vec::new();
        }
        let mut conditions = when::conditions(&self.node).peekable();
        if conditions.peek().is_none() {
            return Vec::new();
        }
        let taken: HashSet<usize> = cases
            .iter()
            .flat_map(|case| case.steps.iter().map(|step| step.place.offset))
            .collect();
        conditions
            .filter(|(step, _)| !taken.contains(&step.offset))
            .map(|(_, condition)| {
                Diagnostic::new(
                    &self.source,
                    condition,
                    "this step is in no case: its `when` is never true",
                    "never true",
                )
                .help("compare with the values of the axes, or remove the step")
            })
            .collect()
    }

    fn mesh(&self, node: &Node, use_: &At<MeshUse>, meshes: &dyn Meshes) -> Result<MeshSpec, Vec<Diagnostic>> {
        match meshes.mesh(use_.name()) {
            Ok(mesh) => use_.apply(mesh, &self.source, meshes),
            Err(known) => {
                let name = node.get("mesh").and_then(|mesh| mesh.get("use"));
                let place = name.map_or(use_.place, |name| name.place);
                if meshes.is_invalid(use_.name()) {
                    let message = format!("the file of the mesh `{}` is invalid", use_.name());
                    let told = Diagnostic::new(&self.source, place, message, INVALID_ELSEWHERE);
                    return Err(vec![told.help(format!("mend `scenarios/meshes/{}.yaml`", use_.name()))]);
                }
                let message = format!("there is no mesh `{}`", use_.name());
                Err(vec![
                    Diagnostic::new(&self.source, place, message, "unknown mesh")
                        .help(did_you_mean(use_.name(), known.iter().map(String::as_str))),
                ])
            }
        }
    }
}

/// What does not fit in what can be read of a file in which something is no YAML. What has axes in it is not judged: they may be
/// what cannot be read.
fn misfits(source: &Source, rest: &Node) -> Vec<Diagnostic> {
    let mut node = size::body(rest);
    let has_axes = |node: &Node| {
        let mut found = false;
        node.visit(&mut |text, _| found |= text.contains("${"));
        found
    };
    if let yaml::Kind::Mapping(entries) = &mut node.kind {
        for (_, value) in entries.iter_mut() {
            if let yaml::Kind::Sequence(items) = &mut value.kind {
                items.retain(|item| !has_axes(item));
                for item in items {
                    if let yaml::Kind::Mapping(keys) = &mut item.kind {
                        keys.retain(|(key, _)| key.text != when::WHEN);
                    }
                }
            }
        }
        entries.retain(|(_, value)| !has_axes(value));
    }
    yaml::misfits::<ScenarioFile>(source, &node)
}

/// Reading stops at the first key that is missing; these are the others.
fn missing(node: &Node, told: &[yaml::Error]) -> Vec<yaml::Error> {
    let needed = ["promise", "mesh", "steps"].into_iter();
    let missing = needed.filter(|key| node.key(key).is_none() && !told.iter().any(|error| error.is_about(key)));
    missing.map(|key| yaml::Error::missing(key, node)).collect()
}

fn in_order(mut wrong: Vec<Diagnostic>) -> Vec<Diagnostic> {
    wrong.sort_by_key(|diagnostic| diagnostic.place.offset);
    wrong
}

#[cfg(test)]
mod tests;
