//! What marks everything that a run makes in Docker, so that it is found again.

use std::collections::HashMap;
use std::path::Path;

use meshkat_model::mesh::Container;
use meshkat_runtime::run::LeaseId;

/// The lease that it belongs to.
pub(crate) const RUN: &str = "meshkat.run";
/// The state folder of the run, without links: whether it lives is told by the lock there.
pub(crate) const STATE_DIR: &str = "meshkat.state-dir";
/// The number of the user whose run it is: no other user's sweep touches it.
pub(crate) const USER: &str = "meshkat.user";
/// The pod that a container belongs to.
pub(crate) const POD: &str = "meshkat.pod";
/// Which container of the pod it is: [`SANDBOX`], `application`, `envoy`.
pub(crate) const CONTAINER: &str = "meshkat.container";
/// What [`CONTAINER`] is for what holds a pod's network.
pub(crate) const SANDBOX: &str = "sandbox";
/// What an image is for: `services`, `envoy`.
pub(crate) const IMAGE: &str = "meshkat.image";
/// The hash of what an image was made from.
pub(crate) const CONTENT: &str = "meshkat.content";

/// The labels of all that belongs to a run.
pub(crate) fn of_run(run: &LeaseId, state_dir: &Path) -> HashMap<String, String> {
    HashMap::from([
        (RUN.to_owned(), run.to_string()),
        (STATE_DIR.to_owned(), state_dir.display().to_string()),
        (USER.to_owned(), user()),
    ])
}

/// What [`USER`] is for what this user makes.
pub(crate) fn user() -> String {
    rustix::process::geteuid().as_raw().to_string()
}

/// A filter for what has a label, of that value if one is given.
pub(crate) fn with(label: &str, value: Option<&str>) -> HashMap<String, Vec<String>> {
    let wanted = match value {
        Some(value) => format!("{label}={value}"),
        None => label.to_owned(),
    };
    HashMap::from([("label".to_owned(), vec![wanted])])
}

/// The name of what holds a pod's network.
pub(crate) fn sandbox(run: &LeaseId, pod: &str) -> String {
    format!("meshkat-{run}-{pod}")
}

/// The name of a container of a pod.
pub(crate) fn container(run: &LeaseId, pod: &str, container: Container) -> String {
    format!("meshkat-{run}-{pod}-{container}")
}

/// The name of a run's network.
pub(crate) fn network(run: &LeaseId) -> String {
    format!("meshkat-{run}")
}
