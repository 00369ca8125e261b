//! Reaching the Docker daemon, and what its errors mean.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;

use bollard::Docker;
use bollard::errors::Error;
use meshkat_runtime::{Printable, RuntimeError};

/// The variable that names the daemon's socket.
pub(crate) const HOST: &str = "DOCKER_HOST";

/// Where the daemon listens by default.
const SOCKET: &str = "/var/run/docker.sock";

/// How long the daemon may take for one answer, in seconds: a stop waits for its grace.
const TIMEOUT: u64 = 120;

/// Reaches the daemon that `DOCKER_HOST` names, or the one of this machine.
///
/// # Errors
/// Why not, with the way out: it is not there, does not run, or may not be used.
pub(crate) async fn connect() -> Result<Docker, RuntimeError> {
    let host = std::env::var(HOST).ok().filter(|host| !host.is_empty());
    let socket = match host.as_deref() {
        None => SOCKET,
        Some(host) => host.strip_prefix("unix://").ok_or_else(|| RuntimeError::other(format!("{HOST} is {host}, which is not a socket of this machine")).with_help(format!(
                "the Docker runtime hands files to containers and calls them at their addresses, so the daemon has to be here; \
                 unset {HOST}, or name a socket: {HOST}=unix:///var/run/docker.sock"
            )))?,
    };
    reach(socket)?;
    let docker = Docker::connect_with_unix(socket, TIMEOUT, bollard::API_DEFAULT_VERSION)
        .map_err(|error| failed("reach Docker")(error))?;
    docker.negotiate_version().await.map_err(failed("talk to Docker"))
}

/// The daemon's version, for people.
///
/// # Errors
/// As when a mesh is to run: it is not there, does not run, or may not be used.
pub async fn version() -> Result<String, RuntimeError> {
    let docker = connect().await?;
    let version = docker.version().await.map_err(failed("ask Docker for its version"))?;
    Ok(version.version.unwrap_or_default())
}

/// A look at the socket before anything else: its errors are those that a person can do something about.
fn reach(socket: &str) -> Result<(), RuntimeError> {
    let Err(error) = UnixStream::connect(socket) else {
        return Ok(());
    };
    let (what, help) = match error.kind() {
        io::ErrorKind::NotFound if Path::new(socket).parent().is_some_and(Path::exists) => (
            format!("Docker is not there: there is no {socket}"),
            format!(
                "install Docker and start it (`sudo systemctl start docker`), or name its socket: {HOST}=unix:///PATH; the \
                 default runtime needs none: --runtime process"
            ),
        ),
        io::ErrorKind::PermissionDenied => (
            format!("Docker is there, but you may not use it: {socket}: {error}"),
            "join its group and log in again: sudo usermod -aG docker $USER".to_owned(),
        ),
        io::ErrorKind::ConnectionRefused => (
            format!("Docker does not run: nobody listens on {socket}"),
            "start it: sudo systemctl start docker".to_owned(),
        ),
        _ => (
            format!("Docker cannot be reached at {socket}: {error}"),
            format!("name its socket: {HOST}=unix:///PATH"),
        ),
    };
    Err(RuntimeError::other(what).with_help(help))
}

/// How it is told that the daemon does not answer.
const SILENT: &str = "Docker has not answered for";

/// An error of the daemon, with what was tried.
pub(crate) fn failed(action: impl Into<String>) -> impl FnOnce(Error) -> RuntimeError {
    let action = action.into();
    move |error| {
        let message = message(&error);
        RuntimeError::other(format!("failed to {action}: {message}")).with_help(help_for(&message))
    }
}

/// What the daemon says, without the library's frame, fit to be shown.
pub(crate) fn message(error: &Error) -> String {
    // It may repeat names and labels of anybody's containers and images.
    match error {
        Error::DockerResponseServerError { message, .. } => Printable(message.trim()).to_string(),
        Error::RequestTimeoutError => format!("{SILENT} {TIMEOUT} s"),
        Error::DockerStreamError { error } => Printable(error.trim()).to_string(),
        other => Printable(&other.to_string()).to_string(),
    }
}

/// The way out of what a daemon runs out of.
fn help_for(message: &str) -> Option<String> {
    let help = if message.contains("no space left on device") {
        "the disk is full: `docker system df` shows what Docker keeps, `docker system prune` removes what nothing uses"
    } else if message.starts_with(SILENT) {
        "restart it: sudo systemctl restart docker; versions before 20.10.27 can lock up when containers leave a network \
         (moby/moby#46661)"
    } else if message.contains("Cannot connect") || message.contains("connection error") {
        "see whether Docker still runs: docker info"
    } else if message.contains("cgroup") || message.contains("runc") || message.contains("OCI runtime") {
        "Docker could not start a container; `docker run --rm hello-world` shows whether it starts any"
    } else {
        return None;
    };
    Some(help.to_owned())
}

/// Whether the daemon says that there is no such thing.
pub(crate) fn is_missing(error: &Error) -> bool {
    matches!(error, Error::DockerResponseServerError { status_code: 404, .. })
}

/// Whether the daemon says that the thing is in another state, such as a container that does not run, or is being removed.
pub(crate) fn is_conflict(error: &Error) -> bool {
    matches!(
        error,
        Error::DockerResponseServerError {
            status_code: 304 | 409,
            ..
        }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(error: &RuntimeError) -> (String, String) {
        (error.to_string(), error.help().unwrap_or_default())
    }

    #[test]
    fn a_daemon_that_is_not_there_or_does_not_listen_has_a_way_out() {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = folder.path().join("docker.sock");
        let path = socket.display().to_string();
        let (message, help) = told(&reach(&path).expect_err("nothing is there"));
        assert_eq!(message, format!("Docker is not there: there is no {path}"));
        assert!(help.contains("systemctl start docker"), "{help}");
        drop(std::os::unix::net::UnixListener::bind(&socket).expect("a socket"));
        let (message, help) = told(&reach(&path).expect_err("nobody listens"));
        assert_eq!(message, format!("Docker does not run: nobody listens on {path}"));
        assert!(help.contains("systemctl start docker"), "{help}");
    }

    #[test]
    fn a_daemon_that_hangs_has_a_way_out() {
        let (message, help) = told(&failed("list networks")(Error::RequestTimeoutError));
        assert_eq!(message, "failed to list networks: Docker has not answered for 120 s");
        assert!(help.contains("systemctl restart docker"), "{help}");
    }

    #[test]
    fn a_full_disk_has_a_way_out() {
        let error = Error::DockerResponseServerError {
            status_code: 500,
            message: "mkdir /var/lib/docker/tmp: no space left on device".to_owned(),
        };
        let (message, help) = told(&failed("start a container")(error));
        assert_eq!(
            message,
            "failed to start a container: mkdir /var/lib/docker/tmp: no space left on device"
        );
        assert!(help.contains("docker system prune"), "{help}");
    }
}
