//! A mesh that is to be brought up.

use std::time::Duration;

use meshkat_engine::HeldMesh;
use meshkat_model::{
    case::Case,
    project::{MeshFiles, NoMesh},
    scenario::{Scenario, SharedAxes},
    source::Source,
};
use meshkat_plan::expand;
use serde_json::{Map, Value, json};

use crate::{error::Error, mesh::Mesh, programs, project::Project};

/// How long a mesh may take to come up, where nothing else is said.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// Why an Envoy may count more than the steps sent.
const OWN_CLIENT: &str = "a test may send requests of its own";

/// A mesh that is to be brought up, and in what it departs from its file: as `mesh:` of a scenario does.
#[derive(Debug, Clone)]
pub struct MeshBuilder {
    project: Project,
    pub(crate) name: String,
    departs: Map<String, Value>,
    envoy: Option<String>,
    ready_within: Duration,
}

impl MeshBuilder {
    pub(crate) fn new(project: Project, name: String) -> Self {
        Self {
            project,
            name,
            departs: Map::new(),
            envoy: None,
            ready_within: READY_WITHIN,
        }
    }

    /// Another number of pods of a group.
    #[must_use]
    pub fn replicas(mut self, group: impl Into<String>, pods: u32) -> Self {
        let all = self.departs.entry("replicas").or_insert_with(|| json!({}));
        if let Value::Object(all) = all {
            all.insert(group.into(), pods.into());
        }
        self
    }

    /// A group whose pods do not run from the start.
    #[must_use]
    pub fn not_started(self, group: impl Into<String>) -> Self {
        self.also("not-started", group.into())
    }

    /// A group that is not in the registry from the start.
    #[must_use]
    pub fn not_registered(self, group: impl Into<String>) -> Self {
        self.also("not-registered", group.into())
    }

    /// A change of the Envoys' configurations: `envoy-configs/overlays/NAME.yaml`. Several are put over one another in this order.
    #[must_use]
    pub fn overlay(self, name: impl Into<String>) -> Self {
        self.also("overlays", name.into())
    }

    /// The Envoy: a version (`1.40`) or a path. `MESHKAT_ENVOY`, or the newest that is known, where nothing is said.
    #[must_use]
    pub fn envoy(mut self, version_or_path: impl Into<String>) -> Self {
        self.envoy = Some(version_or_path.into());
        self
    }

    /// How long it may take to come up; 30 s where nothing is said.
    #[must_use]
    pub fn ready_within(mut self, time: Duration) -> Self {
        self.ready_within = time;
        self
    }

    fn also(mut self, key: &str, name: String) -> Self {
        let all = self.departs.entry(key).or_insert_with(|| json!([]));
        if let Value::Array(all) = all {
            all.push(name.into());
        }
        self
    }

    /// Brings it up, and waits until every application is ready and every Envoy live, with its endpoints.
    ///
    /// # Errors
    /// A file that is invalid, an Envoy that refuses its configuration, or an environment that lacks something.
    pub async fn up(self) -> Result<Mesh, Error> {
        let (meshes, _) = self
            .project
            .files
            .read_meshes()
            .map_err(|error| Error::Invalid(format!("failed to read the meshes: {error}")))?;
        match meshes.valid(&self.name) {
            Err(NoMesh::Invalid(wrong)) => return Err(Error::diagnostics(wrong)),
            Err(NoMesh::Unknown(known)) => {
                return Err(Error::Invalid(Error::with_help(
                    &format!("there is no mesh `{}`", self.name),
                    [format!("the meshes are {}", known.join(", "))],
                )));
            }
            Ok(_) => {}
        }
        // What it departs in is checked as in a scenario.
        let spec = self.case(&meshes, "mesh", "- {check: \"size(pods) >= 1\"}")?.mesh;
        let backend = programs::backend(self.envoy.clone()).await?;
        let held = HeldMesh::up(&backend, &spec, self.ready_within).await;
        let held = held.map_err(|why| {
            let told = Error::with_help(
                &format!("the mesh `{}` did not come up: {}", self.name, why.error),
                why.hints,
            );
            match why.error.of_the_mesh() {
                Some(_) => Error::Failed(told),
                None => Error::Environment(told),
            }
        })?;
        Ok(Mesh::new(held, meshes, self))
    }

    /// Steps for this mesh, as the one case of a scenario of this name.
    pub(crate) fn case(&self, meshes: &MeshFiles, name: &str, steps: &str) -> Result<Case, Error> {
        let mut mesh = self.departs.clone();
        mesh.insert("use".to_owned(), self.name.clone().into());
        // What is written in JSON is YAML, too.
        let text = format!(
            "steps:\n{steps}\npromise: {}\nmesh: {}\nallows: [{{invariant: miscount, because: {OWN_CLIENT}}}]\n",
            json!(name),
            Value::Object(mesh),
        );
        let scenario = Scenario::read("test/steps", Source::new(name, text), &SharedAxes::default());
        let cases = scenario.and_then(|scenario| expand(&scenario, meshes));
        let cases = cases.map_err(|wrong| Error::diagnostics(&wrong))?;
        cases
            .into_iter()
            .next()
            .ok_or_else(|| Error::Invalid("there are no steps".to_owned()))
    }
}
