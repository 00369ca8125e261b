//! The list of what a run has started, on disk, for whoever has to clean up or to tell what runs.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use meshkat_model::mesh::{Container, PodPorts, Port};
use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};

use super::id::LeaseId;
use super::identity::ProcessIdentity;
use crate::RuntimeError;
use crate::pod::is_usual;
use crate::pods::address::{PodAddress, PodName, check_name};

/// The shape of the file; a file of another shape is not read.
const SCHEMA: u32 = 1;

/// How large a ledger can be, in bytes: a mesh of 253 pods has one of a hundred thousand.
const LARGEST: u64 = 4 << 20;

/// What runs a mesh.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RuntimeName {
    /// Plain processes.
    #[default]
    Process,
    /// Containers, found by their label.
    Docker,
}

/// What a run has started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// The shape of this file: 1.
    pub schema: u32,
    /// What runs it.
    #[serde(default)]
    pub runtime: RuntimeName,
    /// The lease's name.
    pub id: LeaseId,
    /// The mesh's name.
    pub mesh: String,
    /// The process that holds the lease.
    pub owner: ProcessIdentity,
    /// The block of addresses, as `127.64.3.0/24`.
    pub block: String,
    /// The pods that there are, running or not.
    pub pods: Vec<LedgerPod>,
    /// The last process of each container that was ever started, where containers are processes; some may have ended.
    pub processes: Vec<LedgerProcess>,
}

/// A pod in a [`Ledger`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerPod {
    /// Its name.
    pub name: String,
    /// Its group's name.
    pub group: String,
    /// Its address.
    pub address: IpAddr,
    /// Where this machine reaches its ports, if that is not at `address`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub published: BTreeMap<Port, SocketAddr>,
    /// The numbers of its ports.
    #[serde(default, skip_serializing_if = "is_usual")]
    pub ports: PodPorts,
    /// The containers that it has, whether they were ever started or not.
    #[serde(default)]
    pub containers: Vec<Container>,
}

impl LedgerPod {
    /// The pod, the `order`th of its mesh.
    ///
    /// # Errors
    /// Its name is none.
    pub(crate) fn address(&self, loopback: Option<IpAddr>, order: usize) -> Result<PodAddress, RuntimeError> {
        check_name(&self.name)?;
        let name = PodName {
            group: self.group.clone(),
            name: self.name.clone(),
            ports: self.ports.clone(),
            order: (order, 0),
        };
        Ok(name.at(self.address, loopback))
    }
}

/// A process in a [`Ledger`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerProcess {
    /// Its pod's name.
    pub pod: String,
    /// Which of the pod's containers it is.
    pub container: Container,
    /// Its number and start.
    #[serde(flatten)]
    pub identity: ProcessIdentity,
}

impl Ledger {
    /// Reads the ledger of a run. None when there is none.
    ///
    /// # Errors
    /// It is not one that a run of this user has written: a link or no regular file, another user's, too large, of another
    /// shape, or of another run.
    pub(crate) fn read(path: &Path, id: &LeaseId) -> io::Result<Option<Self>> {
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
        let flags = i32::try_from(flags.bits()).unwrap_or_default();
        let file = match File::options().read(true).custom_flags(flags).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        if metadata.uid() != rustix::process::geteuid().as_raw() {
            return Err(io::Error::other(format!("it belongs to user {}", metadata.uid())));
        }
        let mut text = Vec::new();
        file.take(LARGEST + 1).read_to_end(&mut text)?;
        if text.len() as u64 > LARGEST {
            return Err(io::Error::other(format!("it is larger than {LARGEST} bytes")));
        }
        let ledger: Self = serde_json::from_slice(&text)?;
        if ledger.schema != SCHEMA {
            return Err(io::Error::other(format!(
                "schema {} is not known to this version",
                ledger.schema
            )));
        }
        if ledger.id != *id {
            return Err(io::Error::other(format!("it is of another run, {}", ledger.id)));
        }
        Ok(Some(ledger))
    }
}

/// A ledger and its file; every change is on disk, whole, before the call returns.
#[derive(Debug)]
pub struct LedgerFile {
    path: PathBuf,
    ledger: Mutex<Ledger>,
}

impl LedgerFile {
    /// Writes a ledger without pods.
    pub(crate) fn create(
        path: PathBuf,
        runtime: RuntimeName,
        id: &LeaseId,
        mesh: &str,
        owner: ProcessIdentity,
    ) -> io::Result<Self> {
        let ledger = Ledger {
            schema: SCHEMA,
            runtime,
            id: id.clone(),
            mesh: mesh.to_owned(),
            owner,
            block: String::new(),
            pods: Vec::new(),
            processes: Vec::new(),
        };
        let file = Self {
            path,
            ledger: Mutex::new(ledger),
        };
        file.change(|_| {})?;
        Ok(file)
    }

    /// Notes the block of addresses.
    pub(crate) fn set_block(&self, block: String) -> io::Result<()> {
        self.change(|ledger| ledger.block = block)
    }

    /// Notes who is in the mesh now.
    pub(crate) fn set_pods(&self, pods: Vec<LedgerPod>) -> io::Result<()> {
        self.change(|ledger| ledger.pods = pods)
    }

    /// Notes a process, in place of the container's last one.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn started(&self, process: LedgerProcess) -> io::Result<()> {
        self.change(|ledger| {
            ledger
                .processes
                .retain(|known| (&known.pod, known.container) != (&process.pod, process.container));
            ledger.processes.push(process);
        })
    }

    fn change(&self, change: impl FnOnce(&mut Ledger)) -> io::Result<()> {
        // A panic while the lock was held cannot have left the ledger half changed in a way that matters.
        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut ledger);
        // A crash of the machine may lose it, which is well: it ends the processes too.
        meshkat_files::write_private(&self.path, serde_json::to_vec_pretty(&*ledger)?)
    }
}
