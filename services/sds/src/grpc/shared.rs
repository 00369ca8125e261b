//! What all gRPC services need.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use envoy_types::pb::envoy::config::core::v3::ControlPlane;
use envoy_types::pb::envoy::service::discovery::v3::{DiscoveryRequest, DiscoveryResponse};
use tokio::sync::watch;
use tonic::Status;

use super::named::Named;
use super::requests::Call;
use crate::clients::{Clients, NodeName};
use crate::faults::Faults;
use crate::metrics::Metrics;
use crate::protocol::{Scope, Sotw};
use crate::store::Store;
use crate::transport::Transport;

/// Everything that a stream needs. Clones share it.
#[derive(Clone)]
pub(crate) struct Discovery {
    pub(super) store: Arc<Store>,
    pub(super) clients: Arc<Clients>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) faults: Faults,
    /// True once the service is to stop.
    pub(super) stop: watch::Receiver<bool>,
    pub(super) named: Arc<Named>,
    /// The name of this instance, which every response tells.
    instance: Arc<str>,
    /// Numbers the streams, from a start that differs from process to process.
    streams: Arc<AtomicU64>,
}

impl Discovery {
    pub(crate) fn new(
        store: Arc<Store>,
        clients: Arc<Clients>,
        metrics: Arc<Metrics>,
        faults: Faults,
        stop: watch::Receiver<bool>,
        instance: &str,
    ) -> Self {
        Self {
            store,
            clients,
            metrics,
            faults,
            stop,
            named: Arc::default(),
            instance: instance.into(),
            streams: Arc::new(AtomicU64::new(fastrand::u64(..))),
        }
    }

    /// Who sends a response.
    pub(super) fn sender(&self) -> ControlPlane {
        ControlPlane {
            identifier: self.instance.to_string(),
        }
    }

    pub(super) fn number(&self) -> u64 {
        self.streams.fetch_add(1, Ordering::Relaxed)
    }

    /// One question and one answer.
    pub(super) async fn fetch(&self, scope: Scope, call: Call<DiscoveryRequest>) -> Result<DiscoveryResponse, Status> {
        let Call {
            connection,
            mut requests,
        } = call;
        let request = requests.message().await?;
        let mut request = request.ok_or_else(|| Status::internal("there is no request"))?;
        let node = request.node.take().unwrap_or_default();
        let node = NodeName::new(&node.id, &node.cluster);
        let cluster = node.cluster.clone();
        let connection = connection.ok_or_else(|| Status::internal("the request came on no known connection"))?;
        let admitted = self.faults.admit(Some(node), &connection, Transport::sotw(scope));
        let seen = admitted.await?.look(self.store.world());
        let mut stream = Sotw::new(scope, self.number());
        stream
            .receive(request)
            .map_err(|refused| Status::invalid_argument(refused.to_string()))?;
        let push = stream.next(seen.view(&cluster));
        push.map(|mut push| {
            push.response.control_plane = Some(self.sender());
            push.response
        })
        .ok_or_else(|| Status::not_found("there is no answer"))
    }
}
