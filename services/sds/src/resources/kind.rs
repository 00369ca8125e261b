//! The types of resources.

use prometheus_client::encoding::EncodeLabelValue;
use serde::{Deserialize, Serialize};

/// A type of resource that is served.
///
/// In the order in which an Envoy can take a change of several without dropping a request: what is pointed at comes
/// before what points at it. Clusters come before all that they point at, since an Envoy asks for that only then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, EncodeLabelValue, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Clusters,
    Endpoints,
    Secrets,
    Listeners,
    Routes,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] = [
        Self::Clusters,
        Self::Endpoints,
        Self::Secrets,
        Self::Listeners,
        Self::Routes,
    ];

    /// The full name of its message.
    pub(crate) fn message(self) -> &'static str {
        match self {
            Self::Clusters => "envoy.config.cluster.v3.Cluster",
            Self::Endpoints => "envoy.config.endpoint.v3.ClusterLoadAssignment",
            Self::Secrets => "envoy.extensions.transport_sockets.tls.v3.Secret",
            Self::Listeners => "envoy.config.listener.v3.Listener",
            Self::Routes => "envoy.config.route.v3.RouteConfiguration",
        }
    }

    /// How its message is named within an `Any`.
    pub(crate) fn type_url(self) -> &'static str {
        match self {
            Self::Clusters => "type.googleapis.com/envoy.config.cluster.v3.Cluster",
            Self::Endpoints => "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
            Self::Secrets => "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
            Self::Listeners => "type.googleapis.com/envoy.config.listener.v3.Listener",
            Self::Routes => "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
        }
    }

    pub(crate) fn of_type_url(type_url: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.type_url() == type_url)
    }

    /// How it is called in paths and in what people read.
    pub(crate) fn plural(self) -> &'static str {
        match self {
            Self::Clusters => "clusters",
            Self::Endpoints => "endpoints",
            Self::Secrets => "secrets",
            Self::Listeners => "listeners",
            Self::Routes => "routes",
        }
    }

    /// The field that holds a resource's name.
    pub(crate) fn name_field(self) -> &'static str {
        match self {
            Self::Endpoints => "cluster_name",
            Self::Clusters | Self::Secrets | Self::Listeners | Self::Routes => "name",
        }
    }

    /// Whether a State-of-the-World answer is the whole truth, so that a resource that it leaves out is gone. Envoys also
    /// ask for all resources of such a type by naming none.
    pub(crate) fn is_whole(self) -> bool {
        matches!(self, Self::Clusters | Self::Listeners)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_make_before_break() {
        assert!(Kind::ALL.is_sorted());
        for kind in Kind::ALL {
            assert_eq!(kind.type_url(), format!("type.googleapis.com/{}", kind.message()));
            assert_eq!(Kind::of_type_url(kind.type_url()), Some(kind));
        }
    }
}
