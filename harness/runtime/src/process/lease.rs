//! A mesh of processes.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use async_trait::async_trait;
use meshkat_envoy::config::{Hosts, Rebind};
use meshkat_model::mesh::{Container, MeshSpec, Service};
use tokio::sync::watch;

use super::backend::Core;
use super::block::Block;
use super::prepare;
use super::slot::{Shared, Slot};
use crate::pods::bootstraps::Bootstraps;
use crate::pods::drain::drain;
use crate::pods::members::{Member, Members, Place, Places, Stateful as _, each};
use crate::pods::release::Release;
use crate::run::LeaseId;
use crate::run::by_hand::done_by_hand;
use crate::run::folder::{RunFolder, failed, kept_folder};
use crate::run::ledger::{LedgerFile, RuntimeName};
use crate::run::log::{LogKeeper, tail};
use crate::run::token::Token;
use crate::{Lease, Pod, Released, RuntimeError, Target};

/// A mesh of processes. Dropping it without a release kills its processes and removes its folder all the same.
#[derive(Debug)]
pub(super) struct ProcessLease {
    id: LeaseId,
    mesh: MeshSpec,
    core: Arc<Core>,
    folder: Arc<RunFolder>,
    token: Token,
    bootstraps: Bootstraps,
    shared: Arc<Shared>,
    members: Mutex<Members<Slot>>,
    _logs: LogKeeper,
    release: tokio::sync::Mutex<Release>,
}

impl ProcessLease {
    /// Makes the mesh's folder and starts its pods.
    pub(super) async fn start(core: Arc<Core>, id: LeaseId, mesh: MeshSpec) -> Result<Self, RuntimeError> {
        let lease = tokio::task::spawn_blocking(move || Self::prepare(core, id, mesh))
            .await
            .map_err(|error| RuntimeError::Other {
                message: format!("failed to prepare the mesh: {error}"),
                help: None,
            })??;
        match lease.start_all().await {
            Ok(()) => Ok(lease),
            Err(error) => {
                if let Err(also) = lease.release(None).await {
                    tracing::warn!(id = %lease.id, %also, "failed to clean up after a mesh that did not start");
                }
                Err(error)
            }
        }
    }

    /// Everything but the processes.
    fn prepare(core: Arc<Core>, id: LeaseId, mesh: MeshSpec) -> Result<Self, RuntimeError> {
        prepare::check_programs(&core.options, &mesh)?;
        let bootstraps = Bootstraps::read(&mesh, true)?;
        let block = Arc::new(Block::take()?);
        let ports = mesh.groups.values().map(|group| bootstraps.ports(group));
        block.check_ports(&ports.collect::<Vec<_>>())?;
        let mut members = Members::new(Places::new(block.addresses(), None, &mesh, &bootstraps));
        let places = members.initial(&mesh)?;
        let folder = Arc::new(RunFolder::create(&core.options.state_dir, &id)?);
        let path = folder.ledger();
        let ledger = LedgerFile::create(
            path.clone(),
            RuntimeName::Process,
            &id,
            &mesh.name,
            core.owner.identity.clone(),
            block.to_string(),
        )
        .map_err(failed("write", &path))?;
        let token = Token::new()?;
        token.write(folder.path())?;
        let shared = Arc::new(Shared {
            spawner: core.spawner.clone(),
            block: Mutex::new(Some(block)),
            ledger,
            changes: watch::Sender::new(0),
            released: AtomicBool::new(false),
        });
        let logs = folder.logs();
        let keeper = LogKeeper::start(logs.clone(), core.options.log_limit).map_err(failed("watch", &logs))?;
        let lease = Self {
            id,
            mesh,
            core,
            folder,
            token,
            bootstraps,
            shared,
            members: Mutex::new(members),
            _logs: keeper,
            release: tokio::sync::Mutex::default(),
        };
        for place in &places {
            let hosts = lease.members().hosts_of(&lease.mesh, &places);
            let member = lease.member(place.clone(), hosts)?;
            lease.members().insert(Arc::new(member));
        }
        lease.note_members()?;
        Ok(lease)
    }

    /// A pod at a place, not started; `hosts` are all that its configuration may name.
    fn member(&self, place: Place, hosts: Hosts) -> Result<Member<Slot>, RuntimeError> {
        let options = &self.core.options;
        let spec = self
            .mesh
            .groups
            .get(&place.group)
            .ok_or_else(|| RuntimeError::UnknownGroup {
                group: place.group.clone(),
            })?;
        let slot = |container, launch| Slot::new(&place.name, container, launch, Arc::clone(&self.shared));
        let application = spec.service.map(|service| {
            slot(
                Container::Application,
                prepare::application(options, &self.id, &self.token, &self.folder, &place, service),
            )
        });
        let rebind = self.rebind(&place, hosts);
        let configuration = self.bootstraps.write(spec, &rebind, &self.folder)?;
        let envoy = match configuration {
            None => None,
            Some(configuration) => {
                let program = options.envoys.of(&self.mesh)?;
                let file = &configuration.file;
                let launch = prepare::envoy(options, program, &self.id, &self.folder, &place, file);
                Some(slot(Container::Envoy, launch))
            }
        };
        Ok(Member {
            place,
            application,
            envoy,
            published: OnceLock::new(),
            leaving: tokio::sync::Mutex::new(()),
        })
    }

    /// How a pod's configuration is made.
    fn rebind(&self, place: &Place, hosts: Hosts) -> Rebind {
        Rebind {
            address: Some(place.address),
            node_id: place.name.clone(),
            group: place.group.clone(),
            hosts,
            ports: place.ports.clone(),
            folder: Some(self.folder.resources(&place.name)),
            carried: None,
        }
    }

    /// Starts every pod of a group that is to run from the start: the discovery service before all others, as they ask it
    /// as soon as they run.
    async fn start_all(&self) -> Result<(), RuntimeError> {
        let of = |member: &Member<Slot>| self.mesh.groups.get(&member.place.group);
        let mut starting: Vec<_> = self.members().all().to_vec();
        starting.retain(|member| of(member).is_some_and(|group| group.started));
        // A stable sort: all others stay in order.
        starting.sort_by_key(|member| of(member).and_then(|group| group.service) != Some(Service::Sds));
        // Handed to the spawner's thread in this order, and started in it.
        let slots = starting.iter().flat_map(|member| member.slots()).cloned();
        each(slots, async |slot| slot.start().await).await
    }

    fn members(&self) -> MutexGuard<'_, Members<Slot>> {
        // Nothing that can panic leaves the list half changed.
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes who is in the mesh to the ledger.
    fn note_members(&self) -> Result<(), RuntimeError> {
        let pods = self.members().listed();
        self.shared
            .ledger
            .set_pods(pods)
            .map_err(failed("write", &self.folder.ledger()))
    }

    fn check_open(&self) -> Result<(), RuntimeError> {
        if self.shared.released.load(Ordering::SeqCst) {
            Err(RuntimeError::Released)
        } else {
            Ok(())
        }
    }

    /// The containers that a target means.
    fn slots(&self, target: &Target) -> Result<Vec<Arc<Slot>>, RuntimeError> {
        self.check_open()?;
        self.members().slots(target)
    }

    /// Those of them that live.
    fn living(&self, action: &'static str, target: &Target) -> Result<Vec<Arc<Slot>>, RuntimeError> {
        self.check_open()?;
        self.members().living(action, target)
    }

    /// Adds a pod, not started.
    fn join(&self, group: &str) -> Result<Arc<Member<Slot>>, RuntimeError> {
        self.members()
            .join(&self.mesh, group, |place, hosts| self.member(place, hosts))
    }

    /// Ends a pod's containers for good and forgets the pod.
    async fn leave(&self, member: &Arc<Member<Slot>>) -> Result<(), RuntimeError> {
        for slot in member.slots() {
            slot.retire();
        }
        // What was about to start has started when the thread gets here; nothing will after that.
        self.shared.spawner.run(|| ()).await?;
        // The application first: what it is about may need the Envoy.
        let mut stopped = Ok(());
        for slot in member.slots() {
            stopped = stopped.and(slot.stop(self.core.options.grace).await);
        }
        stopped?;
        self.members().forget(member);
        self.shared.changed();
        self.folder.remove_configuration(&member.place.name)?;
        remove_if_there(&self.folder.sds_state(&member.place.name))?;
        self.note_members()
    }

    /// Kills everything at once: nothing of a mesh that is given back has anything to finish.
    async fn end_all(&self) -> Result<(), RuntimeError> {
        self.shared.released.store(true, Ordering::SeqCst);
        // What was about to start has started when the thread gets here; nothing will after that.
        self.shared.spawner.run(|| ()).await?;
        let slots: Vec<_> = self
            .members()
            .all()
            .iter()
            .flat_map(|member| member.slots())
            .cloned()
            .collect();
        each(slots, async |slot| slot.kill().await).await
    }
}

#[async_trait]
impl Lease for ProcessLease {
    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn authorization(&self) -> Option<&str> {
        Some(self.token.authorization())
    }

    fn pods(&self) -> Vec<Pod> {
        self.members().pods()
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }

    async fn add(&self, group: &str) -> Result<Pod, RuntimeError> {
        self.check_open()?;
        let member = self.join(group)?;
        self.shared.changed();
        let started = async {
            self.note_members()?;
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
        self.check_open()?;
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
        each(self.slots(target)?, async |slot| slot.start().await).await
    }

    async fn stop(&self, target: &Target) -> Result<(), RuntimeError> {
        let grace = self.core.options.grace;
        each(self.slots(target)?, async |slot| slot.stop(grace).await).await
    }

    async fn kill(&self, target: &Target) -> Result<(), RuntimeError> {
        each(self.slots(target)?, async |slot| slot.kill().await).await
    }

    async fn pause(&self, target: &Target) -> Result<(), RuntimeError> {
        let slots = self.living("pause", target)?;
        each(slots, async |slot| slot.pause().await).await
    }

    async fn resume(&self, target: &Target) -> Result<(), RuntimeError> {
        let slots = self.living("resume", target)?;
        each(slots, async |slot| slot.resume().await).await
    }

    async fn name(&self, group: &str, pods: &[String]) -> Result<(), RuntimeError> {
        self.check_open()?;
        let mut members = self.members();
        members.name(group, pods);
        let hosts = members.hosts(&self.mesh);
        for member in members.all() {
            if let Some(spec) = self.mesh.groups.get(&member.place.group) {
                let rebind = self.rebind(&member.place, hosts.clone());
                self.bootstraps.follow(spec, &rebind, &self.folder)?;
            }
        }
        Ok(())
    }

    async fn forget(&self, pod: &str) -> Result<(), RuntimeError> {
        let target = Target::container(pod, Container::Application);
        for slot in self.slots(&target)? {
            let state = slot.state();
            if state.is_alive() {
                return Err(RuntimeError::WrongState {
                    action: "forget what is kept by",
                    target,
                    state,
                });
            }
        }
        remove_if_there(&self.folder.sds_state(pod))
    }

    fn log(&self, pod: &str, container: Container, tail_bytes: usize) -> Result<String, RuntimeError> {
        let member = self.members().get(pod)?;
        member.slots_of(&Target::container(pod, container))?;
        let path = self.folder.log(pod, container);
        tail(&path, tail_bytes).map_err(failed("read", &path))
    }

    fn done_by_hand(&self) -> Vec<String> {
        done_by_hand(self.folder.path())
    }

    async fn release(&self, keep: Option<&Path>) -> Result<Released, RuntimeError> {
        let by_default = || {
            self.core
                .options
                .keep
                .then(|| kept_folder(&self.core.options.state_dir, &self.id))
        };
        let keep = keep.map(Path::to_owned).or_else(by_default);
        let mut release = self.release.lock().await;
        let released = release.go_on(self.end_all(), self.folder.put_away(keep)).await?;
        self.shared.give_up_block();
        if let Some(folder) = &released.kept {
            tracing::info!(id = %self.id, folder = %folder.display(), "kept what the mesh left");
        }
        Ok(released)
    }
}

impl Drop for ProcessLease {
    fn drop(&mut self) {
        if self.release.get_mut().is_through() {
            return;
        }
        self.shared.released.store(true, Ordering::SeqCst);
        for slot in self.members().all().iter().flat_map(|member| member.slots()) {
            slot.kill_now();
        }
        self.shared.give_up_block();
    }
}

fn remove_if_there(file: &Path) -> Result<(), RuntimeError> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed("remove", file)(error)),
        _ => Ok(()),
    }
}
