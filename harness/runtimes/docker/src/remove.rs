//! Removing all that runs made in Docker.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use bollard::Docker;
use bollard::errors::Error;
use bollard::models::{ContainerInspectResponse, ContainerSummary, Network};
use bollard::query_parameters::{ListContainersOptions, ListNetworksOptions, RemoveContainerOptions};
use futures::future::join_all;
use meshkat_runtime::run::{Found, LeaseId, Left, Removed, RuntimeName, Sweeper, try_lock};
use meshkat_runtime::{Printable, RuntimeError};

use crate::daemon::{self, failed, is_conflict, is_missing, message};
use crate::{image, labels};

/// How often what cannot be removed yet is tried again: Docker may still be busy with it.
const ATTEMPTS: u32 = 20;

/// How long to wait before that.
const PAUSE: Duration = Duration::from_millis(250);

/// How many looks in a row find nothing before a run that was killed counts as removed: what it asked for last, Docker may
/// still be making.
const QUIET_LOOKS: u32 = 6;

/// Removes all containers and networks of a run.
///
/// # Errors
/// What could not be removed.
pub(crate) async fn run(docker: &Docker, run: &LeaseId) -> Result<Removed, RuntimeError> {
    let mut removed = Removed::default();
    let mut trouble = None;
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        trouble = None;
        let of_run = || labels::with(labels::RUN, Some(run.as_str()));
        let containers = containers(docker, of_run()).await?;
        let containers = containers
            .into_iter()
            .filter(|container| owner(container).is_ok_and(|owner| owner.id == *run));
        let (sandboxes, others): (Vec<_>, Vec<_>) = containers.partition(is_sandbox);
        let networks = networks(docker, of_run()).await?;
        let networks: Vec<String> = networks
            .into_iter()
            .filter(|network| owner_of_network(network).is_ok_and(|owner| owner.id == *run))
            .filter_map(|network| network.id)
            .collect();
        if sandboxes.is_empty() && others.is_empty() && networks.is_empty() {
            return Ok(removed);
        }
        let remove = async |one: &ContainerSummary| {
            let id = one.id.as_deref().unwrap_or_default();
            (id.to_owned(), removed_container(docker, id).await)
        };
        let mut outcomes = join_all(others.iter().map(remove)).await;
        // One after the other: two that leave a network at once can lock Docker up for ever, until 20.10.27 (moby/moby#46661).
        for sandbox in &sandboxes {
            if !outcomes.iter().any(|(_, outcome)| is_silence(outcome)) {
                outcomes.push(remove(sandbox).await);
            }
        }
        for (id, outcome) in outcomes {
            let is_silence = is_silence(&outcome);
            match outcome.map_err(failed(format!("remove the container {id}"))) {
                Ok(()) => removed.containers += 1,
                Err(error) if is_silence => return Err(error),
                Err(error) => trouble = Some(error),
            }
        }
        for network in &networks {
            match docker.remove_network(network).await {
                Ok(()) => removed.networks += 1,
                Err(error) if is_missing(&error) => {}
                Err(error @ Error::RequestTimeoutError) => return Err(failed("remove a network")(error)),
                // It still has endpoints, of containers that are going.
                Err(error) => trouble = Some(failed("remove a network")(error)),
            }
        }
        if trouble.is_none() {
            return Ok(removed);
        }
    }
    trouble.map_or(Ok(removed), Err)
}

/// Whether a container holds the network of its pod.
fn is_sandbox(container: &ContainerSummary) -> bool {
    let labels = container.labels.as_ref();
    labels.is_some_and(|labels| {
        labels
            .get(labels::CONTAINER)
            .is_some_and(|kind| kind == labels::SANDBOX)
    })
}

/// Whether the daemon did not answer in time: it will not answer the next request either.
fn is_silence(outcome: &Result<(), Error>) -> bool {
    matches!(outcome, Err(Error::RequestTimeoutError))
}

/// Removes a container, whatever it does. That it is gone already is well.
pub(crate) async fn container(docker: &Docker, name: &str) -> Result<(), RuntimeError> {
    let removed = removed_container(docker, name).await;
    removed.map_err(failed(format!("remove the container {name}")))
}

async fn removed_container(docker: &Docker, name: &str) -> Result<(), Error> {
    let options = RemoveContainerOptions {
        force: true,
        v: true,
        link: false,
    };
    match docker.remove_container(name, Some(options)).await {
        Err(error) if is_missing(&error) => Ok(()),
        // Somebody else removes it already.
        Err(error) if is_conflict(&error) && message(&error).contains("already in progress") => Ok(()),
        outcome => outcome,
    }
}

type Filters = HashMap<String, Vec<String>>;

async fn containers(docker: &Docker, filters: Filters) -> Result<Vec<ContainerSummary>, RuntimeError> {
    let options = ListContainersOptions {
        all: true,
        filters: Some(filters),
        ..Default::default()
    };
    docker
        .list_containers(Some(options))
        .await
        .map_err(failed("list containers"))
}

async fn networks(docker: &Docker, filters: Filters) -> Result<Vec<Network>, RuntimeError> {
    let options = ListNetworksOptions { filters: Some(filters) };
    docker
        .list_networks(Some(options))
        .await
        .map_err(failed("list networks"))
}

/// Why something with a label of a run is not ours.
#[derive(Debug, PartialEq, Eq)]
enum Foreign {
    /// It is another user's, who cleans up after that run.
    User,
    /// No run of any user has made it.
    Strange(&'static str),
}

/// Whose a container is. An image can bring any label with it, also into a container of somebody who knows nothing of that,
/// but not the container's name.
fn owner(container: &ContainerSummary) -> Result<Found, Foreign> {
    let labels = container.labels.as_ref();
    let found = labelled(|label| labels?.get(label).map(String::as_str))?;
    let name = format!("meshkat-{}-", found.id);
    let has_name = container
        .names
        .iter()
        .flatten()
        .filter_map(|own| own.strip_prefix('/'))
        .any(|own| own.starts_with(&name) && !own.contains('/'));
    if has_name {
        Ok(found)
    } else {
        Err(Foreign::Strange("it does not have the name that a run gives"))
    }
}

/// The run of this user that has made a container of these names and labels; none where it is somebody else's, or only looks
/// like ours. An image brings labels along, so that anybody can have written them.
pub fn run_of(names: Vec<String>, labels: HashMap<String, String>) -> Option<LeaseId> {
    let container = ContainerSummary {
        names: Some(names),
        labels: Some(labels),
        ..ContainerSummary::default()
    };
    owner(&container).ok().map(|found| found.id)
}

/// Whether a container is one that this run of this user has made.
pub(crate) fn is_of(seen: &ContainerInspectResponse, run: &LeaseId) -> bool {
    let names = seen.name.iter().cloned().collect();
    let labels = seen.config.as_ref().and_then(|config| config.labels.clone());
    run_of(names, labels.unwrap_or_default()).as_ref() == Some(run)
}

fn owner_of_network(network: &Network) -> Result<Found, Foreign> {
    let labels = network.labels.as_ref();
    let found = labelled(|label| labels?.get(label).map(String::as_str))?;
    if network.name.as_deref() == Some(&labels::network(&found.id)) {
        Ok(found)
    } else {
        Err(Foreign::Strange("it does not have the name that a run gives"))
    }
}

fn labelled<'a>(label: impl Fn(&'static str) -> Option<&'a str>) -> Result<Found, Foreign> {
    let strange = Foreign::Strange;
    let id = label(labels::RUN).unwrap_or_default().parse();
    let id = id.map_err(|_| strange("its label is not the name of a run"))?;
    let state_dir = label(labels::STATE_DIR).ok_or(strange("it has no label with a state folder"))?;
    match label(labels::USER) {
        None => Err(strange("it has no label with a user")),
        Some(user) if user != labels::user() => Err(Foreign::User),
        Some(_) => Ok(Found {
            id,
            state_dir: state_dir.to_owned(),
        }),
    }
}

/// Removes all of a run whose process is dead, and the rest of images that it was making. Blocks.
///
/// # Errors
/// What could not be removed, or that Docker cannot be reached.
pub(crate) fn dead_run(run_id: &LeaseId) -> Result<Removed, RuntimeError> {
    blocking(async {
        let docker = daemon::connect().await?;
        let mut removed = Removed::default();
        let mut quiet = 0;
        while quiet < QUIET_LOOKS {
            let found = run(&docker, run_id).await?;
            quiet = if found == Removed::default() { quiet + 1 } else { 0 };
            removed.containers += found.containers;
            removed.networks += found.networks;
            tokio::time::sleep(PAUSE).await;
        }
        Ok(removed)
    })
}

/// Removes what Docker has of runs.
#[derive(Debug)]
pub struct DockerSweeper;

impl Sweeper for DockerSweeper {
    fn runtime(&self) -> RuntimeName {
        RuntimeName::Docker
    }

    fn remove(&self, run: &LeaseId, state_dir: &Path) -> Result<Removed, RuntimeError> {
        let removed = dead_run(run);
        unfinished_images(state_dir);
        removed
    }

    fn left(&self) -> Result<Left, RuntimeError> {
        blocking(async {
            let docker = daemon::connect().await?;
            let mut all = Left::default();
            for container in containers(&docker, labels::with(labels::RUN, None)).await? {
                let name = container.names.iter().flatten().next();
                add(&mut all, "container", name.or(container.id.as_ref()), owner(&container));
            }
            for network in networks(&docker, labels::with(labels::RUN, None)).await? {
                add(&mut all, "network", network.name.as_ref(), owner_of_network(&network));
            }
            Ok(all)
        })
    }
}

fn add(all: &mut Left, kind: &str, name: Option<&String>, owner: Result<Found, Foreign>) {
    match owner {
        Ok(found) => drop(all.runs.insert(found)),
        Err(Foreign::User) => {}
        Err(Foreign::Strange(why)) => {
            let name = name.map_or("", |name| name.trim_start_matches('/'));
            all.strangers.push(format!("the {kind} {}: {why}", Printable(name)));
        }
    }
}

/// Removes images without a name that a build began and nobody finished, unless one is being built right now. Blocks.
fn unfinished_images(state_dir: &Path) {
    let Ok(Some(_lock)) = try_lock(&image::lock_file(state_dir)) else {
        return;
    };
    if let Err(error) = blocking(async { image::remove_unfinished(&daemon::connect().await?).await }) {
        tracing::warn!(%error, "unfinished images are left");
    }
}

/// For callers that are no part of an async runtime, or must not wait inside of theirs.
fn blocking<T: Send>(work: impl Future<Output = Result<T, RuntimeError>> + Send) -> Result<T, RuntimeError> {
    let failed = |message: String| RuntimeError::other(message);
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime
                .map_err(|error| failed(format!("failed to talk to Docker: {error}")))?
                .block_on(work)
        });
        thread
            .join()
            .unwrap_or_else(|_| Err(failed("failed to talk to Docker".to_owned())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels_of(changes: &[(&str, Option<&str>)]) -> HashMap<String, String> {
        let run: LeaseId = "1-1-0-0".parse().expect("it is a name");
        let mut labels = labels::of_run(&run, Path::new("/state"));
        for (label, value) in changes {
            match value {
                Some(value) => labels.insert((*label).to_owned(), (*value).to_owned()),
                None => labels.remove(*label),
            };
        }
        labels
    }

    fn whose(name: &str, changes: &[(&str, Option<&str>)]) -> Result<Found, Foreign> {
        let container = ContainerSummary {
            names: Some(vec![format!("/{name}")]),
            labels: Some(labels_of(changes)),
            ..Default::default()
        };
        owner(&container)
    }

    fn whose_network(name: &str, changes: &[(&str, Option<&str>)]) -> Result<Found, Foreign> {
        let network = Network {
            name: Some(name.to_owned()),
            labels: Some(labels_of(changes)),
            ..Default::default()
        };
        owner_of_network(&network)
    }

    #[test]
    fn what_a_run_makes_is_its_own() {
        let found = Found {
            id: "1-1-0-0".parse().expect("it is a name"),
            state_dir: "/state".to_owned(),
        };
        assert_eq!(whose("meshkat-1-1-0-0-pet-1-envoy", &[]), Ok(found.clone()));
        assert_eq!(whose_network("meshkat-1-1-0-0", &[]), Ok(found));
    }

    #[test]
    fn a_label_alone_makes_nothing_ours() {
        let name = "meshkat-1-1-0-0-pet-1";
        for strange in [
            whose("database", &[]),
            whose("meshkat-1-1-0-01-pet", &[]),
            whose("other/meshkat-1-1-0-0-pet", &[]),
            whose("meshkat-/home/user-pet", &[(labels::RUN, Some("/home/user"))]),
            whose(name, &[(labels::RUN, Some("../.."))]),
            whose(name, &[(labels::RUN, None)]),
            whose(name, &[(labels::STATE_DIR, None)]),
            whose(name, &[(labels::USER, None)]),
            whose_network("bridge", &[]),
            whose_network("meshkat-1-1-0-0-x", &[]),
            whose_network("meshkat-..", &[(labels::RUN, Some(".."))]),
        ] {
            assert!(matches!(strange, Err(Foreign::Strange(_))), "{strange:?}");
        }
        assert_eq!(whose(name, &[(labels::USER, Some("4294967294"))]), Err(Foreign::User));
        assert_eq!(
            whose_network("meshkat-1-1-0-0", &[(labels::USER, Some(" "))]),
            Err(Foreign::User)
        );
    }

    #[test]
    fn what_is_told_of_strangers_does_nothing_to_a_terminal() {
        let mut all = Left::default();
        let name = "/a\u{1b}[2J\nb".to_owned();
        add(&mut all, "network", Some(&name), Err(Foreign::Strange("why")));
        assert_eq!(all.strangers, ["the network a\\u{1b}[2J\\u{a}b: why"]);
    }
}
