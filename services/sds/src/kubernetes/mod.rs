//! Kubernetes as the source of services: its EndpointSlices, followed by one watch and kept in the store.
//!
//! What was last known is served whatever becomes of the API server, and `/readyz` and `/metrics` say how old it is.

mod access;
mod follow;
mod gate;
mod pace;
mod passed;
mod port;
mod slice;
mod slices;
mod status;
mod trouble;

use std::path::PathBuf;
use std::sync::Arc;

use meshkat_kit::Readiness;

use access::Access;
use follow::Follower;
use slices::Slices;

pub use access::AccessError;
pub(crate) use gate::{Gate, pass};
pub use pace::Pace;
pub use port::{EnvoyPort, InvalidPort};
pub(crate) use status::Status;

use crate::store::{Names, Store, is_domain, is_label};

/// The domain of a cluster's DNS, unless it is told.
const CLUSTER_DOMAIN: &str = "cluster.local";

/// Which Kubernetes to follow, and how.
#[derive(Debug, Clone, Default)]
pub struct KubernetesSettings {
    /// The only namespace to follow. If there is none, all are, and a service's name alone means the namespace that this
    /// runs in.
    pub namespace: Option<String>,
    /// The API server, in the place of the one that is found.
    pub api_host: Option<String>,
    /// The file with the token, in the place of the credentials that are found. It is read for each request.
    pub token_path: Option<PathBuf>,
    /// The kubeconfig; `KUBECONFIG` if there is none, else the pod's service account, else that of the home folder.
    pub kubeconfig: Option<PathBuf>,
    /// The domain of the cluster's DNS, which its full names of services end with; `cluster.local` if there is none.
    pub cluster_domain: Option<String>,
    /// The port of every host.
    pub envoy_port: EnvoyPort,
    /// How long to wait for what.
    pub pace: Pace,
}

/// A Kubernetes that can be followed.
#[derive(Debug)]
pub struct Kubernetes {
    access: Access,
    settings: KubernetesSettings,
}

impl Kubernetes {
    /// Finds the API server and the credentials. Asks nobody yet.
    ///
    /// # Errors
    /// There are none, or they do not go together; the message names the setting.
    pub fn new(settings: KubernetesSettings) -> Result<Self, AccessError> {
        if let Some(namespace) = settings.namespace.as_deref().filter(|name| !is_label(name)) {
            return Err(AccessError::Namespace(namespace.to_owned()));
        }
        if let Some(domain) = settings.cluster_domain.as_deref().filter(|domain| !is_domain(domain)) {
            return Err(AccessError::Domain(domain.to_owned()));
        }
        let access = Access::find(
            settings.kubeconfig.as_deref(),
            settings.api_host.as_deref(),
            settings.token_path.as_deref(),
        )?;
        Ok(Self { access, settings })
    }

    /// The names that its services go by.
    pub(crate) fn names(&self) -> Names {
        let own = self.settings.namespace.as_deref().unwrap_or(self.access.namespace());
        let domain = self.settings.cluster_domain.as_deref().unwrap_or(CLUSTER_DOMAIN);
        Names::new(own.to_owned(), domain)
    }

    /// Follows it without end, into a store of its own.
    pub(crate) async fn follow(self, into: Arc<Store>, status: Arc<Status>, readiness: Readiness) {
        match self.access.client() {
            Ok(client) => {
                let follower = Follower {
                    client,
                    namespace: self.settings.namespace,
                    pace: self.settings.pace,
                    slices: Slices::new(self.settings.envoy_port),
                    into,
                    status,
                    readiness,
                };
                follower.follow().await;
            }
            // It was made once already, so this is a certificate that went away since.
            Err(error) => tracing::error!("no client of the API server can be made: {error}"),
        }
    }
}

/// What `/readyz` tells of Kubernetes: not ready until everything was listed once, and from then on whether it is stale.
pub(crate) fn readiness(status: &Arc<Status>) -> Readiness {
    let status = Arc::clone(status);
    Readiness::pending().note(move || status.note())
}
