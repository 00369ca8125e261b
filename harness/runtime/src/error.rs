//! What can go wrong around a mesh. All of it is the environment's fault, never a failed expectation.

use std::io;
use std::net::IpAddr;
use std::path::PathBuf;

use crate::{Capability, ContainerState, Target};

/// A mesh could not be run, or not be changed as asked. [`RuntimeError::help`] names a way out.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// A service's binary was not built.
    #[error("there is no `{service}` at {}", path.display())]
    MissingService {
        /// The service's name.
        service: &'static str,
        /// Where it was looked for.
        path: PathBuf,
    },
    /// There is no Envoy at the place that was given.
    #[error("there is no Envoy at {}", path.display())]
    MissingEnvoy {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The backend was not given the Envoy that a mesh names, or none for meshes that name none.
    #[error("there is no Envoy{} for the mesh {mesh}", envoy.as_ref().map(|envoy| format!(" {envoy}")).unwrap_or_default())]
    NoSuchEnvoy {
        /// The mesh.
        mesh: String,
        /// What it names.
        envoy: Option<String>,
    },
    /// A program is there but cannot be run.
    #[error("{} is not an executable file", path.display())]
    NotExecutable {
        /// The program.
        path: PathBuf,
    },
    /// The operating system refused to start a program.
    #[error("failed to start the {target}, {}: {source}", program.display())]
    Spawn {
        /// What was to run.
        target: Target,
        /// The program.
        program: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file or folder of the run could not be used.
    #[error("failed to {action} {}: {source}", path.display())]
    Folder {
        /// What was tried, as `write`.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Something listens on every address at a port that every pod needs.
    #[error("port {port} is taken on every loopback address")]
    PortTaken {
        /// The port.
        port: u16,
    },
    /// The machine has no such loopback address.
    #[error("this machine has no loopback address {address}")]
    NoAddress {
        /// The address.
        address: IpAddr,
    },
    /// Every block of loopback addresses is taken.
    #[error("no block of loopback addresses is free: all {blocks} are taken")]
    NoBlock {
        /// How many there are.
        blocks: u32,
    },
    /// The mesh has more pods than a block has addresses.
    #[error("a mesh holds at most {limit} pods")]
    TooManyPods {
        /// How many there can be.
        limit: usize,
    },
    /// The address lock, or a check of the ports, failed in a way of its own.
    #[error("failed to bind {address}: {source}")]
    Bind {
        /// The address.
        address: IpAddr,
        /// Why not.
        source: io::Error,
    },
    /// An Envoy configuration could not be read or given the pod's addresses.
    #[error("an Envoy configuration does not hold: {0}")]
    EnvoyConfiguration(#[from] meshkat_envoy::config::ConfigError),
    /// The mesh has no such group.
    #[error("the mesh has no group `{group}`")]
    UnknownGroup {
        /// The name that was asked for.
        group: String,
    },
    /// The mesh has no such pod.
    #[error("the mesh has no pod `{pod}`")]
    UnknownPod {
        /// The name that was asked for.
        pod: String,
    },
    /// The pod has no such container.
    #[error("there is no {target}")]
    UnknownContainer {
        /// What was asked for.
        target: Target,
    },
    /// The container is not in a state in which this can be done.
    #[error("cannot {action} the {target}: it is {state}")]
    WrongState {
        /// What was asked.
        action: &'static str,
        /// Of what.
        target: Target,
        /// What it is.
        state: ContainerState,
    },
    /// A signal could not be sent.
    #[error("failed to signal the {target}: {source}")]
    Signal {
        /// To what.
        target: Target,
        /// Why not.
        source: io::Error,
    },
    /// A process did not go, or did not freeze, in time.
    #[error("the {target} did not {what} within {seconds} s")]
    Stuck {
        /// Which.
        target: Target,
        /// What it was waited for to do.
        what: &'static str,
        /// For how long.
        seconds: u64,
    },
    /// The reaper, which cleans up after a killed run, could not be started.
    #[error("failed to start the reaper: {source}")]
    Reaper {
        /// Why not.
        source: io::Error,
    },
    /// The thread that starts processes is gone, or could not be started.
    #[error("failed to reach the thread that starts processes: {message}")]
    Spawner {
        /// Why not.
        message: String,
    },
    /// The lease was given back.
    #[error("the mesh was given back")]
    Released,
    /// The backend cannot do this.
    #[error("the {backend} runtime cannot {capability}: {reason}")]
    Unsupported {
        /// The backend's name.
        backend: &'static str,
        /// What was asked.
        capability: Capability,
        /// Why not.
        reason: String,
    },
    /// The backend leaves its pods' network alone.
    #[error("this runtime cannot {capability}")]
    NoNetworkFaults {
        /// What was asked.
        capability: Capability,
    },
    /// Something that only one backend knows.
    #[error("{message}")]
    Other {
        /// What went wrong.
        message: String,
        /// A way out.
        help: Option<String>,
    },
}

impl RuntimeError {
    /// A way out, where one is known.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::MissingService { .. } => Some("build the services: cargo build --workspace".to_owned()),
            Self::MissingEnvoy { .. } => {
                Some("get one with `meshkat envoy fetch`, or name one: --envoy PATH".to_owned())
            }
            Self::NotExecutable { path } => Some(format!("make it executable: chmod +x {}", path.display())),
            Self::PortTaken { port } => Some(format!(
                "something listens on 0.0.0.0:{port}; find it with `ss -ltnp 'sport = :{port}'` (macOS: `lsof -nP \
                 -iTCP:{port} -sTCP:LISTEN`) and stop it, or bind it to 127.0.0.1"
            )),
            Self::NoAddress { address } => Some(format!(
                "macOS has only 127.0.0.1 by default; add the address: sudo ifconfig lo0 alias {address} up"
            )),
            Self::NoBlock { .. } => Some(format!(
                "end other runs (`meshkat status`, `meshkat clean`), or what holds UDP port {} on every address",
                crate::process::LOCK_PORT
            )),
            Self::Reaper { .. } => Some("the program that cleans up must be able to start itself again".to_owned()),
            Self::Other { help, .. } => help.clone(),
            Self::Spawn { source, .. }
            | Self::Folder { source, .. }
            | Self::Bind { source, .. }
            | Self::Signal { source, .. } => help_for(source),
            _ => None,
        }
    }
}

/// The way out of the shortages that a machine can have.
fn help_for(error: &io::Error) -> Option<String> {
    use rustix::io::Errno;
    let help = match Errno::from_io_error(error)? {
        Errno::MFILE | Errno::NFILE => "too many files are open; raise the limit: ulimit -n 65536",
        Errno::AGAIN | Errno::NOMEM => {
            "there are too many processes, or too little memory; run fewer meshes at once: --jobs 1"
        }
        Errno::NOSPC | Errno::DQUOT => {
            "the disk is full; free some, or set MESHKAT_STATE_DIR to a folder on another one"
        }
        Errno::ACCESS | Errno::PERM | Errno::ROFS => {
            "the file or folder is not yours to use; set MESHKAT_STATE_DIR to a folder that is"
        }
        Errno::NOEXEC => "the program is built for another kind of machine",
        _ => return None,
    };
    Some(help.to_owned())
}
