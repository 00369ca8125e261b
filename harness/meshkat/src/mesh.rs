//! A mesh that is up.

use std::{net::SocketAddr, panic::Location, time::Duration};

use indexmap::IndexMap;
use meshkat_driver::{Client, Request, Route};
use meshkat_engine::HeldMesh;
use meshkat_model::{mesh::Port, observation::Answer, project::MeshFiles, results::Status};

use crate::{builder::MeshBuilder, error::Error, programs::environment};

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(10);

/// A mesh that is up. Dropping it ends everything that runs for it at once; [`Mesh::down`] does so in order, and tells what went wrong.
pub struct Mesh {
    held: HeldMesh,
    meshes: MeshFiles,
    of: MeshBuilder,
}

/// That all steps held, and how much was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// How many checks were made.
    pub checks: u64,
    /// How many requests were sent.
    pub requests: u64,
}

impl std::fmt::Debug for Mesh {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the mesh {}", self.of.name)
    }
}

impl Mesh {
    pub(crate) fn new(held: HeldMesh, meshes: MeshFiles, of: MeshBuilder) -> Self {
        Self { held, meshes, of }
    }

    /// Does what these steps say, and holds them against what they expect, one after the other, until one does not hold. They are what is
    /// below `steps:` of a scenario: a list, or one step alone. Loads that they begin end with them. As in a scenario at least
    /// one has to expect something, and the invariants have to hold behind the last one.
    ///
    /// # Errors
    /// What is invalid, what did not hold, or what the environment could not do. The mesh is left as the steps have left it.
    #[track_caller]
    pub fn run(&mut self, steps: &str) -> impl Future<Output = Result<Held, Error>> + '_ {
        let caller = Location::caller();
        let name = format!("steps at {}:{}", caller.file(), caller.line());
        let case = self.of.case(&self.meshes, &name, &listed(steps));
        async move {
            let came = self.held.run(&case?).await;
            let told = || {
                came.failure
                    .as_ref()
                    .map(|failure| format!("{name}: {}", Error::told(failure)))
            };
            match came.status {
                Status::Passed | Status::Flaky | Status::Skipped => Ok(Held {
                    checks: came.checks,
                    requests: came.requests,
                }),
                Status::Failed => Err(Error::Failed(told().unwrap_or_default())),
                Status::Errored => Err(Error::Environment(told().unwrap_or_default())),
            }
        }
    }

    /// Asks the ingress for a path, and gives what it answers, whatever that is.
    ///
    /// # Errors
    /// There was no answer, or there is no ingress.
    pub async fn get(&self, path: &str) -> Result<Answer, Error> {
        let socket = self.address("ingress", Port::Inbound.number())?;
        let route = Route { socket, host: None };
        let request = Request::new("GET", &route, path, &IndexMap::new(), ANSWER).map_err(Error::Invalid)?;
        let response = Client::new().send(&request).await;
        response
            .outcome
            .map_err(|none| Error::Failed(format!("GET {path}: {}", none.message)))
    }

    /// Where this machine reaches a port of a pod, for a client of one's own: `("ingress", 10000)`, `("pet-2", 8081)`.
    ///
    /// # Errors
    /// There is no such pod.
    pub fn address(&self, pod: &str, port: u16) -> Result<SocketAddr, Error> {
        let none = |why: String| {
            Error::Invalid(Error::with_help(
                &why,
                [format!("the pods are {}", self.pods().join(", "))],
            ))
        };
        let found = self.held.mesh().pod(pod);
        let found = found.ok_or_else(|| none(format!("there is no pod `{pod}`")))?;
        found
            .at_port(port)
            .ok_or_else(|| none(format!("port {port} of {pod} cannot be reached from this machine")))
    }

    /// The names of the pods that there are.
    pub fn pods(&self) -> Vec<String> {
        self.held.mesh().pods().into_iter().map(|pod| pod.name).collect()
    }

    /// Ends the mesh, and removes what it left.
    ///
    /// # Errors
    /// What could not be ended or removed.
    pub async fn down(self) -> Result<(), Error> {
        self.held.down().await.map_err(|error| environment(&error))
    }
}

/// Steps as a list, in the lines that they were in.
fn listed(steps: &str) -> String {
    let text = textwrap::dedent(steps);
    let text = text.trim_end();
    let is_list = text.lines().any(|line| line.starts_with("- ") || line == "-");
    if is_list {
        return text.to_owned();
    }
    let mut first = true;
    let lines = text.lines().map(|line| {
        let is_first = first && !line.trim().is_empty();
        first &= !is_first;
        match (is_first, line.trim().is_empty()) {
            (true, _) => format!("- {line}"),
            (_, true) => String::new(),
            _ => format!("  {line}"),
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_step_alone_is_a_list_of_one() {
        assert_eq!(listed("{get: /, status: 200}"), "- {get: /, status: 200}");
        assert_eq!(listed("\n    get: /\n    status: 200\n"), "\n- get: /\n  status: 200");
        assert_eq!(
            listed("\n    - get: /\n      status: 200\n    - kill: a\n"),
            "\n- get: /\n  status: 200\n- kill: a"
        );
    }
}
