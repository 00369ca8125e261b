//! A mesh of which only the states exist, with addresses on which a test's own servers listen.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, UdpSocket},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use axum::http::StatusCode;
use indexmap::IndexMap;
use meshkat_engine::{CulpritOptions, Jobs, Keep, RunOptions};
use meshkat_model::{
    case::Case,
    event::Event,
    mesh::{Application, Container, GroupSpec, MeshSpec, Port, Service},
    program::{Program, Readiness},
    results::RunInfo,
    scenario::{Meshes, Scenario, SharedAxes},
    source::Source,
};
use meshkat_plan::{Expected, Order, Planner, Sharing};
use meshkat_runtime::{
    Backend, Capabilities, Lease, RuntimeError,
    run::Ledger,
    scripted::{Call, Script, ScriptedBackend, ScriptedLease},
};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::{
    ran::Ran,
    servers::{FakeEnvoy, Faults, application, clients, registry, serve},
};

/// Long enough for a machine that is busy with other tests.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// The pods that there can be, each with an address of its own.
const PODS: [&str; 6] = ["sds", "ingress", "echo", "echo-1", "echo-2", "echo-3"];

/// What the discovery service of the test was told, by service.
pub(crate) type Registry = Arc<Mutex<BTreeMap<String, Vec<Value>>>>;

pub(crate) struct World {
    pub(crate) script: Script,
    /// Every mesh that was leased, in order.
    pub(crate) leases: Leases,
    /// What each of them was to be.
    pub(crate) started: Arc<Mutex<Vec<MeshSpec>>>,
    pub(crate) registry: Registry,
    /// A container that ends by itself as soon as its mesh is there.
    pub(crate) ends_at_once: Option<(&'static str, Container, i32)>,
    /// A container that somebody freezes as soon as its mesh is there, and tells nobody.
    pub(crate) is_frozen: Option<(&'static str, Container)>,
    /// What the backend can do.
    pub(crate) capabilities: Capabilities,
    /// What the applications of the mesh `shop` do wrong on purpose.
    pub(crate) faults: Faults,
    /// Which cases share a mesh.
    pub(crate) sharing: Sharing,
    /// The edge has not acknowledged what the discovery service says.
    pub(crate) behind: Arc<AtomicBool>,
    addresses: BTreeMap<&'static str, IpAddr>,
    meshes: IndexMap<&'static str, MeshSpec>,
    /// Whoever else looks for addresses sees by it that these are taken.
    _block: UdpSocket,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Leases(Arc<Mutex<Vec<Arc<ScriptedLease>>>>);

impl Leases {
    pub(crate) fn all(&self) -> Vec<Arc<ScriptedLease>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn last(&self) -> Arc<ScriptedLease> {
        self.all().pop().expect("a mesh was leased")
    }
}

/// The scripted backend, which shows its leases.
struct Shown {
    inner: ScriptedBackend,
    leases: Leases,
    started: Arc<Mutex<Vec<MeshSpec>>>,
    ends_at_once: Option<(&'static str, Container, i32)>,
    is_frozen: Option<(&'static str, Container)>,
}

#[async_trait]
impl Backend for Shown {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn lease(&self, mesh: &MeshSpec) -> Result<Arc<dyn Lease>, RuntimeError> {
        let lease = self.inner.scripted_lease(mesh).await?;
        self.started.lock().expect("nobody panicked").push(mesh.clone());
        if let Some((pod, container, code)) = self.ends_at_once {
            lease.crash(pod, container, code)?;
        }
        if let Some((pod, container)) = self.is_frozen {
            assert!(lease.freeze(pod, container), "it lives");
        }
        self.leases
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Arc::clone(&lease));
        Ok(lease)
    }

    async fn attach(&self, run: &Ledger) -> Result<Arc<dyn Lease>, RuntimeError> {
        self.inner.attach(run).await
    }
}

impl Meshes for World {
    fn mesh(&self, name: &str) -> Result<&MeshSpec, Vec<String>> {
        self.meshes
            .get(name)
            .ok_or_else(|| self.meshes.keys().map(|name| (*name).to_owned()).collect())
    }

    fn overlay(&self, _: &str) -> Result<&Path, Vec<String>> {
        Err(Vec::new())
    }
}

impl World {
    pub(crate) fn new() -> Self {
        let (block, [a, b]) = take_block();
        let address = |last| IpAddr::V4(Ipv4Addr::new(127, a, b, last));
        let addresses: BTreeMap<&str, IpAddr> = PODS.into_iter().zip((1..).map(address)).collect();
        let script = addresses.iter().fold(Script::default(), |script, (pod, address)| {
            script.address(pod, *address)
        });
        Self {
            script,
            leases: Leases::default(),
            started: Arc::default(),
            registry: Registry::default(),
            ends_at_once: None,
            is_frozen: None,
            capabilities: Capabilities::all(),
            faults: Faults::default(),
            sharing: Sharing::Looks,
            behind: Arc::default(),
            addresses,
            meshes: meshes(),
            _block: block,
        }
    }

    /// A world with an application in the mesh `one` that answers every request with a word.
    pub(crate) async fn with_echo() -> Self {
        let world = Self::new();
        serve(
            world.socket("echo", Port::Application),
            application(|_| async { "Hello" }),
        )
        .await;
        world
    }

    /// A world with all that the mesh `shop` needs: a discovery service, and Envoys that follow it.
    pub(crate) async fn with_shop() -> (Self, BTreeMap<&'static str, FakeEnvoy>) {
        Self::with_shop_in_which("", |_| axum::Router::new()).await
    }

    /// The same, in which the application of `other` is another one.
    pub(crate) async fn with_shop_in_which(
        other: &str,
        its: impl Fn(&Registry) -> axum::Router,
    ) -> (Self, BTreeMap<&'static str, FakeEnvoy>) {
        let world = Self::new();
        let discovery = registry(&world.registry)
            .merge(clients(&world.behind))
            .merge(world.faults.routes("sds", "/faults"))
            .merge(world.faults.routes("discovery", "/xds/v3/faults"));
        serve(world.socket("sds", Port::Application), discovery).await;
        let mut envoys = BTreeMap::new();
        for pod in ["ingress", "echo-1", "echo-2", "echo-3"] {
            let envoy = FakeEnvoy::new(&world.registry);
            serve(world.socket(pod, Port::Admin), envoy.admin()).await;
            envoys.insert(pod, envoy);
        }
        for pod in ["echo-1", "echo-2", "echo-3"] {
            let usual = application(move |_| async move { ([("x-served-by", pod)], "Hello") })
                .merge(world.faults.routes(pod, "/faults"));
            let router = if pod == other { its(&world.registry) } else { usual };
            serve(world.socket(pod, Port::Application), router).await;
        }
        (world, envoys)
    }

    /// A mesh without a discovery service: an edge with this configuration, called `ingress`, and an application, `echo`.
    pub(crate) fn add_mesh(&mut self, name: &'static str, envoy: PathBuf) {
        let group = |service: Option<Service>, envoy: Option<PathBuf>| GroupSpec {
            application: service.map(Into::into),
            envoy,
            overlays: Vec::new(),
            replicas: None,
            started: true,
            registered: false,
        };
        let groups = [
            ("ingress", group(None, Some(envoy))),
            ("echo", group(Some(Service::Echo), None)),
        ];
        let mesh = MeshSpec {
            name: name.to_owned(),
            groups: groups.map(|(name, group)| (name.to_owned(), group)).into(),
            envoy: None,
            certificates: None,
            alone: None,
            fixed: [].into(),
        };
        self.meshes.insert(name, mesh);
    }

    /// A mesh of one pod, `echo`, whose application is a program of a user's own.
    pub(crate) fn add_program(&mut self, name: &'static str, ready: Readiness) {
        let program = Program {
            place: "scenarios/meshes/own.yaml:3".to_owned(),
            command: vec!["server".to_owned()],
            image: None,
            env: Vec::new(),
            files: Vec::new(),
            ports: vec![Port::Application.number()],
            ready,
            is_control_plane: false,
        };
        let group = GroupSpec {
            application: Some(Application::Program(Box::new(program))),
            envoy: None,
            overlays: Vec::new(),
            replicas: None,
            started: true,
            registered: true,
        };
        let mesh = MeshSpec {
            name: name.to_owned(),
            groups: [("echo".to_owned(), group)].into(),
            envoy: None,
            certificates: None,
            alone: None,
            fixed: [].into(),
        };
        self.meshes.insert(name, mesh);
    }

    /// A world whose application answers those requests with a 500 of which `is_bad` says so, by their number, from 0.
    pub(crate) async fn bad_when(is_bad: impl Fn(usize) -> bool + Clone + Send + Sync + 'static) -> Self {
        let world = Self::new();
        let asked = Arc::new(AtomicUsize::new(0));
        let answer = move |_| {
            let is_bad = is_bad(asked.fetch_add(1, Ordering::Relaxed));
            async move {
                if is_bad {
                    StatusCode::INTERNAL_SERVER_ERROR
                } else {
                    StatusCode::OK
                }
            }
        };
        serve(world.socket("echo", Port::Application), application(answer)).await;
        world
    }

    pub(crate) fn socket(&self, pod: &str, port: Port) -> std::net::SocketAddr {
        (self.addresses[pod], port.number()).into()
    }

    /// A case on the mesh `one`, an application alone; the first step is in line 4.
    pub(crate) fn one(&self, id: &str, steps: &str) -> Case {
        self.case(id, &format!("promise: It answers.\nmesh: one\nsteps:\n{steps}"))
    }

    /// A case on the mesh `shop`; the first step is in line 4.
    pub(crate) fn shop(&self, id: &str, steps: &str) -> Case {
        self.case(id, &format!("promise: It answers.\nmesh: shop\nsteps:\n{steps}"))
    }

    pub(crate) fn case(&self, id: &str, text: &str) -> Case {
        let source = Source::new(format!("scenarios/{id}.yaml"), text);
        let case = Scenario::read(id, source, &SharedAxes::default())
            .and_then(|scenario| scenario.case(IndexMap::new(), self));
        case.unwrap_or_else(|wrong| {
            panic!(
                "{}",
                wrong
                    .iter()
                    .map(|wrong| wrong.render(false))
                    .collect::<Vec<_>>()
                    .join("\n")
            )
        })
    }

    pub(crate) async fn run(&self, cases: Vec<Case>) -> Ran {
        self.run_with(cases, options()).await
    }

    pub(crate) async fn run_with(&self, cases: Vec<Case>, options: RunOptions) -> Ran {
        self.run_until(cases, options, CancellationToken::new()).await
    }

    pub(crate) async fn run_until(&self, cases: Vec<Case>, options: RunOptions, cancel: CancellationToken) -> Ran {
        let inner = ScriptedBackend::new(self.script.clone()).with(self.capabilities.clone());
        let planner = Planner {
            capabilities: &inner.capabilities(),
            expected: &Expected::guessed("scripted"),
            sharing: self.sharing,
            order: Order::Written,
            jobs: 1,
        };
        let planned = planner.plan(cases);
        let backend = Arc::new(Shown {
            inner,
            leases: self.leases.clone(),
            started: Arc::clone(&self.started),
            ends_at_once: self.ends_at_once,
            is_frozen: self.is_frozen,
        });
        let mut events = Vec::new();
        let run = meshkat_engine::run(planned, backend, options, cancel, |event| {
            // When a second is over is not told by what is done.
            if !matches!(event, Event::Machine { .. }) {
                events.push(event);
            }
        });
        let summary = tokio::time::timeout(DEADLINE, run).await.expect("the run ends in time");
        Ran { events, summary }
    }

    /// What the backend was asked to do to the meshes, without their begin and end.
    pub(crate) fn changes(&self) -> Vec<Call> {
        let calls = self.script.calls().into_iter();
        calls
            .filter(|call| !matches!(call, Call::Lease(_) | Call::Release))
            .collect()
    }

    /// How often a mesh was started, and how often one was given back.
    pub(crate) fn leased_and_released(&self) -> (usize, usize) {
        let calls = self.script.calls();
        let leased = calls.iter().filter(|call| matches!(call, Call::Lease(_))).count();
        let released = calls.iter().filter(|call| matches!(call, Call::Release)).count();
        (leased, released)
    }
}

/// One job, no retries, no evidence.
pub(crate) fn options() -> RunOptions {
    RunOptions {
        info: RunInfo {
            id: "run-1".to_owned(),
            seed: 7,
            started: "2026-01-01T00:00:00Z".to_owned(),
            duration_ms: 0,
            runtime: "scripted".to_owned(),
            meshkat: "0.1.0".to_owned(),
            envoy: Vec::new(),
            coverage: "full".to_owned(),
            shard: None,
            rounds: None,
            stress: None,
            interrupted: false,
        },
        jobs: Jobs::Exactly(1),
        retries: 0,
        fail_fast: false,
        keep: Keep::Never,
        ready_within: DEADLINE,
        repaired_within: DEADLINE,
        program: "meshkat".to_owned(),
        reproduce: " --seed 7".to_owned(),
        is_measured: false,
        culprit: CulpritOptions::default(),
    }
}

/// `one` is an application alone; `shop` has a discovery service, an edge and two applications with their Envoys.
fn meshes() -> IndexMap<&'static str, MeshSpec> {
    let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../envoy-configs");
    let group = |service: Option<Service>, envoy: Option<&str>, replicas| GroupSpec {
        application: service.map(Into::into),
        envoy: envoy.map(|file| configs.join(file)),
        overlays: Vec::new(),
        replicas,
        started: true,
        registered: envoy.is_some() && service.is_some(),
    };
    let mesh = |name: &str, groups: Vec<(&str, GroupSpec)>| MeshSpec {
        name: name.to_owned(),
        groups: groups
            .into_iter()
            .map(|(name, group)| (name.to_owned(), group))
            .collect(),
        envoy: None,
        certificates: None,
        alone: None,
        fixed: [].into(),
    };
    let echo = group(Some(Service::Echo), None, None);
    let shop = vec![
        ("sds", group(Some(Service::Sds), None, None)),
        ("ingress", group(None, Some("ingress.yaml"), None)),
        ("echo", group(Some(Service::Echo), Some("echo.yaml"), Some(2))),
    ];
    IndexMap::from([("one", mesh("one", vec![("echo", echo)])), ("shop", mesh("shop", shop))])
}

/// A block of addresses that nobody else has, outside of those in which real meshes run.
fn take_block() -> (UdpSocket, [u8; 2]) {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let start = std::process::id().wrapping_mul(0x9E37_79B1) >> 8;
    for _ in 0..1000 {
        let number = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let [.., high, low] = number.to_be_bytes();
        let block = [128 + high % 96, low];
        if let Ok(lock) = UdpSocket::bind((Ipv4Addr::new(127, block[0], block[1], 255), 10098)) {
            return (lock, block);
        }
    }
    panic!("no block of loopback addresses is free")
}
