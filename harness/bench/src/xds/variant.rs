//! The two variants of the protocol, as an Envoy's aggregated stream speaks them.

use std::collections::BTreeMap;

use bytes::Bytes;
use envoy_types::pb::envoy::{
    config::core::v3::{Extension, Node},
    service::discovery::v3::{DeltaDiscoveryRequest, DiscoveryRequest},
};
use prost::Message;

const ENDPOINTS: &str = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment";

/// A variant: what a client says, and what it keeps of what it is told.
pub(super) trait Variant: Default + Send + 'static {
    type Request: Message + Send + 'static;
    const NAME: &'static str;
    const METHOD: &'static str;

    /// The first request. Who it is stands in this one alone.
    fn subscribe(node: String, names: &[String]) -> Self::Request;

    /// Takes a response; gives its ACK.
    fn take(&mut self, response: Bytes, names: &[String]) -> Result<Self::Request, prost::DecodeError>;

    /// Everything that the client has now.
    fn held(&self) -> Vec<&Bytes>;
}

/// An Envoy lists the extensions that it was built with: 516 in version 1.40, which is 61 kB.
fn node(id: String) -> Option<Node> {
    let extension = |index: u32| Extension {
        name: format!("envoy.filters.http.extension_{index:03}"),
        category: "envoy.filters.http".to_owned(),
        type_urls: vec![format!(
            "envoy.extensions.filters.http.extension_{index:03}.v3.Extension"
        )],
        ..Default::default()
    };
    Some(Node {
        id,
        cluster: "bench".to_owned(),
        extensions: (0..516).map(extension).collect(),
        ..Default::default()
    })
}

/// State of the World: the last response is all there is.
#[derive(Debug, Default)]
pub(super) struct Sotw {
    last: Bytes,
}

/// What has to be read of a response in order to acknowledge it; the rest is passed over.
#[derive(Clone, PartialEq, Message)]
struct SotwHead {
    #[prost(string, tag = "1")]
    version_info: String,
    #[prost(string, tag = "5")]
    nonce: String,
}

impl Variant for Sotw {
    type Request = DiscoveryRequest;
    const NAME: &'static str = "State of the World";
    const METHOD: &'static str = "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources";

    fn subscribe(id: String, names: &[String]) -> DiscoveryRequest {
        DiscoveryRequest {
            node: node(id),
            type_url: ENDPOINTS.to_owned(),
            resource_names: names.to_vec(),
            ..Default::default()
        }
    }

    fn take(&mut self, response: Bytes, names: &[String]) -> Result<DiscoveryRequest, prost::DecodeError> {
        let head = SotwHead::decode(response.clone())?;
        self.last = response;
        Ok(DiscoveryRequest {
            type_url: ENDPOINTS.to_owned(),
            version_info: head.version_info,
            response_nonce: head.nonce,
            resource_names: names.to_vec(),
            ..Default::default()
        })
    }

    fn held(&self) -> Vec<&Bytes> {
        vec![&self.last]
    }
}

/// Delta: the last of each name counts.
#[derive(Debug, Default)]
pub(super) struct Delta {
    resources: BTreeMap<String, Bytes>,
}

#[derive(Clone, PartialEq, Message)]
struct DeltaHead {
    #[prost(message, repeated, tag = "2")]
    resources: Vec<DeltaResource>,
    #[prost(string, tag = "5")]
    nonce: String,
}

#[derive(Clone, PartialEq, Message)]
struct DeltaResource {
    #[prost(bytes = "bytes", tag = "2")]
    resource: Bytes,
    #[prost(string, tag = "3")]
    name: String,
}

impl Variant for Delta {
    type Request = DeltaDiscoveryRequest;
    const NAME: &'static str = "delta";
    const METHOD: &'static str = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";

    fn subscribe(id: String, names: &[String]) -> DeltaDiscoveryRequest {
        DeltaDiscoveryRequest {
            node: node(id),
            type_url: ENDPOINTS.to_owned(),
            resource_names_subscribe: names.to_vec(),
            ..Default::default()
        }
    }

    fn take(&mut self, response: Bytes, _: &[String]) -> Result<DeltaDiscoveryRequest, prost::DecodeError> {
        let head = DeltaHead::decode(response)?;
        for resource in head.resources {
            self.resources.insert(resource.name, resource.resource);
        }
        Ok(DeltaDiscoveryRequest {
            type_url: ENDPOINTS.to_owned(),
            response_nonce: head.nonce,
            ..Default::default()
        })
    }

    fn held(&self) -> Vec<&Bytes> {
        self.resources.values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_as_long_as_an_envoys() {
        let length = Sotw::subscribe(String::new(), &[]).encoded_len();
        assert!((58_000..65_000).contains(&length), "{length}");
    }
}
