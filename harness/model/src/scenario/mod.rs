//! What a person wrote: a promise, a mesh, what varies, and steps.

mod axes;
mod check;
mod describe;
pub mod quantity;
pub mod step;
pub mod value;
mod when;

pub(crate) use axes::text;
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    case::{Case, case_id},
    mesh::MeshSpec,
    mesh_file::MeshUse,
    scenario::{quantity::Time, step::Step},
    source::{Diagnostic, Place, Source},
    suggest::did_you_mean,
    yaml::{self, At, Node},
};

/// A scenario file.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ScenarioFile {
    /// What the mesh promises, in a sentence; it heads the case in every report.
    pub promise: At<String>,
    /// Why it holds, for those who read on.
    pub about: Option<String>,
    /// The mesh that it needs.
    pub mesh: At<MeshUse>,
    /// What varies: a name and its values. `${name}` stands for the value in the rest of the file.
    #[serde(default)]
    pub axes: IndexMap<At<String>, At<Vec<At<value::Json>>>>,
    /// Words by which to select.
    #[serde(default)]
    pub tags: Vec<At<String>>,
    /// How long one case may take; 2m where nothing is said.
    pub deadline: Option<Time>,
    /// What is done and what is expected, in order.
    pub steps: Vec<At<Step>>,
}

/// A scenario that was read: its head is known, its steps are decoded for each case, when the axes have values.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// `<folder>/<name>`.
    pub id: String,
    /// The file.
    pub source: Source,
    /// What varies, with its values, in the order of the file.
    pub axes: IndexMap<String, Vec<serde_json::Value>>,
    node: Node,
}

/// Where scenarios find their meshes.
pub trait Meshes {
    /// The mesh of this name, or the names that there are.
    fn mesh(&self, name: &str) -> Result<&MeshSpec, Vec<String>>;
}

impl Scenario {
    /// Reads a scenario's head.
    ///
    /// # Errors
    /// What is not YAML, and axes that do not hold.
    pub fn read(id: impl Into<String>, source: Source) -> Result<Self, Vec<Diagnostic>> {
        let node = yaml::parse(&source).map_err(|wrong| vec![wrong])?;
        let axes = axes::read(&source, &node)?;
        Ok(Self {
            id: id.into(),
            source,
            axes,
            node,
        })
    }

    /// The case with these values, one for each axis.
    ///
    /// # Errors
    /// Everything in the file that does not hold with these values.
    pub fn case(
        &self,
        params: IndexMap<String, serde_json::Value>,
        meshes: &dyn Meshes,
    ) -> Result<Case, Vec<Diagnostic>> {
        let source = &self.source;
        let mut node = axes::substitute(source, &self.node, &params).map_err(|wrong| vec![wrong])?;
        when::keep_taken(source, &mut node, &params).map_err(|wrong| vec![wrong])?;
        let file: ScenarioFile = yaml::from_node(&node).map_err(|error| vec![error.diagnose(source)])?;
        let mesh = self.mesh(&file.mesh, meshes)?;
        let mut wrong = Vec::new();
        if file.promise.trim().is_empty() {
            wrong.push(
                Diagnostic::new(
                    source,
                    file.promise.place,
                    "the promise is empty",
                    "say it in a sentence",
                )
                .help("it heads the case in every report, for example \"Every pet is seen serving.\""),
            );
        }
        if file.steps.is_empty() {
            let place = self.node.get("steps").map_or(Place::default(), |steps| steps.place);
            wrong.push(
                Diagnostic::new(source, place, "a scenario without steps", "`steps` is empty")
                    .help("a case that checks nothing does not pass; add a step, such as `get: /stores/1`"),
            );
        }
        wrong.extend(
            file.tags
                .iter()
                .filter(|tag| tag.is_empty() || tag.contains(char::is_whitespace))
                .map(|tag| {
                    Diagnostic::new(source, tag.place, format!("`{}` is not a tag", tag.value), "one word")
                        .help("join the words with a hyphen")
                }),
        );
        wrong.extend(check::steps(source, &file.steps, &mesh, &params));
        if !wrong.is_empty() {
            return Err(wrong);
        }
        Ok(Case {
            id: case_id(&self.id, &params),
            scenario: self.id.clone(),
            source: source.clone(),
            promise: file.promise.value.trim().to_owned(),
            params,
            tags: file.tags.into_iter().map(|tag| tag.value).collect(),
            deadline: file.deadline.map(|time| time.0),
            mesh,
            steps: file.steps,
        })
    }

    /// That a step is in none of `cases`, which are all of this scenario: its `when` is never true.
    pub fn never_taken(&self, cases: &[Case]) -> Vec<Diagnostic> {
        when::conditions(&self.node)
            .filter(|(step, _)| {
                !cases
                    .iter()
                    .any(|case| case.steps.iter().any(|taken| taken.place == *step))
            })
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

    fn mesh(&self, use_: &At<MeshUse>, meshes: &dyn Meshes) -> Result<MeshSpec, Vec<Diagnostic>> {
        match meshes.mesh(use_.name()) {
            Ok(mesh) => use_.apply(mesh, &self.source),
            Err(known) => {
                let message = format!("there is no mesh `{}`", use_.name());
                Err(vec![
                    Diagnostic::new(&self.source, use_.place, message, "unknown mesh")
                        .help(did_you_mean(use_.name(), known.iter().map(String::as_str))),
                ])
            }
        }
    }
}

/// The JSON Schemas for editors, by the name of the file: `scenario` and `mesh`.
pub fn schemas() -> IndexMap<&'static str, serde_json::Value> {
    let mut scenario = schemars::schema_for!(ScenarioFile).to_value();
    when::add_to_schema(&mut scenario);
    IndexMap::from([
        ("scenario", scenario),
        ("mesh", schemars::schema_for!(crate::mesh_file::MeshFile).to_value()),
    ])
}
