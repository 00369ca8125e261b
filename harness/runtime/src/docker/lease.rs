//! A running mesh of containers.

use std::collections::{BTreeMap, HashMap};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use async_trait::async_trait;
use futures::future::{join_all, try_join, try_join_all};
use meshkat_envoy::config::{Hosts, Rebind};
use meshkat_model::mesh::{Container, MeshSpec, Service};
use tokio::sync::{RwLock, watch};

use super::backend::Core;
use super::cut::{Cuts, Node};
use super::image::Images;
use super::labels;
use super::launch::{FILES, Launcher};
use super::reach::Reach;
use super::remove;
use super::sandbox::Sandbox;
use super::slot::{Shared, Slot};
use super::subnets::Subnet;
use crate::pods::addresses::Addresses;
use crate::pods::bootstraps::Bootstraps;
use crate::pods::drain::drain;
use crate::pods::members::{Member, Members, Place, Places, each};
use crate::pods::release::Release;
use crate::run::LeaseId;
use crate::run::by_hand::done_by_hand;
use crate::run::folder::{RunFolder, failed, kept_folder};
use crate::run::ledger::{LedgerFile, RuntimeName};
use crate::run::log::tail;
use crate::run::token::Token;
use crate::{Lease, NetworkFault, Pod, Released, RuntimeError, Target};

/// The addresses of a network that pods have: the first is the daemon's, and the last is for all.
const PODS: (u8, u8) = (2, 254);

/// A mesh of containers. Dropping it without a release removes its containers and its folder all the same, and waits for that.
#[derive(Debug)]
pub(super) struct DockerLease {
    mesh: MeshSpec,
    core: Arc<Core>,
    launcher: Launcher,
    folder: Arc<RunFolder>,
    bootstraps: Bootstraps,
    shared: Arc<Shared>,
    members: Mutex<Members<Slot>>,
    sandboxes: Mutex<HashMap<String, Arc<Sandbox>>>,
    cuts: tokio::sync::Mutex<Cuts>,
    release: tokio::sync::Mutex<Release>,
}

impl DockerLease {
    /// Makes the mesh's folder and network, and starts its pods.
    pub(super) async fn start(
        core: Arc<Core>,
        images: Images,
        reach: Reach,
        run: LeaseId,
        mesh: MeshSpec,
    ) -> Result<Self, RuntimeError> {
        let lease = Self::prepare(core, images, reach, run, mesh).await?;
        match lease.start_all().await {
            Ok(()) => Ok(lease),
            Err(error) => {
                if let Err(also) = lease.release(None).await {
                    tracing::warn!(id = lease.id(), %also, "failed to clean up after a mesh that did not start");
                }
                Err(error)
            }
        }
    }

    /// Everything but the containers.
    async fn prepare(
        core: Arc<Core>,
        images: Images,
        reach: Reach,
        run: LeaseId,
        mesh: MeshSpec,
    ) -> Result<Self, RuntimeError> {
        let bootstraps = Bootstraps::read(&mesh, false)?;
        let state_dir = &core.options.state_dir;
        let folder = Arc::new(RunFolder::create(state_dir, &run)?);
        let path = folder.ledger();
        // Before there is anything to remove.
        let ledger = LedgerFile::create(
            path.clone(),
            RuntimeName::Docker,
            &run,
            &mesh.name,
            core.owner.identity.clone(),
            String::new(),
        )
        .map_err(failed("write", &path))?;
        let token = Token::new()?;
        token.write(folder.path())?;
        let labels = labels::of_run(&run, state_dir);
        let subnet: Subnet = core.options.subnets.create(&core.docker, &run, labels).await?;
        let shared = Arc::new(Shared {
            docker: core.docker.clone(),
            ledger,
            changes: watch::Sender::new(0),
            released: RwLock::new(false),
        });
        let mut members = Members::new(Places::new(
            Addresses::new(subnet.0, PODS.0, PODS.1),
            Some(Ipv4Addr::LOCALHOST.into()),
            &mesh,
            &bootstraps,
        ));
        let launcher = Launcher {
            run,
            images,
            reach,
            state_dir: state_dir.clone(),
            token,
        };
        let places = members.initial(&mesh);
        let lease = Self {
            mesh,
            launcher,
            folder,
            bootstraps,
            shared,
            members: Mutex::new(members),
            sandboxes: Mutex::default(),
            cuts: tokio::sync::Mutex::default(),
            release: tokio::sync::Mutex::default(),
            core,
        };
        let made = lease.make_members(places, subnet);
        match made {
            Ok(()) => Ok(lease),
            Err(error) => {
                if let Err(also) = lease.release(None).await {
                    tracing::warn!(id = lease.id(), %also, "failed to clean up after a mesh that cannot be made");
                }
                Err(error)
            }
        }
    }

    fn make_members(&self, places: Result<Vec<Place>, RuntimeError>, subnet: Subnet) -> Result<(), RuntimeError> {
        let places = places?;
        self.shared
            .ledger
            .set_block(subnet.to_string())
            .map_err(failed("write", &self.folder.ledger()))?;
        for place in &places {
            let hosts = self.members().hosts_of(&self.mesh, &places);
            let member = self.member(place.clone(), hosts)?;
            self.members().insert(Arc::new(member));
        }
        self.note_members()
    }

    /// A pod at a place, not started; `hosts` are all that its configuration may name.
    fn member(&self, place: Place, hosts: Hosts) -> Result<Member<Slot>, RuntimeError> {
        let options = &self.core.options;
        let unknown = || RuntimeError::UnknownGroup {
            group: place.group.clone(),
        };
        let spec = self.mesh.groups.get(&place.group).ok_or_else(unknown)?;
        let sandbox = Arc::new(Sandbox::new(self.shared.docker.clone(), self.launcher.sandbox(&place)));
        self.sandboxes().insert(place.name.clone(), Arc::clone(&sandbox));
        let slot = |container, launch| {
            Slot::new(
                &place.name,
                container,
                launch,
                Arc::clone(&sandbox),
                Arc::clone(&self.shared),
            )
        };
        let application = spec.service.map(|service| {
            let launch = self.launcher.application(&self.folder, &place, service);
            slot(Container::Application, launch)
        });
        let rebind = rebind(&place, hosts);
        let configuration = self.bootstraps.write(spec, &rebind, &self.folder)?;
        let envoy = configuration.map(|configuration| {
            let launch = self.launcher.envoy(options, &self.folder, &place, &configuration);
            slot(Container::Envoy, launch)
        });
        Ok(Member {
            place,
            application,
            envoy,
            published: OnceLock::new(),
            leaving: tokio::sync::Mutex::new(()),
        })
    }

    /// Starts every pod of a group that is to run from the start: all at the same time, but no Envoy before the discovery
    /// service, which it asks as soon as it runs. All pods have their networks, as those have that are started later.
    async fn start_all(&self) -> Result<(), RuntimeError> {
        let members = self.members().all().to_vec();
        let spec = |member: &Member<Slot>| self.mesh.groups.get(&member.place.group);
        let is_started = |member: &&Arc<Member<Slot>>| spec(member).is_some_and(|group| group.started);
        let is_sds = |member: &Member<Slot>| spec(member).and_then(|group| group.service) == Some(Service::Sds);
        let (sds, others): (Vec<_>, Vec<_>) = members.iter().filter(is_started).partition(|member| is_sds(member));
        let slots = |members: &[&Arc<Member<Slot>>]| -> Vec<Arc<Slot>> {
            members.iter().flat_map(|member| member.slots()).cloned().collect()
        };
        let (first, then) = (slots(&sds), slots(&others));
        let networks = try_join_all(members.iter().map(|member| self.network_up(member)));
        let begin = async {
            each(first, async |slot| slot.start().await).await?;
            each(then, async |slot| slot.start().await).await
        };
        try_join(networks, begin).await?;
        // With where their ports are.
        self.note_members()
    }

    /// Sees to it that a pod has its network.
    async fn network_up(&self, member: &Member<Slot>) -> Result<(), RuntimeError> {
        let sandbox = self.sandbox(&member.place.name)?;
        {
            let released = self.shared.released.read().await;
            if *released {
                return Err(RuntimeError::Released);
            }
            sandbox.up().await?;
        }
        if self.launcher.reach == Reach::Published {
            let published = sandbox.published(&member.place.ports).await?;
            // Who came first has seen the same.
            let _ = member.published.set(published);
        }
        Ok(())
    }

    fn members(&self) -> MutexGuard<'_, Members<Slot>> {
        // Nothing that can panic leaves the list half changed.
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sandboxes(&self) -> MutexGuard<'_, HashMap<String, Arc<Sandbox>>> {
        self.sandboxes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sandbox(&self, pod: &str) -> Result<Arc<Sandbox>, RuntimeError> {
        let found = self.sandboxes().get(pod).cloned();
        found.ok_or_else(|| RuntimeError::UnknownPod { pod: pod.to_owned() })
    }

    /// All pods, as the network has them.
    fn nodes(&self) -> BTreeMap<String, Node> {
        let places: Vec<Place> = self.members().all().iter().map(|member| member.place.clone()).collect();
        let sandboxes = self.sandboxes();
        let nodes = places.into_iter().filter_map(|place| {
            let sandbox = Arc::clone(sandboxes.get(&place.name)?);
            let address = place.address;
            Some((place.name, Node { address, sandbox }))
        });
        nodes.collect()
    }

    /// Writes who is in the mesh to the ledger.
    fn note_members(&self) -> Result<(), RuntimeError> {
        let pods = self.members().listed();
        self.shared
            .ledger
            .set_pods(pods)
            .map_err(failed("write", &self.folder.ledger()))
    }

    async fn check_open(&self) -> Result<(), RuntimeError> {
        if *self.shared.released.read().await {
            Err(RuntimeError::Released)
        } else {
            Ok(())
        }
    }

    /// The containers that a target means.
    async fn slots(&self, target: &Target) -> Result<Vec<Arc<Slot>>, RuntimeError> {
        self.check_open().await?;
        self.members().slots(target)
    }

    /// Adds a pod, not started.
    fn join(&self, group: &str) -> Result<Arc<Member<Slot>>, RuntimeError> {
        self.members()
            .join(&self.mesh, group, |place, hosts| self.member(place, hosts))
    }

    /// Ends a pod's containers for good and forgets the pod.
    async fn leave(&self, member: &Arc<Member<Slot>>) -> Result<(), RuntimeError> {
        let pod = &member.place.name;
        join_all(member.slots().map(|slot| slot.retire())).await;
        // The application first: what it is about may need the Envoy.
        let mut stopped = Ok(());
        for slot in member.slots() {
            stopped = stopped.and(slot.stop(self.core.options.grace).await);
        }
        let removed = each(member.slots().cloned(), async |slot| slot.discard().await).await;
        self.cuts.lock().await.forget(pod);
        // What could not be ended stays a pod of the mesh, with its sandbox, and can be ended again.
        stopped.and(removed)?;
        let sandbox = self.sandbox(pod)?;
        remove::container(&self.shared.docker, sandbox.name()).await?;
        self.sandboxes().remove(pod);
        self.members().forget(member);
        self.shared.changed();
        self.folder.remove_configuration(pod)?;
        self.note_members()
    }

    /// Removes everything from Docker: nothing of a mesh that is given back has anything to finish.
    async fn end_all(&self) -> Result<(), RuntimeError> {
        // What was being made is made when this is had; nothing will be after that.
        *self.shared.released.write().await = true;
        for slot in self.members().all().iter().flat_map(|member| member.slots()) {
            slot.end();
        }
        remove::run(&self.shared.docker, &self.launcher.run).await.map(drop)
    }
}

/// How a pod's configuration is made.
fn rebind(place: &Place, hosts: Hosts) -> Rebind {
    Rebind {
        // It has a network of its own, as the file expects.
        address: None,
        node_id: place.name.clone(),
        group: place.group.clone(),
        hosts,
        ports: place.ports.clone(),
        folder: Some(FILES.into()),
        carried: Some(FILES.into()),
    }
}

#[async_trait]
impl Lease for DockerLease {
    fn id(&self) -> &str {
        self.launcher.run.as_str()
    }

    fn authorization(&self) -> Option<&str> {
        Some(self.launcher.token.authorization())
    }

    fn pods(&self) -> Vec<Pod> {
        self.members().pods()
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }

    async fn add(&self, group: &str) -> Result<Pod, RuntimeError> {
        self.check_open().await?;
        let member = self.join(group)?;
        self.shared.changed();
        let started = async {
            self.note_members()?;
            self.network_up(&member).await?;
            each(member.slots().cloned(), async |slot| slot.start().await).await
        };
        match started.await {
            Ok(()) => Ok(member.pod()),
            Err(error) => {
                if let Err(also) = self.leave(&member).await {
                    tracing::warn!(pod = member.place.name, %also, "failed to take back a pod that did not start");
                }
                Err(error)
            }
        }
    }

    async fn remove(&self, pod: &str) -> Result<(), RuntimeError> {
        self.check_open().await?;
        let member = self.members().get(pod)?;
        let _leaving = member.leaving.lock().await;
        // Who waited for another removal finds the pod gone, or a new one of the same name.
        if !Arc::ptr_eq(&member, &self.members().get(pod)?) {
            return Err(RuntimeError::UnknownPod { pod: pod.to_owned() });
        }
        drain(&member.pod(), self.core.options.grace).await;
        self.leave(&member).await
    }

    async fn start(&self, target: &Target) -> Result<(), RuntimeError> {
        let member = self.members().get(&target.pod)?;
        let slots = self.slots(target).await?;
        self.network_up(&member).await?;
        each(slots, async |slot| slot.start().await).await
    }

    async fn stop(&self, target: &Target) -> Result<(), RuntimeError> {
        let grace = self.core.options.grace;
        each(self.slots(target).await?, async |slot| slot.stop(grace).await).await
    }

    async fn kill(&self, target: &Target) -> Result<(), RuntimeError> {
        each(self.slots(target).await?, async |slot| slot.kill().await).await
    }

    async fn pause(&self, target: &Target) -> Result<(), RuntimeError> {
        self.check_open().await?;
        let slots = self.members().living("pause", target)?;
        each(slots, async |slot| slot.pause().await).await
    }

    async fn resume(&self, target: &Target) -> Result<(), RuntimeError> {
        self.check_open().await?;
        let slots = self.members().living("resume", target)?;
        each(slots, async |slot| slot.resume().await).await
    }

    async fn name(&self, group: &str, pods: &[String]) -> Result<(), RuntimeError> {
        self.check_open().await?;
        let mut members = self.members();
        members.name(group, pods);
        let hosts = members.hosts(&self.mesh);
        for member in members.all() {
            if let Some(spec) = self.mesh.groups.get(&member.place.group) {
                let rebind = rebind(&member.place, hosts.clone());
                self.bootstraps.follow(spec, &rebind, &self.folder)?;
            }
        }
        Ok(())
    }

    async fn forget(&self, pod: &str) -> Result<(), RuntimeError> {
        let target = Target::container(pod, Container::Application);
        each(self.slots(&target).await?, async |slot| slot.forget().await).await
    }

    async fn harm_network(&self, pod: &str, peers: &[String], fault: NetworkFault) -> Result<(), RuntimeError> {
        self.check_open().await?;
        self.core.check(fault)?;
        let nodes = self.nodes();
        let peers = match peers {
            [] => nodes.keys().filter(|name| *name != pod).cloned().collect(),
            peers => peers.to_vec(),
        };
        let network = labels::network(&self.launcher.run);
        let mut cuts = self.cuts.lock().await;
        cuts.harm(&network, &nodes, pod, &peers, fault).await
    }

    async fn heal_network(&self, pod: &str) -> Result<(), RuntimeError> {
        self.check_open().await?;
        let network = labels::network(&self.launcher.run);
        let mut cuts = self.cuts.lock().await;
        cuts.heal(&network, &self.nodes(), pod).await
    }

    fn log(&self, pod: &str, container: Container, tail_bytes: usize) -> Result<String, RuntimeError> {
        self.members().slots(&Target::container(pod, container))?;
        let path = self.folder.log(pod, container);
        tail(&path, tail_bytes).map_err(failed("read", &path))
    }

    fn done_by_hand(&self) -> Vec<String> {
        done_by_hand(self.folder.path())
    }

    async fn release(&self, keep: Option<&Path>) -> Result<Released, RuntimeError> {
        let by_default = || {
            let options = &self.core.options;
            options
                .keep
                .then(|| kept_folder(&options.state_dir, &self.launcher.run))
        };
        let keep: Option<PathBuf> = keep.map(Path::to_owned).or_else(by_default);
        let mut release = self.release.lock().await;
        release.go_on(self.end_all(), self.folder.put_away(keep)).await
    }
}

impl Drop for DockerLease {
    fn drop(&mut self) {
        if self.release.get_mut().is_through() {
            return;
        }
        if let Err(error) = remove::dead_run(&self.launcher.run) {
            tracing::warn!(id = %self.launcher.run, %error, "failed to remove a mesh that nobody gave back");
        }
    }
}
