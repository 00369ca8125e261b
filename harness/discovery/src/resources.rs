//! Resources: what nodes are told, and what is to be told.

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    client::{DiscoveryClient, LONGEST_ANSWER, segment},
    clients::Node,
    error::DiscoveryError,
    kind::Kind,
};

/// The longest answer with resources that is read, in bytes: all of a type.
const LONGEST: usize = 64 << 20;

/// What a node is told that polls.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct Answer {
    /// The version of all that is in it.
    pub version_info: String,
    /// The resources, as proto3 JSON.
    #[serde(default)]
    pub resources: Vec<Value>,
}

impl DiscoveryClient {
    /// What a node is told that polls for these resources; for all of the type if it names none.
    ///
    /// # Errors
    /// It does not answer, or something else.
    pub async fn poll(&self, node: &Node, kind: Kind, names: &[&str]) -> Result<Answer, DiscoveryError> {
        let request = self
            .request(Method::POST, &format!("/v3/discovery:{kind}"))
            .json(&json!({"node": node, "resource_names": names}));
        self.json(&self.question(), request, LONGEST).await
    }

    /// Has a resource told, in the place of what it is told of that name; to the nodes of one `node.cluster`, or to all.
    ///
    /// # Errors
    /// It does not answer, or does not take it; then nothing is changed.
    pub async fn put_resource(
        &self,
        kind: Kind,
        name: &str,
        node_cluster: Option<&str>,
        resource: &Value,
    ) -> Result<(), DiscoveryError> {
        let request = self
            .request(Method::PUT, &path(kind, name, node_cluster))
            .json(resource);
        self.send(&format!("PUT `{name}` among the {kind}"), request, LONGEST)
            .await?;
        Ok(())
    }

    /// Takes back a resource that was put.
    ///
    /// # Errors
    /// It does not answer, or was given none of this name; then nothing is changed.
    pub async fn delete_resource(
        &self,
        kind: Kind,
        name: &str,
        node_cluster: Option<&str>,
    ) -> Result<(), DiscoveryError> {
        let request = self.request(Method::DELETE, &path(kind, name, node_cluster));
        self.send(&format!("DELETE `{name}` among the {kind}"), request, LONGEST_ANSWER)
            .await?;
        Ok(())
    }
}

fn path(kind: Kind, name: &str, node_cluster: Option<&str>) -> String {
    let of = node_cluster.map_or_else(String::new, |cluster| format!("?node_cluster={}", segment(cluster)));
    format!("/xds/v3/{kind}/{}{of}", segment(name))
}
