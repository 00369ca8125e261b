//! What the daemon is asked of one container.

use bollard::Docker;
use bollard::container::AttachContainerResults;
use bollard::errors::Error;
use bollard::models::ContainerInspectResponse;
use bollard::query_parameters::{
    AttachContainerOptions, CreateContainerOptions, InspectContainerOptions, WaitContainerOptions,
};
use futures::StreamExt;
use meshkat_runtime::RuntimeError;

use crate::daemon::failed;
use crate::launch::Launch;

/// Makes a container, not started.
pub(crate) async fn create(docker: &Docker, launch: &Launch) -> Result<(), RuntimeError> {
    let options = CreateContainerOptions {
        name: Some(launch.name.clone()),
        ..Default::default()
    };
    docker
        .create_container(Some(options), launch.body.clone())
        .await
        .map(drop)
        .map_err(failed(format!("make the container {}", launch.name)))
}

/// Starts a container.
pub(crate) async fn start(docker: &Docker, name: &str) -> Result<(), RuntimeError> {
    docker
        .start_container(name, None)
        .await
        .map_err(failed(format!("start the container {name}")))
}

/// What a container will write from its start on, or writes from now on.
pub(crate) async fn attach(docker: &Docker, name: &str) -> Result<AttachContainerResults, RuntimeError> {
    let options = AttachContainerOptions {
        stream: true,
        stdout: true,
        stderr: true,
        ..Default::default()
    };
    docker
        .attach_container(name, Some(options))
        .await
        .map_err(failed(format!("attach to the container {name}")))
}

/// What the daemon tells of a container.
pub(crate) async fn inspect(docker: &Docker, name: &str) -> Result<ContainerInspectResponse, RuntimeError> {
    docker
        .inspect_container(name, None::<InspectContainerOptions>)
        .await
        .map_err(failed(format!("inspect the container {name}")))
}

/// The number of a container's process on the daemon's machine; 0 if it has ended.
pub(crate) fn pid(seen: &ContainerInspectResponse) -> u32 {
    let pid = seen.state.as_ref().and_then(|state| state.pid).unwrap_or_default();
    u32::try_from(pid).unwrap_or_default()
}

/// Waits until a container does not run; its exit code, if the daemon knows it.
pub(crate) async fn ended(docker: &Docker, name: &str) -> Option<i64> {
    let options = WaitContainerOptions {
        condition: "not-running".to_owned(),
    };
    let mut answer = Box::pin(docker.wait_container(name, Some(options)));
    match answer.next().await? {
        Ok(response) => Some(response.status_code),
        Err(Error::DockerContainerWaitError { code, .. }) => Some(code),
        // It was removed.
        Err(_) => None,
    }
}
