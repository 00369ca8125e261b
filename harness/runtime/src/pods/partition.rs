//! Faults of the network between pods, and their repair.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures::future::join_all;
use meshkat_model::mesh::Port;
use serde::{Deserialize, Serialize};

use super::address::PodAddress;
use crate::error::failed;
use crate::run::folder::try_lock;
use crate::{NetworkFault, RuntimeError};

/// How long pods may take to reach one another again after a repair.
const REPAIR: Duration = Duration::from_secs(20);

/// How long others may take with the network: several may each wait for a repair.
const TURN: Duration = Duration::from_secs(90);

/// How often it is looked whether somebody else is done with the network.
const LOOK: Duration = Duration::from_millis(5);

/// The largest list of faults that is read, in bytes.
const LARGEST: u64 = 4 << 20;

/// What a runtime can do to the network of one pod.
#[async_trait]
pub trait Network: Send + Sync {
    /// Fails for what it is known not to be able to.
    fn check(&self, fault: NetworkFault) -> Result<(), RuntimeError>;

    /// Makes these, and no others, the faults between a pod and the peers at these addresses.
    async fn apply(&self, pod: &PodAddress, faults: &[(IpAddr, NetworkFault)]) -> Result<(), RuntimeError>;

    /// Takes a pod off the network; that it is off already is well.
    async fn disconnect(&self, pod: &PodAddress) -> Result<(), RuntimeError>;

    /// Puts it back, with the address that it had; that it is there already is well.
    async fn reconnect(&self, pod: &PodAddress) -> Result<(), RuntimeError>;

    /// Waits until a pod gets an answer of each of these, be it a refusal: any has gone both ways.
    async fn probe(&self, pod: &PodAddress, peers: &[SocketAddr], within: Duration) -> Result<(), RuntimeError>;
}

/// What is wrong with the network of a mesh now. It is kept in the run's folder, as others than the one that holds the mesh may
/// harm and heal it, too.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct ActiveFaults {
    /// Between two pods: their names, the lesser first.
    between: Vec<(String, String, NetworkFault)>,
    /// The pods that are off the network.
    off: BTreeSet<String>,
}

/// The network of a mesh while one changes it: nobody else does.
pub(crate) struct Partition<'a> {
    network: &'a dyn Network,
    pods: BTreeMap<String, PodAddress>,
    file: PathBuf,
    faults: ActiveFaults,
    _lock: File,
}

impl<'a> Partition<'a> {
    /// Takes one's turn with the network of the mesh whose folder this is.
    pub(crate) async fn open(
        network: &'a dyn Network,
        pods: BTreeMap<String, PodAddress>,
        folder: &Path,
    ) -> Result<Self, RuntimeError> {
        let lock = turn(&folder.join("network.lock"), TURN).await?;
        let file = folder.join("network.json");
        let faults = match meshkat_files::read_own(&file, LARGEST) {
            Ok(text) => serde_json::from_slice(&text).map_err(|error| failed("read", &file)(error.into()))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => ActiveFaults::default(),
            Err(error) => return Err(failed("read", &file)(error)),
        };
        Ok(Self {
            network,
            pods,
            file,
            faults,
            _lock: lock,
        })
    }

    /// Harms all between a pod and some others; none are all others.
    pub(crate) async fn harm(mut self, pod: &str, peers: &[String], fault: NetworkFault) -> Result<(), RuntimeError> {
        self.network.check(fault)?;
        for name in peers.iter().map(String::as_str).chain([pod]) {
            self.pod(name)?;
        }
        if fault == NetworkFault::Disconnect {
            // Noted first: whatever comes of it, a repair puts the pod back. Done even if noted: the last time may have failed.
            if self.faults.off.insert(pod.to_owned()) {
                self.note()?;
            }
            return self.network.disconnect(self.pod(pod)?).await;
        }
        let all: Vec<String> = match peers {
            [] => self.pods.keys().cloned().collect(),
            peers => peers.to_vec(),
        };
        let mut touched = BTreeSet::from([pod.to_owned()]);
        for peer in all.into_iter().filter(|peer| peer != pod) {
            self.faults.set(pod, &peer, fault);
            touched.insert(peer);
        }
        self.note()?;
        self.apply(&touched).await
    }

    /// Undoes all that a pod has a part in, and proves it. It is noted as undone only then: what fails, or is cut short, can be
    /// asked for again.
    pub(crate) async fn heal(mut self, pod: &str) -> Result<(), RuntimeError> {
        self.pod(pod)?;
        let mut touched: BTreeSet<String> = self.faults.clear(pod);
        if self.faults.off.contains(pod) {
            self.network.reconnect(self.pod(pod)?).await?;
            self.faults.off.remove(pod);
            // Whom it reaches is to be seen from all others.
            touched.extend(self.pods.keys().cloned());
        }
        self.repair(pod, touched).await?;
        self.note()
    }

    /// Makes the network of the pods that were touched as it is to be, and waits until the pod reaches them.
    async fn repair(&self, pod: &str, mut touched: BTreeSet<String>) -> Result<(), RuntimeError> {
        touched.retain(|name| self.pods.contains_key(name));
        if touched.is_empty() {
            return Ok(());
        }
        self.apply(&touched).await?;
        let reachable = touched.iter().filter(|name| {
            *name != pod && !self.faults.off.contains(*name) && self.faults.between(pod, name).is_none()
        });
        let sockets = reachable.map(|name| Ok(SocketAddr::new(self.pod(name)?.address, Port::Inbound.number())));
        let sockets = sockets.collect::<Result<Vec<_>, RuntimeError>>()?;
        if sockets.is_empty() {
            return Ok(());
        }
        self.network.probe(self.pod(pod)?, &sockets, REPAIR).await
    }

    /// Forgets a pod that is gone, or about to go.
    pub(crate) fn forget(mut self, pod: &str) -> Result<(), RuntimeError> {
        self.faults.clear(pod);
        self.faults.off.remove(pod);
        self.note()
    }

    fn note(&self) -> Result<(), RuntimeError> {
        let text = serde_json::to_vec(&self.faults).map_err(|error| failed("write", &self.file)(error.into()))?;
        meshkat_files::write_private(&self.file, text).map_err(failed("write", &self.file))
    }

    fn pod(&self, name: &str) -> Result<&PodAddress, RuntimeError> {
        self.pods
            .get(name)
            .ok_or_else(|| RuntimeError::UnknownPod { pod: name.to_owned() })
    }

    /// Makes the network of some pods as it is to be.
    async fn apply(&self, pods: &BTreeSet<String>) -> Result<(), RuntimeError> {
        // A pod that is off the network has no interface to change.
        let pods = pods.iter().filter(|pod| !self.faults.off.contains(*pod));
        let applied = pods.map(async |pod| {
            let peers = self.faults.of(pod);
            let faults: Vec<_> = peers
                .filter_map(|(peer, fault)| Some((self.pods.get(peer)?.address, fault)))
                .collect();
            self.network.apply(self.pod(pod)?, &faults).await
        });
        join_all(applied).await.into_iter().collect()
    }
}

/// Waits until nobody else changes the network.
async fn turn(lock: &Path, within: Duration) -> Result<File, RuntimeError> {
    let deadline = Instant::now() + within;
    loop {
        if let Some(lock) = try_lock(lock).map_err(failed("lock", lock))? {
            return Ok(lock);
        }
        if Instant::now() > deadline {
            return Err(RuntimeError::other(format!(
                "somebody else changes the network of the mesh, and is not done within {} s",
                within.as_secs()
            ))
            .with_help(format!("see who, and end it: fuser {}", lock.display())));
        }
        tokio::time::sleep(LOOK).await;
    }
}

impl ActiveFaults {
    /// The peers of a pod to which something is wrong, and what.
    fn of<'a>(&'a self, pod: &'a str) -> impl Iterator<Item = (&'a str, NetworkFault)> {
        self.between.iter().filter_map(move |(one, other, fault)| match pod {
            _ if one == pod => Some((other.as_str(), *fault)),
            _ if other == pod => Some((one.as_str(), *fault)),
            _ => None,
        })
    }

    fn between(&self, one: &str, other: &str) -> Option<NetworkFault> {
        self.of(one).find_map(|(peer, fault)| (peer == other).then_some(fault))
    }

    fn set(&mut self, pod: &str, peer: &str, fault: NetworkFault) {
        let (one, other) = if pod < peer { (pod, peer) } else { (peer, pod) };
        self.between
            .retain(|known| (known.0.as_str(), known.1.as_str()) != (one, other));
        self.between.push((one.to_owned(), other.to_owned(), fault));
    }

    /// Removes all that a pod has a part in; who had any.
    fn clear(&mut self, pod: &str) -> BTreeSet<String> {
        let (cleared, left) = std::mem::take(&mut self.between)
            .into_iter()
            .partition(|(one, other, _)| one == pod || other == pod);
        self.between = left;
        let cleared: Vec<(String, String, NetworkFault)> = cleared;
        cleared.into_iter().flat_map(|(one, other, _)| [one, other]).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use super::*;

    /// A network that fails when it is told to.
    #[derive(Default)]
    struct Fragile {
        is_broken: AtomicBool,
        cuts: AtomicUsize,
    }

    impl Fragile {
        fn outcome(&self) -> Result<(), RuntimeError> {
            match self.is_broken.load(Ordering::SeqCst) {
                true => Err(RuntimeError::other("no")),
                false => Ok(()),
            }
        }
    }

    #[async_trait]
    impl Network for Fragile {
        fn check(&self, _: NetworkFault) -> Result<(), RuntimeError> {
            Ok(())
        }

        async fn apply(&self, _: &PodAddress, _: &[(IpAddr, NetworkFault)]) -> Result<(), RuntimeError> {
            self.outcome()
        }

        async fn disconnect(&self, _: &PodAddress) -> Result<(), RuntimeError> {
            self.cuts.fetch_add(1, Ordering::SeqCst);
            self.outcome()
        }

        async fn reconnect(&self, _: &PodAddress) -> Result<(), RuntimeError> {
            Ok(())
        }

        async fn probe(&self, _: &PodAddress, _: &[SocketAddr], _: Duration) -> Result<(), RuntimeError> {
            self.outcome()
        }
    }

    fn pods() -> BTreeMap<String, PodAddress> {
        let pod = |name: &str, last| {
            let at = PodAddress {
                group: name.to_owned(),
                name: name.to_owned(),
                address: IpAddr::from([127, 0, 0, last]),
                loopback: IpAddr::from([127, 0, 0, last]),
                ports: Default::default(),
                order: (0, 1),
            };
            (name.to_owned(), at)
        };
        BTreeMap::from([pod("one", 1), pod("other", 2)])
    }

    #[tokio::test]
    async fn what_failed_can_be_asked_for_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let network = Fragile::default();
        let open = async || {
            let turn = Partition::open(&network, pods(), folder.path()).await;
            turn.expect("nobody else has it")
        };
        let noted = async || {
            let turn = open().await;
            turn.faults.between.len() + turn.faults.off.len()
        };
        let break_it = |is_broken| network.is_broken.store(is_broken, Ordering::SeqCst);
        for fault in [NetworkFault::BlackHole, NetworkFault::Disconnect] {
            open().await.harm("one", &[], fault).await.expect("it is whole");
            break_it(true);
            open().await.heal("one").await.expect_err("it is broken");
            assert_eq!(noted().await, 1, "a repair that failed is no repair: {fault:?}");
            break_it(false);
            open().await.heal("one").await.expect("it is whole");
            assert_eq!(noted().await, 0, "{fault:?}");
        }
        network.cuts.store(0, Ordering::SeqCst);
        break_it(true);
        open()
            .await
            .harm("one", &[], NetworkFault::Disconnect)
            .await
            .expect_err("it is broken");
        break_it(false);
        open()
            .await
            .harm("one", &[], NetworkFault::Disconnect)
            .await
            .expect("it is whole");
        assert_eq!(network.cuts.load(Ordering::SeqCst), 2);
        assert_eq!(noted().await, 1);
    }

    #[tokio::test]
    async fn a_turn_that_does_not_come_is_told_of() {
        let folder = tempfile::tempdir().expect("a folder");
        let lock = folder.path().join("network.lock");
        let held = turn(&lock, TURN).await.expect("nobody else has it");
        let error = turn(&lock, Duration::ZERO).await.expect_err("it is held");
        assert_eq!(
            error.help(),
            Some(format!("see who, and end it: fuser {}", lock.display()))
        );
        drop(held);
        turn(&lock, TURN).await.expect("nobody has it");
    }
}
