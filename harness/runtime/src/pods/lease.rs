//! A running mesh, whatever runs it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures::future::{join_all, try_join, try_join_all};
use meshkat_model::mesh::{Application, Container, MeshSpec};
use tokio::sync::watch;

use super::address::{PodAddress, PodName, hosts};
use super::bootstraps::Bootstraps;
use super::control::{self, Control};
use super::drain::drain;
use super::driver::Driver;
use super::entries::{Entries, PodEntry};
use super::handle::{ContainerHandle, Shared, each};
use super::partition::Partition;
use super::programs;
use super::release::Release;
use crate::error::failed;
use crate::run::LeaseId;
use crate::run::begun::Begun;
use crate::run::by_hand::done_by_hand;
use crate::run::folder::{RunFolder, certificates};
use crate::run::ledger::{Ledger, LedgerFile};
use crate::run::owner;
use crate::run::token::{Token, read_authorization};
use crate::{ContainerState, Lease, NetworkFault, Pod, Released, RuntimeError, Target, Usage};

type Entry<D> = Arc<PodEntry<<D as Driver>::Container>>;
type Handles<D> = Vec<Arc<ContainerHandle<<D as Driver>::Container>>>;

/// A mesh that runs. The one that has brought it up holds it: dropping that without a release removes what runs and its folder
/// all the same. Any other lease of it was attached, and nothing ends with it.
#[derive(Debug)]
pub struct PodLease<D: Driver> {
    id: LeaseId,
    driver: D,
    shared: Arc<Shared>,
    entries: Mutex<Entries<D::Container>>,
    /// The run's folder.
    folder: PathBuf,
    authorization: Option<String>,
    /// How long a container may take to stop before it is killed, and a removed pod to finish what is in flight.
    grace: Duration,
    held: Result<Held, Ledger>,
}

/// A mesh that is to be brought up.
#[derive(Debug)]
pub struct NewMesh {
    /// Who is in it.
    pub mesh: MeshSpec,
    /// The configurations of its Envoys.
    pub bootstraps: Bootstraps,
    /// What its applications ask for.
    pub token: Token,
    /// What the ledger tells of its addresses, as `127.64.3.0/24`.
    pub block: String,
    /// Where its folder goes when the release names no other place; none is nowhere.
    pub keep: Option<PathBuf>,
    /// How long a container may take to stop before it is killed, and a removed pod to finish what is in flight.
    pub grace: Duration,
}

/// What only the one has that has brought the mesh up.
#[derive(Debug)]
struct Held {
    mesh: MeshSpec,
    bootstraps: Bootstraps,
    folder: Arc<RunFolder>,
    ledger: Arc<LedgerFile>,
    /// Where the folder goes when the release names no other place; none is nowhere.
    keep: Option<PathBuf>,
    /// Answers others.
    control: OnceLock<Control>,
    release: tokio::sync::Mutex<Release>,
}

impl<D: Driver> PodLease<D> {
    /// Brings a mesh up: gives all pods their places and networks, and starts those that run from the start.
    ///
    /// # Errors
    /// The mesh does not start. Whatever was started by then is gone again.
    pub async fn start(begun: Begun, driver: D, new: NewMesh) -> Result<Arc<Self>, RuntimeError> {
        let lease = Arc::new(Self {
            id: begun.id,
            driver,
            shared: Arc::default(),
            entries: Mutex::default(),
            folder: begun.folder.path().to_owned(),
            authorization: Some(new.token.authorization().to_owned()),
            grace: new.grace,
            held: Ok(Held {
                mesh: new.mesh,
                bootstraps: new.bootstraps,
                folder: begun.folder,
                ledger: begun.ledger,
                keep: new.keep,
                control: OnceLock::new(),
                release: tokio::sync::Mutex::default(),
            }),
        });
        match lease.bring_up(lease.held("start")?, &new.token, new.block).await {
            Ok(()) => {
                let served: Arc<dyn Lease> = Arc::clone(&lease) as _;
                match Control::serve(&served, &lease.folder) {
                    Ok(control) => drop(lease.held("start")?.control.set(control)),
                    // Such as where the name of the folder is longer than that of a socket can be.
                    Err(error) => tracing::warn!(%error, "`meshkat fault start` will not work on this mesh"),
                }
                Ok(lease)
            }
            Err(error) => {
                if let Err(also) = lease.release(None).await {
                    tracing::warn!(id = %lease.id, %also, "failed to clean up after a mesh that did not start");
                }
                Err(error)
            }
        }
    }

    async fn bring_up(&self, held: &Held, token: &Token, block: String) -> Result<(), RuntimeError> {
        token.write(&self.folder)?;
        let path = held.folder.ledger();
        held.ledger.set_block(block).map_err(failed("write", &path))?;
        if let Some(certificates) = &held.mesh.certificates {
            programs::write_certificates(certificates, &self.folder, held.bootstraps.are_private())?;
        }
        let mut places = Vec::new();
        for pod in PodName::initial(&held.mesh, &held.bootstraps)? {
            places.push(self.place(pod).await?);
        }
        for place in &places {
            let entry = self.entry(held, place.clone(), &places)?;
            self.entries().insert(Arc::new(entry));
        }
        self.note(held)?;
        self.start_all(held).await?;
        // With where their ports are.
        self.note(held)
    }

    /// Takes part in a mesh that another process holds.
    ///
    /// # Errors
    /// What its ledger lists is not proven to be its own, or cannot be looked at.
    pub async fn attach(driver: D, ledger: &Ledger, folder: PathBuf, grace: Duration) -> Result<Self, RuntimeError> {
        let shared: Arc<Shared> = Arc::default();
        let mut entries = Entries::default();
        for (index, pod) in ledger.pods.iter().enumerate() {
            let at = pod.address(driver.loopback(), index)?;
            let handle = |container| {
                let target = Target::container(&at.name, container);
                let is_there = pod.containers.contains(&container);
                is_there.then(|| ContainerHandle::new(target, driver.made(&at, container), Arc::clone(&shared)))
            };
            let (application, envoy) = (handle(Container::Application), handle(Container::Envoy));
            let entry = PodEntry {
                at,
                application,
                envoy,
                published: pod.published.clone().into(),
                leaving: tokio::sync::Mutex::default(),
            };
            entries.insert(Arc::new(entry));
        }
        let looks = entries.all_containers().into_iter();
        try_join_all(looks.map(async |handle| handle.look().await)).await?;
        Ok(Self {
            id: ledger.id.clone(),
            driver,
            shared,
            entries: Mutex::new(entries),
            authorization: read_authorization(&folder).ok(),
            folder,
            grace,
            held: Err(ledger.clone()),
        })
    }

    /// What only the one has that has brought the mesh up.
    fn held(&self, action: &'static str) -> Result<&Held, RuntimeError> {
        self.held.as_ref().map_err(|ledger| RuntimeError::NotHeld {
            action,
            holder: ledger.owner.pid,
            source: None,
        })
    }

    /// Gives a pod its place.
    async fn place(&self, pod: PodName) -> Result<PodAddress, RuntimeError> {
        let address = self.driver.place(&pod).await?;
        Ok(pod.at(address, self.driver.loopback()))
    }

    /// A pod at its place, not started; `known` are all that its configuration may name.
    fn entry<'a>(
        &self,
        held: &Held,
        at: PodAddress,
        known: impl IntoIterator<Item = &'a PodAddress>,
    ) -> Result<PodEntry<D::Container>, RuntimeError> {
        let spec = held
            .mesh
            .groups
            .get(&at.group)
            .ok_or_else(|| RuntimeError::UnknownGroup {
                group: at.group.clone(),
            })?;
        let handle = |container, made| {
            ContainerHandle::new(Target::container(&at.name, container), made, Arc::clone(&self.shared))
        };
        let known: Vec<&PodAddress> = known.into_iter().collect();
        if let Some(program) = spec.program() {
            let folder = held.folder.program(&at.name);
            let pods = programs::pods(&held.mesh, known.iter().copied());
            programs::write(program, &folder, &pods, held.bootstraps.are_private())?;
        }
        let application = spec.application.as_ref().map(|application| {
            let made = self.driver.application(&at, application);
            handle(Container::Application, made)
        });
        let hosts = hosts(&held.mesh, &held.bootstraps, known);
        let rebind = self.driver.rebind(&at, hosts);
        let configuration = held.bootstraps.write(spec, &rebind, &held.folder)?;
        let envoy = configuration.map(|configuration| {
            let made = self.driver.envoy(&at, &configuration);
            handle(Container::Envoy, made)
        });
        Ok(PodEntry {
            at,
            application,
            envoy,
            published: OnceLock::new(),
            leaving: tokio::sync::Mutex::default(),
        })
    }

    /// Starts every pod of a group that is to run from the start: all at the same time, but none before the discovery service
    /// or a control plane of one's own, which Envoys ask as soon as they run. All pods have their networks, as those have that are started later.
    async fn start_all(&self, held: &Held) -> Result<(), RuntimeError> {
        let entries = self.entries().all().to_vec();
        let spec = |entry: &Entry<D>| held.mesh.groups.get(&entry.at.group);
        let starting = entries
            .iter()
            .filter(|entry| spec(entry).is_some_and(|group| group.started));
        let is_first = |entry: &&Entry<D>| {
            let application = spec(entry).and_then(|group| group.application.as_ref());
            application.is_some_and(Application::is_control_plane)
        };
        let (control_planes, others): (Vec<_>, Vec<_>) = starting.partition(is_first);
        let containers = |entries: &[&Entry<D>]| -> Handles<D> {
            entries.iter().flat_map(|entry| entry.containers()).cloned().collect()
        };
        let (first, then) = (containers(&control_planes), containers(&others));
        let networks = try_join_all(entries.iter().map(|entry| self.connect(entry)));
        let begin = async {
            each(first, async |container| container.start().await).await?;
            each(then, async |container| container.start().await).await
        };
        try_join(networks, begin).await.map(drop)
    }

    /// Sees to it that a pod has its network.
    async fn connect(&self, entry: &Entry<D>) -> Result<(), RuntimeError> {
        let published = {
            let _making = self.shared.making().await?;
            self.driver.connect(&entry.at).await?
        };
        // Who came first has seen the same.
        let _ = entry.published.set(published);
        Ok(())
    }

    fn entries(&self) -> MutexGuard<'_, Entries<D::Container>> {
        // Nothing that can panic leaves the list half changed.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes who is in the mesh to the ledger.
    fn note(&self, held: &Held) -> Result<(), RuntimeError> {
        let pods = self.entries().listed();
        held.ledger
            .set_pods(pods)
            .map_err(failed("write", &held.folder.ledger()))
    }

    /// The containers that a target means.
    fn containers(&self, target: &Target) -> Result<Handles<D>, RuntimeError> {
        self.shared.check_open()?;
        self.entries().containers(target)
    }

    /// Those of them that live.
    fn living(&self, action: &'static str, target: &Target) -> Result<Handles<D>, RuntimeError> {
        self.shared.check_open()?;
        self.entries().living(action, target)
    }

    /// Adds a pod, not started.
    async fn join(&self, held: &Held, pod: PodName) -> Result<Entry<D>, RuntimeError> {
        let at = self.place(pod).await?;
        let known: Vec<PodAddress> = self.entries().meant().cloned().collect();
        match self.entry(held, at.clone(), &known) {
            Ok(entry) => {
                let entry = Arc::new(entry);
                self.entries().insert(Arc::clone(&entry));
                Ok(entry)
            }
            Err(error) => {
                if let Err(also) = self.driver.remove(&at).await {
                    tracing::warn!(pod = at.name, %also, "failed to take back a pod that cannot be made");
                }
                Err(error)
            }
        }
    }

    /// Ends a pod's containers for good and forgets the pod.
    async fn leave(&self, held: &Held, entry: &Entry<D>) -> Result<(), RuntimeError> {
        for container in entry.containers() {
            container.retire().await;
        }
        // The application first: what it is about may need the Envoy.
        let mut stopped = Ok(());
        for container in entry.containers() {
            stopped = stopped.and(container.stop(self.grace).await);
        }
        // What could not be ended stays a pod of the mesh, and can be ended again.
        stopped?;
        each(entry.containers().cloned(), async |container| container.discard().await).await?;
        if let Ok(network) = self.network().await? {
            network.forget(&entry.at.name)?;
        }
        self.driver.remove(&entry.at).await?;
        self.entries().forget(entry);
        self.shared.changed();
        held.folder.remove_configuration(&entry.at.name)?;
        self.note(held)
    }

    /// Ends everything at once: nothing of a mesh that is given back has anything to finish.
    async fn end_all(&self) -> Result<(), RuntimeError> {
        self.shared.close().await;
        let containers = self.entries().all_containers();
        for container in &containers {
            container.expect_end();
        }
        let kill = each(containers, async |container| container.kill().await);
        self.driver.end_all(Box::pin(kill)).await
    }

    /// What would be seen if a container ended by itself.
    pub(crate) fn crash(&self, target: &Target, code: i32) -> Result<(), RuntimeError> {
        for container in self.entries().containers(target)? {
            container.set(ContainerState::Exited {
                code: Some(code),
                signal: None,
                expected: false,
            });
        }
        Ok(())
    }

    /// One's turn with the network; or why the runtime leaves it alone.
    async fn network(&self) -> Result<Result<Partition<'_>, &'static str>, RuntimeError> {
        self.shared.check_open()?;
        let network = match self.driver.network() {
            Ok(network) => network,
            Err(reason) => return Ok(Err(reason)),
        };
        let named = |entry: &Entry<D>| (entry.at.name.clone(), entry.at.clone());
        let pods: BTreeMap<String, PodAddress> = self.entries().all().iter().map(named).collect();
        Partition::open(network, pods, &self.folder).await.map(Ok)
    }
}

#[async_trait]
impl<D: Driver> Lease for PodLease<D> {
    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn authorization(&self) -> Option<&str> {
        self.authorization.as_deref()
    }

    fn pods(&self) -> Vec<Pod> {
        self.entries().pods()
    }

    async fn look_again(&self) {
        let containers = self.entries().all_containers().into_iter();
        join_all(containers.map(async |container| container.look_again().await)).await;
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes()
    }

    async fn add(&self, group: &str) -> Result<Pod, RuntimeError> {
        let held = self.held("add a pod")?;
        self.shared.check_open()?;
        let pod = {
            let mut entries = self.entries();
            let pod = PodName::next(&held.mesh, group, &held.bootstraps, |name| entries.is_taken(name))?;
            entries.expect(group, &pod.name);
            pod
        };
        let name = pod.name.clone();
        let joined = self.join(held, pod).await;
        self.entries().expect_no_more(&name);
        let entry = joined?;
        self.shared.changed();
        let started = async {
            self.note(held)?;
            self.connect(&entry).await?;
            each(entry.containers().cloned(), async |container| container.start().await).await
        };
        match started.await {
            Ok(()) => Ok(entry.pod()),
            Err(error) => {
                if let Err(also) = self.leave(held, &entry).await {
                    tracing::warn!(pod = entry.at.name, %also, "failed to take back a pod that did not start");
                }
                Err(error)
            }
        }
    }

    async fn remove(&self, pod: &str) -> Result<(), RuntimeError> {
        let held = self.held("remove a pod")?;
        self.shared.check_open()?;
        let entry = self.entries().get(pod)?;
        let _leaving = entry.leaving.lock().await;
        // Who waited for another removal finds the pod gone, or a new one of the same name.
        if !Arc::ptr_eq(&entry, &self.entries().get(pod)?) {
            return Err(RuntimeError::UnknownPod { pod: pod.to_owned() });
        }
        drain(&entry.pod(), self.grace).await;
        self.leave(held, &entry).await
    }

    async fn start(&self, target: &Target) -> Result<(), RuntimeError> {
        let containers = self.containers(target)?;
        if let Err(ledger) = &self.held {
            let not_held = |source| RuntimeError::NotHeld {
                action: "start a container",
                holder: ledger.owner.pid,
                source: Some(source),
            };
            return control::start(&self.folder, target).await.map_err(not_held)?;
        }
        let entry = self.entries().get(&target.pod)?;
        self.connect(&entry).await?;
        each(containers, async |container| container.start().await).await
    }

    async fn stop(&self, target: &Target) -> Result<(), RuntimeError> {
        each(self.containers(target)?, async |container| {
            container.stop(self.grace).await
        })
        .await
    }

    async fn kill(&self, target: &Target) -> Result<(), RuntimeError> {
        each(self.containers(target)?, async |container| container.kill().await).await
    }

    async fn pause(&self, target: &Target) -> Result<(), RuntimeError> {
        let living = self.living("pause", target)?;
        each(living, async |container| container.pause().await).await
    }

    async fn resume(&self, target: &Target) -> Result<(), RuntimeError> {
        let living = self.living("resume", target)?;
        each(living, async |container| container.resume().await).await
    }

    async fn name(&self, group: &str, pods: &[String]) -> Result<(), RuntimeError> {
        let held = self.held("change what a name means")?;
        self.shared.check_open()?;
        let mut entries = self.entries();
        entries.name(group, pods);
        let hosts = hosts(&held.mesh, &held.bootstraps, entries.meant());
        let known = programs::pods(&held.mesh, entries.meant());
        for entry in entries.all() {
            if let Some(spec) = held.mesh.groups.get(&entry.at.group) {
                if spec.program().is_some() {
                    let folder = held.folder.program(&entry.at.name);
                    programs::follow(&folder, &known, held.bootstraps.are_private())?;
                }
                let rebind = self.driver.rebind(&entry.at, hosts.clone());
                held.bootstraps.follow(spec, &rebind, &held.folder)?;
            }
        }
        Ok(())
    }

    async fn forget(&self, pod: &str) -> Result<(), RuntimeError> {
        let target = Target::container(pod, Container::Application);
        each(self.containers(&target)?, async |container| container.discard().await).await
    }

    async fn harm_network(&self, pod: &str, peers: &[String], fault: NetworkFault) -> Result<(), RuntimeError> {
        match self.network().await? {
            Ok(network) => network.harm(pod, peers, fault).await,
            Err(reason) => Err(RuntimeError::Unsupported {
                capability: fault.needs(),
                reason: reason.to_owned(),
            }),
        }
    }

    async fn heal_network(&self, pod: &str) -> Result<(), RuntimeError> {
        match self.network().await? {
            Ok(network) => network.heal(pod).await,
            Err(_) => Ok(()),
        }
    }

    async fn log(&self, pod: &str, container: Container, tail_bytes: usize) -> Result<String, RuntimeError> {
        let meant = self.entries().containers(&Target::container(pod, container))?;
        match meant.first() {
            Some(container) => container.log(tail_bytes).await,
            None => Ok(String::new()),
        }
    }

    async fn log_since(&self, pod: &str, container: Container, from: u64) -> Result<(Vec<u8>, u64), RuntimeError> {
        let meant = self.entries().containers(&Target::container(pod, container))?;
        match meant.first() {
            Some(container) => container.log_since(from).await,
            None => Ok((Vec::new(), 0)),
        }
    }

    async fn usage(&self, pod: &str, container: Container) -> Option<Usage> {
        let meant = self.entries().containers(&Target::container(pod, container)).ok()?;
        meant.first()?.usage().await
    }

    fn certificates(&self) -> Option<PathBuf> {
        certificates(&self.folder)
    }

    fn done_by_hand(&self) -> Vec<String> {
        done_by_hand(&self.folder)
    }

    async fn release(&self, keep: Option<&Path>) -> Result<Released, RuntimeError> {
        let held = match &self.held {
            Ok(held) => held,
            Err(ledger) => {
                owner::end(ledger, &self.folder).await?;
                return Ok(Released::default());
            }
        };
        let keep = keep.map(Path::to_owned).or_else(|| held.keep.clone());
        let mut release = held.release.lock().await;
        release.go_on(self.end_all(), held.folder.put_away(keep)).await
    }
}

impl<D: Driver> Drop for PodLease<D> {
    fn drop(&mut self) {
        let Ok(held) = &mut self.held else { return };
        if held.release.get_mut().is_through() {
            return;
        }
        self.shared.close_now();
        for container in self.entries().all_containers() {
            container.kill_now();
        }
        self.driver.abandon();
    }
}
