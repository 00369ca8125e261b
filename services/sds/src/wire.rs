//! What clients send, read as the service reads it, without a network: for tests, and for fuzzing.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::body::Body;
use envoy_types::pb::envoy::service::discovery::v3::{DeltaDiscoveryResponse, DiscoveryResponse};
use futures::FutureExt as _;
use http::Request;
use meshkat_kit::from_json;
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};

use crate::discovery::{self, DiscoveryRequest};
use crate::grpc::Call;
use crate::protocol::{Delta, Scope, Sotw, Variant, XdsStream};
use crate::resources::{Kind, Resource};
use crate::store::{Layer, Store};

/// The types of resources, as they are called in paths.
pub const TYPES: [&str; 5] = ["clusters", "endpoints", "secrets", "listeners", "routes"];

fn kind(plural: &str) -> Result<Kind, String> {
    let mut known = Kind::ALL.into_iter();
    known
        .find(|kind| kind.plural() == plural)
        .ok_or_else(|| format!("there is no type {plural}"))
}

/// Reads the body of `PUT /xds/v3/{type}/{name}` under the name that it has, and gives what `GET` answers.
///
/// # Errors
/// What is told of a body that is no such resource.
pub fn resource(plural: &str, body: &[u8]) -> Result<String, String> {
    let kind = kind(plural)?;
    let said: Option<Value> = serde_json::from_slice(body).ok();
    let field = kind.name_field();
    // Both spellings of proto3 JSON.
    let name = said.as_ref().and_then(|said| {
        let name = said.get(field).or_else(|| said.get("clusterName"));
        name.and_then(Value::as_str)
    });
    let resource = Resource::from_json(kind, name.unwrap_or_default(), body).map_err(|error| error.to_string())?;
    let written = resource.json().map_err(|error| error.to_string())?;
    Ok(written.get().to_owned())
}

/// Answers the body of `POST /v3/discovery:{type}` from a few resources.
///
/// # Errors
/// What is told of a body that is no request.
pub fn poll(plural: &str, body: &[u8]) -> Result<String, String> {
    let kind = kind(plural)?;
    let request: DiscoveryRequest = from_json(body).map_err(|error| error.to_string())?;
    let world = store().world();
    let view = world.view(&request.node.cluster);
    let answer = discovery::resources(kind, &request, view).map_err(|error| error.to_string())?;
    serde_json::to_string(&answer).map_err(|error| error.to_string())
}

/// What came of the frames that a client sent on a stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Heard {
    /// Requests that could be read.
    pub requests: usize,
    /// Responses that were due to them.
    pub responses: usize,
}

/// Hears what a client sends on a gRPC stream, frame by frame, and sends all that is due after each. `which` chooses among
/// the streams that there are: State of the World or delta, of one type or aggregated.
///
/// # Panics
/// If a nonce is sent twice: that would make two responses one.
pub fn stream(which: u8, frames: &[u8]) -> Heard {
    let (delta, scope) = (which % 2 == 1, usize::from(which / 2) % (Kind::ALL.len() + 1));
    let scope = Kind::ALL.get(scope).map_or(Scope::Aggregated, |kind| Scope::One(*kind));
    if delta {
        hear(Delta::new(scope, 7), frames, |response: &DeltaDiscoveryResponse| {
            response.nonce.clone()
        })
    } else {
        hear(Sotw::new(scope, 7), frames, |response: &DiscoveryResponse| {
            response.nonce.clone()
        })
    }
}

fn hear<V: Variant>(mut stream: XdsStream<V>, frames: &[u8], nonce: impl Fn(&V::Response) -> String) -> Heard {
    let store = store();
    let (mut heard, mut nonces) = (Heard::default(), BTreeSet::new());
    let Ok(mut call) = Call::<V::Request>::of(Request::new(Body::from(frames.to_vec()))) else {
        return heard;
    };
    // All is there, so that nothing is ever waited for.
    // What has begun has a time in which it has to be whole, and time is the runtime's. Nothing waits for it here.
    thread_local! {
        static RUNTIME: Runtime = Builder::new_current_thread().enable_time().build().expect("it needs no more than memory");
    }
    let handle = RUNTIME.with(|runtime| runtime.handle().clone());
    let _inside = handle.enter();
    while let Some(Ok(Some(mut request))) = call.requests.message().now_or_never() {
        heard.requests += 1;
        let node = V::node(&mut request);
        let cluster = node.map(|node| node.cluster).unwrap_or_default();
        if stream.receive(request).is_err() {
            return heard;
        }
        if heard.requests == 2 {
            // A change in the middle.
            put(
                &store,
                Kind::Endpoints,
                "pet",
                &json!({"cluster_name": "pet", "endpoints": [{"priority": 1}]}),
            );
        }
        let world = store.world();
        while let Some(push) = stream.next(world.view(&cluster)) {
            heard.responses += 1;
            assert!(nonces.insert(nonce(&push.response)), "a nonce was sent twice");
        }
        drop(stream.topics(world.view(&cluster)));
    }
    heard
}

/// A few resources of each type.
fn store() -> Store {
    let store = Store::in_memory();
    for name in ["pet", "petstore"] {
        put(&store, Kind::Clusters, name, &json!({"name": name}));
        put(&store, Kind::Endpoints, name, &json!({"cluster_name": name}));
        put(&store, Kind::Secrets, name, &json!({"name": name}));
        put(&store, Kind::Listeners, name, &json!({"name": name}));
        put(&store, Kind::Routes, name, &json!({"name": name}));
    }
    store
}

fn put(store: &Store, kind: Kind, name: &str, body: &Value) {
    if let Ok(resource) = Resource::from_json(kind, name, body.to_string().as_bytes()) {
        drop(store.put(kind, Layer::Written, name, Arc::new(resource)));
    }
}
