//! Removing all that runs made in Docker.

use std::path::Path;
use std::time::Duration;

use bollard::Docker;
use bollard::query_parameters::{
    ListContainersOptions, ListNetworksOptions, PruneImagesOptions, RemoveContainerOptions,
};
use futures::future::join_all;

use super::daemon::{self, failed, is_conflict, is_missing, message};
use super::{image, labels};
use crate::RuntimeError;
use crate::run::folder::try_lock;

/// How often what cannot be removed yet is tried again: Docker may still be busy with it.
const ATTEMPTS: u32 = 20;

/// How long to wait before that.
const PAUSE: Duration = Duration::from_millis(250);

/// How many looks in a row find nothing before a run that was killed counts as removed: what it asked for last, Docker may
/// still be making.
const QUIET_LOOKS: u32 = 6;

/// What was found and removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Removed {
    /// How many containers.
    pub(crate) containers: usize,
    /// How many networks.
    pub(crate) networks: usize,
}

/// Removes all containers and networks of a run.
///
/// # Errors
/// What could not be removed.
pub(super) async fn run(docker: &Docker, run: &str) -> Result<Removed, RuntimeError> {
    let mut removed = Removed::default();
    let mut trouble = None;
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        trouble = None;
        let containers = containers(docker, run).await?;
        let networks = networks(docker, run).await?;
        if containers.is_empty() && networks.is_empty() {
            return Ok(removed);
        }
        for outcome in join_all(containers.iter().map(|id| container(docker, id))).await {
            match outcome {
                Ok(()) => removed.containers += 1,
                Err(error) => trouble = Some(error),
            }
        }
        for network in &networks {
            match docker.remove_network(network).await {
                Ok(()) => removed.networks += 1,
                Err(error) if is_missing(&error) => {}
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

/// Removes a container, whatever it does. That it is gone already is well.
pub(super) async fn container(docker: &Docker, name: &str) -> Result<(), RuntimeError> {
    let options = RemoveContainerOptions {
        force: true,
        v: true,
        link: false,
    };
    match docker.remove_container(name, Some(options)).await {
        Ok(()) => Ok(()),
        Err(error) if is_missing(&error) => Ok(()),
        // Somebody else removes it already.
        Err(error) if is_conflict(&error) && message(&error).contains("already in progress") => Ok(()),
        Err(error) => Err(failed(format!("remove the container {name}"))(error)),
    }
}

async fn containers(docker: &Docker, run: &str) -> Result<Vec<String>, RuntimeError> {
    let options = ListContainersOptions {
        all: true,
        filters: Some(labels::with(labels::RUN, Some(run))),
        ..Default::default()
    };
    let found = docker
        .list_containers(Some(options))
        .await
        .map_err(failed("list containers"))?;
    Ok(found.into_iter().filter_map(|container| container.id).collect())
}

async fn networks(docker: &Docker, run: &str) -> Result<Vec<String>, RuntimeError> {
    let options = ListNetworksOptions {
        filters: Some(labels::with(labels::RUN, Some(run))),
    };
    let found = docker
        .list_networks(Some(options))
        .await
        .map_err(failed("list networks"))?;
    Ok(found.into_iter().filter_map(|network| network.id).collect())
}

/// Removes all of a run whose process is dead, and the rest of images that it was making. Blocks.
///
/// # Errors
/// What could not be removed, or that Docker cannot be reached.
pub(crate) fn dead_run(run_id: &str) -> Result<Removed, RuntimeError> {
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

/// The runs that Docker still has something of: their names and their state folders. Blocks.
///
/// # Errors
/// Docker cannot be reached.
pub(crate) fn runs() -> Result<Vec<(String, String)>, RuntimeError> {
    blocking(async {
        let docker = daemon::connect().await?;
        let options = ListContainersOptions {
            all: true,
            filters: Some(labels::with(labels::RUN, None)),
            ..Default::default()
        };
        let containers = docker
            .list_containers(Some(options))
            .await
            .map_err(failed("list containers"))?;
        let options = ListNetworksOptions {
            filters: Some(labels::with(labels::RUN, None)),
        };
        let networks = docker
            .list_networks(Some(options))
            .await
            .map_err(failed("list networks"))?;
        let of_containers = containers.into_iter().filter_map(|container| container.labels);
        let of_networks = networks.into_iter().filter_map(|network| network.labels);
        let mut runs: Vec<(String, String)> = of_containers
            .chain(of_networks)
            .filter_map(|labels| {
                let of = |label| labels.get(label).cloned();
                of(labels::RUN).zip(of(labels::STATE_DIR))
            })
            .collect();
        runs.sort();
        runs.dedup();
        Ok(runs)
    })
}

/// Removes images without a name that a build began and nobody finished, unless one is being built right now. Blocks.
pub(crate) fn unfinished_images(state_dir: &Path) {
    let Ok(Some(_lock)) = try_lock(&image::lock_file(state_dir)) else {
        return;
    };
    let pruned = blocking(async {
        let mut filters = labels::with(labels::IMAGE, None);
        filters.insert("dangling".to_owned(), vec!["true".to_owned()]);
        let docker = daemon::connect().await?;
        docker
            .prune_images(Some(PruneImagesOptions { filters: Some(filters) }))
            .await
            .map_err(failed("remove unfinished images"))
    });
    if let Err(error) = pruned {
        tracing::warn!(%error, "unfinished images are left");
    }
}

/// For callers that are no part of an async runtime, or must not wait inside of theirs.
fn blocking<T: Send>(work: impl Future<Output = Result<T, RuntimeError>> + Send) -> Result<T, RuntimeError> {
    let failed = |message: String| RuntimeError::Other { message, help: None };
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
