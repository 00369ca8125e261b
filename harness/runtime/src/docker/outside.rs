//! Harm to a mesh by somebody who does not hold its lease.

use bollard::query_parameters::{KillContainerOptions, ListContainersOptions};
use meshkat_model::mesh::Container;

use super::daemon::{self, failed};
use super::labels;
use crate::RuntimeError;
use crate::run::LeaseId;

/// What can be done to a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Harm {
    /// SIGKILL.
    Kill,
    /// Freeze it.
    Pause,
    /// Let it go on.
    Resume,
}

impl Harm {
    /// The state, in the daemon's words, in which a container has to be.
    fn of(self) -> &'static [&'static str] {
        match self {
            Self::Kill => &["running", "paused"],
            Self::Pause => &["running"],
            Self::Resume => &["paused"],
        }
    }
}

/// Does something to the containers of a pod of a run, or to one of them; gives those that it was done to, which are none
/// if none is in a state for it.
///
/// # Errors
/// Docker cannot be reached, or does not do it.
pub async fn harm(
    run: &LeaseId,
    pod: &str,
    container: Option<Container>,
    harm: Harm,
) -> Result<Vec<Container>, RuntimeError> {
    let docker = daemon::connect().await?;
    let mut filters = labels::with(labels::RUN, Some(run.as_str()));
    for label in filters.values_mut() {
        label.push(format!("{}={pod}", labels::POD));
    }
    filters.insert(
        "status".to_owned(),
        harm.of().iter().map(|state| (*state).to_owned()).collect(),
    );
    let options = ListContainersOptions {
        all: true,
        filters: Some(filters),
        ..Default::default()
    };
    let found = docker
        .list_containers(Some(options))
        .await
        .map_err(failed("list containers"))?;
    let mut done = Vec::new();
    for which in Container::BOTH {
        let is_meant = container.is_none_or(|container| container == which);
        let name = labels::container(run, pod, which);
        let is_there = found
            .iter()
            .flat_map(|container| container.names.iter().flatten())
            .any(|known| known.trim_start_matches('/') == name);
        if !is_meant || !is_there {
            continue;
        }
        let outcome = match harm {
            Harm::Kill => {
                let options = KillContainerOptions {
                    signal: "SIGKILL".to_owned(),
                };
                docker.kill_container(&name, Some(options)).await
            }
            Harm::Pause => docker.pause_container(&name).await,
            Harm::Resume => docker.unpause_container(&name).await,
        };
        outcome.map_err(failed(format!("do this to the {which} of {pod}")))?;
        done.push(which);
    }
    Ok(done)
}
