//! Who answers for the pods.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, Request},
    http::{HeaderMap, Method, StatusCode, Uri},
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use meshkat_runtime::scripted::AUTHORIZATION;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::world::Registry;

/// A request as an application got it.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

/// Serves until the test's runtime ends.
pub(crate) async fn serve(at: SocketAddr, router: Router) {
    let listener = TcpListener::bind(at).await.expect("the address is the test's own");
    tokio::spawn(async move { axum::serve(listener, router).await });
}

/// An application that is ready, and answers everything else as it is told to.
pub(crate) fn application<R, F, A>(answer: A) -> Router
where
    R: IntoResponse,
    F: Future<Output = R> + Send + 'static,
    A: Fn(Asked) -> F + Clone + Send + Sync + 'static,
{
    let fallback = move |request: Request| {
        let answer = answer.clone();
        async move {
            let (parts, body) = request.into_parts();
            let body = axum::body::to_bytes(body, 1 << 20).await.unwrap_or_default();
            let (method, uri, headers) = (parts.method, parts.uri, parts.headers);
            answer(Asked {
                method,
                uri,
                headers,
                body: String::from_utf8_lossy(&body).into_owned(),
            })
            .await
            .into_response()
        }
    };
    Router::new()
        .route("/readyz", get(|| async { "ready" }))
        .fallback(fallback)
}

/// Answers who writes without the header of the mesh with a 401, as the services do.
async fn ask_who(request: Request, next: Next) -> Response {
    let given = request.headers().get("authorization");
    if request.method() != Method::GET && given.is_none_or(|given| given != AUTHORIZATION) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    next.run(request).await
}

/// A discovery service, as far as its registry goes.
pub(crate) fn registry(registry: &Registry) -> Router {
    let (set, removed) = (Arc::clone(registry), Arc::clone(registry));
    let on_put = async move |Path(service): Path<String>, body: Bytes| {
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let Some(hosts) = body["hosts"].as_array() else {
            return StatusCode::BAD_REQUEST;
        };
        locked(&set).insert(service, hosts.clone());
        StatusCode::OK
    };
    let on_delete = async move |Path(service): Path<String>| match locked(&removed).remove(&service) {
        Some(_) => StatusCode::NO_CONTENT,
        None => StatusCode::NOT_FOUND,
    };
    let listed = Arc::clone(registry);
    let list = async move || {
        let services = locked(&listed);
        let services = services
            .iter()
            .map(|(name, hosts)| (name.clone(), json!({ "hosts": hosts })));
        Json(json!({ "services": services.collect::<serde_json::Map<_, _>>() }))
    };
    Router::new()
        .route("/readyz", get(|| async { "ready" }))
        .route("/edsservice", get(list))
        .route("/edsservice/{service}", put(on_put).delete(on_delete))
        .route_layer(from_fn(ask_who))
}

/// What applications do wrong on purpose, by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults {
    now: Arc<Mutex<BTreeMap<String, Value>>>,
    /// They stay, whoever ends them.
    pub(crate) stay: Arc<AtomicBool>,
}

impl Faults {
    /// Whose faults are told to be something.
    pub(crate) fn of(&self, name: &str) -> Option<Value> {
        locked(&self.now).get(name).cloned()
    }

    pub(crate) fn routes(&self, name: &'static str, path: &str) -> Router {
        let (shown, set, ended) = (self.clone(), self.clone(), self.clone());
        let show = async move || Json(shown.of(name).unwrap_or_else(|| json!({})));
        let on_put = async move |Json(fault): Json<Value>| {
            locked(&set.now).insert(name.to_owned(), fault);
        };
        let on_delete = async move || {
            if !ended.stay.load(Ordering::SeqCst) {
                locked(&ended.now).remove(name);
            }
            StatusCode::NO_CONTENT
        };
        Router::new()
            .route(path, get(show).put(on_put).delete(on_delete))
            .route_layer(from_fn(ask_who))
    }
}

/// A discovery service, as far as it tells of its clients: the edge alone asks for anything, and may be `behind`.
pub(crate) fn clients(behind: &Arc<AtomicBool>) -> Router {
    let behind = Arc::clone(behind);
    let answer = async move || {
        let acknowledged = if behind.load(Ordering::SeqCst) { "1" } else { "2" };
        Json(json!({"clients": [{
            "node": {"id": "ingress"},
            "transport": "grpc",
            "types": {"endpoints": {
                "wildcard": false, "names": ["petstore", "pet", "echo"],
                "version_intended": "2", "version_acknowledged": acknowledged,
            }},
        }]}))
    };
    Router::new().route("/xds/v3/clients", get(answer))
}

/// An Envoy, as its admin interface shows it.
#[derive(Debug, Clone)]
pub(crate) struct FakeEnvoy {
    registry: Registry,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    ready: &'static str,
    stats: BTreeMap<String, u64>,
    /// Services that it no longer asks for.
    deaf: BTreeSet<&'static str>,
}

impl FakeEnvoy {
    pub(crate) fn new(registry: &Registry) -> Self {
        let state = State {
            ready: "LIVE",
            stats: BTreeMap::new(),
            deaf: BTreeSet::new(),
        };
        Self {
            registry: Arc::clone(registry),
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// What `/ready` says from now on.
    pub(crate) fn becomes(&self, state: &'static str) {
        locked(&self.state).ready = state;
    }

    /// What a counter says from now on.
    pub(crate) fn counts(&self, name: &str, value: u64) {
        locked(&self.state).stats.insert(name.to_owned(), value);
    }

    /// It has no endpoints of this service from now on, whatever the registry says.
    pub(crate) fn loses(&self, service: &'static str) {
        locked(&self.state).deaf.insert(service);
    }

    pub(crate) fn admin(&self) -> Router {
        let ask = |answer: fn(&Self) -> (StatusCode, Json<Value>)| {
            let own = self.clone();
            get(move || async move { answer(&own) })
        };
        let own = self.clone();
        let ready = get(move || async move {
            let state = locked(&own.state).ready;
            let status = if state == "LIVE" {
                StatusCode::OK
            } else {
                StatusCode::SERVICE_UNAVAILABLE
            };
            (status, format!("{state}\n"))
        });
        let own = self.clone();
        // A pod that leaves is told so, too, and begins again with another Envoy: that is forgotten here.
        let fails = post(move |uri: axum::http::Uri| async move {
            if uri.query() == Some("now") {
                own.becomes("DRAINING");
            }
            "OK\n"
        });
        Router::new()
            .route("/ready", ready)
            .route("/healthcheck/fail", fails)
            .route("/stats", ask(Self::stats))
            .route("/clusters", ask(Self::clusters))
            .route("/config_dump", get(|| async { "{\"configs\":[]}" }))
            .route("/server_info", get(|| async { "{\"version\":\"fake\"}" }))
    }

    fn stats(&self) -> (StatusCode, Json<Value>) {
        let state = locked(&self.state);
        let stats: Vec<Value> = state
            .stats
            .iter()
            .map(|(name, value)| json!({"name": name, "value": value}))
            .collect();
        (StatusCode::OK, Json(json!({ "stats": stats })))
    }

    fn clusters(&self) -> (StatusCode, Json<Value>) {
        let (registry, state) = (locked(&self.registry), locked(&self.state));
        let host = |host: &Value| json!({"address": {"socket_address": {"address": host["ip_address"], "port_value": host["port"]}}});
        let clusters = ["petstore", "pet", "echo"].map(|service| {
            let hosts = registry.get(service).filter(|_| !state.deaf.contains(service));
            let hosts: Vec<Value> = hosts.into_iter().flatten().map(host).collect();
            json!({"name": service, "host_statuses": hosts})
        });
        (StatusCode::OK, Json(json!({ "cluster_statuses": clusters })))
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
