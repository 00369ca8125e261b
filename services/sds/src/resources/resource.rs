//! One resource, ready to be sent.

use std::sync::{Arc, OnceLock};

use envoy_types::pb::google::protobuf::Any;
use prost::Message as _;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use super::assignment::{self, ClusterLoadAssignment};
use super::awaits::{self, Awaited};
use super::kind::Kind;
use super::version::Version;
use crate::host::Service;

/// A resource in the forms in which it is sent. It never changes; a change makes another.
#[derive(Debug)]
pub(crate) struct Resource {
    pub(crate) version: Version,
    /// For gRPC.
    pub(crate) any: Any,
    /// What has to be sent on its stream before an Envoy uses it.
    pub(crate) awaits: Box<[Awaited]>,
    /// For REST, with its `@type`. Made when it is first asked for: most resources never go out as JSON.
    json: OnceLock<Arc<RawValue>>,
    origin: Origin,
}

#[derive(Debug)]
enum Origin {
    Registered(Arc<str>, Arc<Service>),
    Written(Arc<RawValue>),
}

impl Resource {
    /// The endpoints of a service.
    pub(crate) fn of_service(name: &str, service: &Arc<Service>) -> Self {
        let value = assignment::of_service(name, service).encode_to_vec();
        Self {
            version: Version::of_bytes(&value),
            any: Any {
                type_url: Kind::Endpoints.type_url().to_owned(),
                value,
            },
            awaits: Box::default(),
            json: OnceLock::new(),
            origin: Origin::Registered(name.into(), Arc::clone(service)),
        }
    }

    /// The service whose endpoints it is; `None` if it was written.
    pub(crate) fn service(&self) -> Option<&Arc<Service>> {
        match &self.origin {
            Origin::Registered(_, service) => Some(service),
            Origin::Written(_) => None,
        }
    }

    /// Whether it is the same: to Envoys, and to who asks for the service.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.version == other.version && self.service() == other.service()
    }

    /// A resource that somebody wrote: its bytes, and the same as JSON with its `@type`.
    pub(super) fn written(kind: Kind, value: Vec<u8>, json: &Value) -> serde_json::Result<Self> {
        let awaits = awaits::of(kind, json);
        let json = to_raw_value(json)?;
        Ok(Self {
            // Of the JSON, whose fields are in order: the bytes of two equal messages may differ in the order of maps.
            version: Version::of_bytes(json.get().as_bytes()),
            awaits,
            any: Any {
                type_url: kind.type_url().to_owned(),
                value,
            },
            json: OnceLock::new(),
            origin: Origin::Written(json.into()),
        })
    }

    /// The same with bytes for gRPC that are no message at all, and a version of their own. Its JSON stays what it is.
    pub(crate) fn garbled(&self) -> Self {
        // A tag that no message can have.
        const NO_MESSAGE: [u8; 8] = [0xff; 8];
        let version = [NO_MESSAGE.as_slice(), self.version.to_string().as_bytes()].concat();
        Self {
            version: Version::of_bytes(&version),
            any: Any {
                type_url: self.any.type_url.clone(),
                value: NO_MESSAGE.to_vec(),
            },
            awaits: Box::default(),
            json: OnceLock::new(),
            origin: match &self.origin {
                Origin::Registered(name, service) => Origin::Registered(Arc::clone(name), Arc::clone(service)),
                Origin::Written(json) => Origin::Written(Arc::clone(json)),
            },
        }
    }

    /// The resource as proto3 JSON with its `@type`.
    ///
    /// # Errors
    /// It cannot be put into JSON.
    pub(crate) fn json(&self) -> serde_json::Result<Arc<RawValue>> {
        if let Some(json) = self.json.get() {
            return Ok(Arc::clone(json));
        }
        let json: Arc<RawValue> = match &self.origin {
            Origin::Registered(name, service) => to_raw_value(&ClusterLoadAssignment::new(name, service))?.into(),
            Origin::Written(json) => Arc::clone(json),
        };
        Ok(Arc::clone(self.json.get_or_init(|| json)))
    }
}
