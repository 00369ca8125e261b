//! What a rule is tried with: a type, on its own stream or on the aggregated one.

use meshkat_kit::testing::Running;
use reqwest::Method;
use sds::Store;
use serde_json::{Value, json};

use crate::common::{ask, start};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Clusters,
    Endpoints,
    Listeners,
    Routes,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Clusters, Self::Endpoints, Self::Listeners, Self::Routes];

    pub(crate) fn type_url(self) -> String {
        let message = match self {
            Self::Clusters => "cluster.v3.Cluster",
            Self::Endpoints => "endpoint.v3.ClusterLoadAssignment",
            Self::Listeners => "listener.v3.Listener",
            Self::Routes => "route.v3.RouteConfiguration",
        };
        format!("type.googleapis.com/envoy.config.{message}")
    }

    pub(crate) fn plural(self) -> &'static str {
        match self {
            Self::Clusters => "clusters",
            Self::Endpoints => "endpoints",
            Self::Listeners => "listeners",
            Self::Routes => "routes",
        }
    }

    /// Whether what an answer leaves out is gone.
    pub(crate) fn is_whole(self) -> bool {
        matches!(self, Self::Clusters | Self::Listeners)
    }

    pub(crate) fn body(self, name: &str, content: u32) -> Value {
        match self {
            Self::Clusters => json!({"name": name, "alt_stat_name": content.to_string()}),
            Self::Endpoints => json!({"cluster_name": name, "endpoints": [{"priority": content}]}),
            Self::Listeners => json!({"name": name, "stat_prefix": content.to_string()}),
            Self::Routes => json!({"name": name, "max_direct_response_body_size_bytes": content}),
        }
    }
}

/// A server, and what it is asked for.
pub(crate) struct Setting {
    pub(crate) sds: Running,
    pub(crate) kind: Kind,
    pub(crate) aggregated: bool,
}

/// A new server for each type, each on its own and aggregated.
pub(crate) async fn settings() -> Vec<Setting> {
    let mut settings = Vec::new();
    for kind in Kind::ALL {
        for aggregated in [false, true] {
            let sds = start(Store::in_memory()).await;
            settings.push(Setting { sds, kind, aggregated });
        }
    }
    settings
}

impl Setting {
    fn url(&self, name: &str) -> String {
        self.sds.url(&format!("/xds/v3/{}/{name}", self.kind.plural()))
    }

    pub(crate) async fn put(&self, name: &str, content: u32) {
        let plain = name.split('?').next().unwrap_or_default();
        let body = self.kind.body(plain, content).to_string();
        let (status, answer) = ask(self.url(name), Method::PUT, &body).await;
        assert!(status == 200 || status == 201, "{answer}");
    }

    pub(crate) async fn delete(&self, name: &str) {
        assert_eq!(ask(self.url(name), Method::DELETE, "").await.0, 204);
    }

    /// What `/xds/v3/clients` tells of the type, for the one client that there is.
    pub(crate) async fn client(&self) -> (Value, Value) {
        let mut clients = self.clients().await;
        assert_eq!(clients.len(), 1, "{clients:?}");
        self.topic(clients.remove(0))
    }

    /// The same for the client that came last: one that went may not have been missed yet.
    pub(crate) async fn youngest_client(&self) -> (Value, Value) {
        self.topic(self.clients().await.pop().unwrap())
    }

    async fn clients(&self) -> Vec<Value> {
        let (_, mut told) = ask(self.sds.url("/xds/v3/clients"), Method::GET, "").await;
        std::mem::take(told["clients"].as_array_mut().unwrap())
    }

    fn topic(&self, mut client: Value) -> (Value, Value) {
        let topic = client["types"][self.kind.plural()].take();
        (client, topic)
    }
}
