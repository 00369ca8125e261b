//! A scripted API server: EndpointSlices as Kubernetes lists and watches them, and every way to fail at it.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Query, Request, State};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use futures::StreamExt as _;
use futures::channel::mpsc::{UnboundedSender, unbounded};
use http::{StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

pub(crate) const TOKEN: &str = "first";

const COLLECTION: &str = "/endpointslices";
const GROUP: &str = "/apis/discovery.k8s.io/v1/";

/// How the server behaves.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Mode {
    Normal,
    /// Takes requests and never answers; open watches say nothing any more.
    Hung,
    /// Every request is answered so.
    Refusing(u16, &'static str),
    /// Every request is answered with a page.
    Page,
    /// Every watch is ended as soon as it is opened.
    Closing,
}

/// The API server. Away when dropped.
pub(crate) struct Api {
    address: SocketAddr,
    world: Arc<Mutex<World>>,
    /// `None` while it is away.
    runtime: Option<Runtime>,
}

struct World {
    mode: Mode,
    /// Whether the mode is [`Mode::Hung`], for watches that are open.
    hung: Arc<AtomicBool>,
    token: String,
    version: u64,
    /// Nothing before this version can be watched.
    oldest: u64,
    /// A watch from before `oldest` begins and then tells of it in an event, as an API server with a watch cache does.
    gone_as_event: bool,
    /// How many pages more can be asked for.
    pages: usize,
    slices: BTreeMap<(String, String), Value>,
    history: Vec<(u64, String, Value)>,
    watches: Vec<(Option<String>, UnboundedSender<io::Result<String>>)>,
    requests: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    #[serde(default)]
    watch: bool,
    #[serde(default)]
    resource_version: String,
    timeout_seconds: Option<u64>,
    limit: Option<usize>,
    #[serde(rename = "continue", default)]
    start: String,
}

impl Api {
    pub(crate) fn start() -> Self {
        let world = World {
            mode: Mode::Normal,
            hung: Arc::default(),
            token: TOKEN.to_owned(),
            version: 100,
            oldest: 0,
            gone_as_event: false,
            pages: usize::MAX,
            slices: BTreeMap::new(),
            history: Vec::new(),
            watches: Vec::new(),
            requests: Vec::new(),
        };
        let mut api = Self {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            world: Arc::new(Mutex::new(world)),
            runtime: None,
        };
        api.come_back();
        api
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Listens again where it did.
    pub(crate) fn come_back(&mut self) {
        // A runtime of its own, so that everything, each connection too, goes away with it.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (world, address) = (Arc::clone(&self.world), self.address);
        let (send, receive) = std::sync::mpsc::channel();
        runtime.spawn(async move {
            let listener = TcpListener::bind(address).await.unwrap();
            send.send(listener.local_addr().unwrap()).unwrap();
            axum::serve(listener, Router::new().fallback(answer).with_state(world))
                .await
                .unwrap();
        });
        self.address = receive.recv().unwrap();
        self.runtime = Some(runtime);
    }

    /// Closes its port and every connection.
    pub(crate) fn go_away(&mut self) {
        self.world().watches.clear();
        if let Some(runtime) = self.runtime.take() {
            // A runtime must not be waited for on another.
            let gone = std::thread::spawn(move || runtime.shutdown_timeout(Duration::from_secs(5)));
            gone.join().unwrap();
        }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    pub(crate) fn mode(&self, mode: Mode) {
        let mut world = self.world();
        world.hung.store(mode == Mode::Hung, Ordering::Release);
        world.mode = mode;
    }

    pub(crate) fn token(&self, token: &str) {
        self.world().token = token.to_owned();
    }

    /// Creates or changes a slice.
    pub(crate) fn put(&self, slice: Value) {
        let mut world = self.world();
        let id = id(&slice);
        let kind = if world.slices.contains_key(&id) {
            "MODIFIED"
        } else {
            "ADDED"
        };
        let slice = world.tell(kind, slice);
        world.slices.insert(id, slice);
    }

    pub(crate) fn delete(&self, namespace: &str, name: &str) {
        let mut world = self.world();
        let slice = world.slices.remove(&(namespace.to_owned(), name.to_owned())).unwrap();
        world.tell("DELETED", slice);
    }

    /// The versions move on by what this watch does not see.
    pub(crate) fn bookmark(&self) -> u64 {
        let mut world = self.world();
        world.version += 10;
        let version = world.version;
        let metadata = json!({"resourceVersion": version.to_string(), "creationTimestamp": null});
        let object = json!({"kind": "EndpointSlice", "apiVersion": "discovery.k8s.io/v1", "metadata": metadata});
        world.send(&None, "BOOKMARK", &object);
        version
    }

    /// Forgets all changes so far, and ends the watches.
    pub(crate) fn compact(&self, gone_as_event: bool) {
        let mut world = self.world();
        world.version += 1;
        world.oldest = world.version;
        world.gone_as_event = gone_as_event;
        world.watches.clear();
    }

    /// Tells every watch that it is too old, and ends it.
    pub(crate) fn expire(&self) {
        let mut world = self.world();
        world.version += 1;
        world.oldest = world.version;
        world.send(&None, "ERROR", &gone());
        world.watches.clear();
    }

    pub(crate) fn close_watches(&self) {
        self.world().watches.clear();
    }

    /// Cuts the connections of all watches in the middle of an event.
    pub(crate) fn cut_watches(&self) {
        for (_, watch) in self.world().watches.drain(..) {
            watch.unbounded_send(Ok("{\"type\": \"ADD".to_owned())).unwrap();
            watch.unbounded_send(Err(io::Error::other("cut"))).unwrap();
        }
    }

    /// Says something that is no event.
    pub(crate) fn babble(&self) {
        for (_, watch) in self.world().watches.drain(..) {
            watch.unbounded_send(Ok("<html>\n".to_owned())).unwrap();
        }
    }

    /// After so many pages, the rest of a list can no longer be had.
    pub(crate) fn pages(&self, pages: usize) {
        self.world().pages = pages;
    }

    pub(crate) fn watches(&self) -> usize {
        let mut world = self.world();
        world.watches.retain(|(_, watch)| !watch.is_closed());
        world.watches.len()
    }

    /// Paths and queries that were asked for, since the start.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.world().requests.clone()
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        self.go_away();
    }
}

impl World {
    fn tell(&mut self, kind: &str, mut slice: Value) -> Value {
        self.version += 1;
        slice["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.history.push((self.version, kind.to_owned(), slice.clone()));
        let namespace = Some(id(&slice).0);
        self.send(&namespace, kind, &slice);
        slice
    }

    fn send(&mut self, namespace: &Option<String>, kind: &str, object: &Value) {
        if self.mode == Mode::Hung {
            return;
        }
        let line = event(kind, object);
        self.watches.retain(|(only, watch)| {
            let sees = namespace.is_none() || only.is_none() || only == namespace;
            !sees || watch.unbounded_send(Ok(line.clone())).is_ok()
        });
    }

    fn list(&mut self, namespace: Option<&String>, asked: &Asked) -> Response {
        let start: usize = asked.start.parse().unwrap_or(0);
        if start > 0 {
            if self.pages == 0 {
                self.pages = usize::MAX;
                return refusal(StatusCode::GONE, gone());
            }
            self.pages -= 1;
        }
        let all: Vec<_> = self
            .slices
            .iter()
            .filter(|((of, _), _)| namespace.is_none_or(|namespace| namespace == of))
            .map(|(_, slice)| slice)
            .collect();
        let end = all.len().min(start + asked.limit.unwrap_or(usize::MAX).min(all.len()));
        let mut metadata = json!({"resourceVersion": self.version.to_string()});
        if end < all.len() {
            metadata["continue"] = json!(end.to_string());
        }
        let list = json!({"kind": "EndpointSliceList", "apiVersion": "discovery.k8s.io/v1", "metadata": metadata,
                          "items": &all[start..end]});
        Json(list).into_response()
    }

    fn watch(&mut self, namespace: Option<String>, asked: &Asked) -> Response {
        let from: u64 = asked.resource_version.parse().expect("a watch has a version");
        let (send, events) = unbounded();
        if from < self.oldest {
            if !self.gone_as_event {
                return refusal(StatusCode::GONE, gone());
            }
            send.unbounded_send(Ok(event("ERROR", &gone()))).unwrap();
        } else if self.mode != Mode::Closing {
            for (_, kind, slice) in self.history.iter().filter(|(version, ..)| *version > from) {
                if namespace.as_ref().is_none_or(|namespace| *namespace == id(slice).0) {
                    send.unbounded_send(Ok(event(kind, slice))).unwrap();
                }
            }
            self.watches.push((namespace, send));
        }
        let (lasts, hung) = (asked.timeout_seconds.unwrap_or(60), Arc::clone(&self.hung));
        let end = Box::pin(async move {
            tokio::time::sleep(Duration::from_secs(lasts)).await;
            if hung.load(Ordering::Acquire) {
                std::future::pending::<()>().await;
            }
        });
        (
            [(header::CONTENT_TYPE, "application/json")],
            Body::from_stream(events.take_until(end)),
        )
            .into_response()
    }
}

async fn answer(State(world): State<Arc<Mutex<World>>>, Query(asked): Query<Asked>, request: Request) -> Response {
    let mode = {
        let mut world = world.lock().unwrap();
        world.requests.push(request.uri().to_string());
        world.mode.clone()
    };
    match mode {
        Mode::Hung => match std::future::pending::<Infallible>().await {},
        Mode::Refusing(code, reason) => {
            let code = StatusCode::from_u16(code).unwrap();
            return refusal(code, status(code.as_u16(), reason, "no, not now"));
        }
        Mode::Page => return "<html>hello</html>".into_response(),
        Mode::Normal | Mode::Closing => {}
    }
    let mut world = world.lock().unwrap();
    let expected = format!("Bearer {}", world.token);
    let authorization = request.headers().get(header::AUTHORIZATION);
    if authorization.is_none_or(|value| value.as_bytes() != expected.as_bytes()) {
        return refusal(StatusCode::UNAUTHORIZED, status(401, "Unauthorized", "Unauthorized"));
    }
    let path = request.uri().path();
    let place = path.strip_prefix(GROUP).map(|rest| format!("/{rest}"));
    let namespace = match place.as_deref().and_then(|place| place.strip_suffix(COLLECTION)) {
        Some("") => None,
        Some(place) if place.starts_with("/namespaces/") => Some(place["/namespaces/".len()..].to_owned()),
        _ => return refusal(StatusCode::NOT_FOUND, status(404, "NotFound", path)),
    };
    if asked.watch {
        world.watch(namespace, &asked)
    } else {
        world.list(namespace.as_ref(), &asked)
    }
}

fn event(kind: &str, object: &Value) -> String {
    format!("{}\n", json!({"type": kind, "object": object}))
}

fn gone() -> Value {
    status(410, "Expired", "too old resource version: 1 (2)")
}

fn status(code: u16, reason: &str, message: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message, "reason": reason,
           "code": code})
}

fn refusal(code: StatusCode, body: Value) -> Response {
    (code, Json(body)).into_response()
}

fn id(slice: &Value) -> (String, String) {
    let part = |part: &str| slice["metadata"][part].as_str().unwrap().to_owned();
    (part("namespace"), part("name"))
}

/// A slice of a service with these endpoints, as the EndpointSlice controller writes it.
pub(crate) fn slice(namespace: &str, service: &str, endpoints: &Value) -> Value {
    json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": format!("{service}-x7k2p"),
            "namespace": namespace,
            "uid": "0b8f5a9e-7c1d-4c4e-9a51-0d9c2f1f4b11",
            "labels": {
                "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
                "kubernetes.io/service-name": service,
            },
            "managedFields": [{"manager": "kube-controller-manager", "operation": "Update", "fieldsV1": {"f:endpoints": {}}}],
        },
        "addressType": "IPv4",
        "endpoints": endpoints,
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
    })
}

/// Endpoints that are ready.
pub(crate) fn ready(addresses: &[&str]) -> Value {
    let endpoint = |address: &&str| {
        json!({"addresses": [address], "conditions": {"ready": true, "serving": true, "terminating": false},
               "nodeName": "node-1", "zone": "eu-1a",
               "targetRef": {"kind": "Pod", "namespace": "shop", "name": "pet-0"}})
    };
    addresses.iter().map(endpoint).collect()
}
