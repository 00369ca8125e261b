//! The service that all hostile clients share, and a healthy client of it.

use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use envoy_types::pb::envoy::config::endpoint::v3::ClusterLoadAssignment;
use envoy_types::pb::envoy::service::discovery::v3::{DiscoveryRequest, DiscoveryResponse};
use meshkat_kit::Identity;
use meshkat_kit::testing::{DEADLINE, Running};
use prost::Message;
use reqwest::{Client, Method};
use sds::{Options, Store};
use serde_json::json;
use tokio::runtime::Runtime;

const ENDPOINTS: &str = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment";

pub(crate) struct Server {
    runtime: Runtime,
    running: Running,
    http1: Client,
    http2: Client,
    /// One case after the other: a fault that a hostile client sets would hit the healthy one of another case.
    turn: Mutex<()>,
    port: AtomicU16,
}

static PANICS: AtomicUsize = AtomicUsize::new(0);

/// What an answer to a gRPC call was: the messages, and whether the call ended as calls do.
pub(crate) struct Answer {
    pub(crate) messages: Vec<Vec<u8>>,
}

pub(crate) fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            // Of the service's own threads, and not those of tests that fail.
            if std::thread::current().name() == Some("sds") {
                PANICS.fetch_add(1, Ordering::SeqCst);
            }
            before(info);
        }));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("sds")
            .enable_all()
            .build()
            .unwrap();
        let registry = Arc::new(Store::in_memory());
        let identity = Identity::new("sds", "sds-1").unwrap();
        let options = Options { allow_faults: true };
        let running = runtime.block_on(Running::start(|listener, shutdown| {
            sds::run_with(listener, identity, registry, options, shutdown)
        }));
        let client = || Client::builder().no_proxy().timeout(DEADLINE);
        Server {
            runtime,
            running,
            http1: client().build().unwrap(),
            http2: client().http2_prior_knowledge().build().unwrap(),
            turn: Mutex::new(()),
            port: AtomicU16::new(0),
        }
    })
}

impl Server {
    pub(crate) fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The status of the answer. That there is one at all is the first thing that is asked for.
    pub(crate) fn ask(&self, method: Method, path: &str, body: Vec<u8>) -> u16 {
        let request = self.http1.request(method, self.running.url(path)).body(body);
        self.runtime.block_on(async {
            let response = request.send().await.expect("an answer");
            let status = response.status().as_u16();
            response.bytes().await.expect("a whole answer");
            status
        })
    }

    /// Sends all there is to say on a stream, and reads to its end.
    pub(crate) fn call(&self, method: &str, body: Vec<u8>) -> Answer {
        let request = self
            .http2
            .post(self.running.url(method))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(body);
        self.runtime.block_on(async {
            let response = request.send().await.expect("an answer");
            assert_eq!(response.status().as_u16(), 200);
            // A stream that ends with an error may be reset while there is still something to be read.
            let bytes = response.bytes().await.unwrap_or_default();
            Answer {
                messages: messages(&bytes),
            }
        })
    }

    /// A change is made, and reaches a client that begins now, over REST and over gRPC.
    pub(crate) fn is_healthy(&self) {
        assert_eq!(self.ask(Method::DELETE, "/xds/v3/faults", Vec::new()), 204);
        // A hostile client may have written over it.
        for place in ["/xds/v3/endpoints/healthy", "/xds/v3/endpoints/healthy?node_cluster=c"] {
            self.ask(Method::DELETE, place, Vec::new());
        }
        let port = self.port.fetch_add(1, Ordering::SeqCst) % 60_000 + 1;
        let body = json!({"hosts": [{"ip_address": "10.0.0.1", "port": port}]}).to_string();
        let status = self.ask(Method::PUT, "/edsservice/healthy", body.into());
        assert!(status == 200 || status == 201);
        let request = DiscoveryRequest {
            type_url: ENDPOINTS.to_owned(),
            resource_names: vec!["healthy".to_owned()],
            ..Default::default()
        };
        let method = "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources";
        let answer = self.call(method, frame(&request.encode_to_vec()));
        let response = DiscoveryResponse::decode(&*answer.messages[0]).unwrap();
        let found = ClusterLoadAssignment::decode(&*response.resources[0].value).unwrap();
        assert!(
            format!("{found:?}").contains(&format!("PortValue({port})")),
            "{found:?}"
        );
        let body = json!({"resource_names": ["healthy"]}).to_string();
        assert_eq!(self.ask(Method::POST, "/v3/discovery:endpoints", body.into()), 200);
        assert_eq!(PANICS.load(Ordering::SeqCst), 0, "something panicked");
    }
}

/// A message as gRPC frames it.
pub(crate) fn frame(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[0], &length[..], message].concat()
}

fn messages(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    while let Some((head, rest)) = bytes.split_at_checked(5) {
        let length = u32::from_be_bytes(head[1..].try_into().unwrap()) as usize;
        let Some((message, rest)) = rest.split_at_checked(length) else {
            break;
        };
        messages.push(message.to_vec());
        bytes = rest;
    }
    messages
}
