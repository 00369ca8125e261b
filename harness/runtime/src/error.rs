//! What can go wrong around a mesh. All of it is the environment's fault, never a failed expectation.

use std::io;
use std::path::{Path, PathBuf};

use crate::{Capability, ContainerState, InstanceId, Target};

/// A mesh could not be run, or not be changed as asked. [`RuntimeError::help`] names a way out.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The backend was not given the Envoy that a mesh names, or none for meshes that name none.
    #[error("there is no Envoy{} for the mesh {mesh}", envoy.as_ref().map(|envoy| format!(" {envoy}")).unwrap_or_default())]
    NoSuchEnvoy {
        /// The mesh.
        mesh: String,
        /// What it names.
        envoy: Option<String>,
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
    #[error("cannot {action} the {target}: it {}", state.predicate())]
    WrongState {
        /// What was asked.
        action: &'static str,
        /// Of what.
        target: Target,
        /// What it is.
        state: ContainerState,
    },
    /// A container did not go, or did not freeze, in time.
    #[error("the {target} did not {what} within {seconds} s")]
    Stuck {
        /// Which.
        target: Target,
        /// What it was waited for to do.
        what: &'static str,
        /// For how long.
        seconds: u64,
    },
    /// A container that the mesh's ledger lists is not proven to be the mesh's.
    #[error("the {target} is left alone: the ledger names {instance}, but nothing proves that the mesh started it")]
    NotOurs {
        /// Which.
        target: Target,
        /// What the ledger names.
        instance: InstanceId,
    },
    /// Only the process can do it that holds the mesh.
    #[error("only process {holder}, which holds the mesh, can {action}{}", source.as_ref().map(|why| format!(", and it cannot be asked to: {why}")).unwrap_or_default())]
    NotHeld {
        /// What was asked.
        action: &'static str,
        /// Who holds the mesh.
        holder: u32,
        /// Why it could not be asked to do it; none where it is not asked.
        source: Option<io::Error>,
    },
    /// The lease was given back.
    #[error("the mesh was given back")]
    Released,
    /// The runtime cannot do this.
    #[error("this runtime cannot {capability}: {reason}")]
    Unsupported {
        /// What was asked.
        capability: Capability,
        /// Why not.
        reason: String,
    },
    /// The environment does not let it be, for a reason of the runtime's own.
    #[error("{message}")]
    Other {
        /// What went wrong.
        message: String,
        /// A way out.
        help: Option<String>,
        /// What it came from; told in the message.
        source: Option<io::Error>,
    },
}

impl RuntimeError {
    /// What went wrong, in a sentence.
    pub fn other(message: impl Into<String>) -> Self {
        Self::Other {
            message: message.into(),
            help: None,
            source: None,
        }
    }

    /// What was tried, and why it failed.
    pub fn caused(doing: impl std::fmt::Display, source: io::Error) -> Self {
        Self::Other {
            message: format!("{doing}: {source}"),
            help: help_for(&source),
            source: Some(source),
        }
    }

    /// A service's binary was not built.
    pub fn missing_service(service: &str, path: &Path) -> Self {
        Self::other(format!("there is no `{service}` at {}", path.display()))
            .with_help("build the services in a checkout, `cargo build --workspace`, and name their folder: MESHKAT_SERVICES=target/debug".to_owned())
    }

    /// The same with a way out, if there is one.
    pub fn with_help(mut self, way_out: impl Into<Option<String>>) -> Self {
        if let Self::Other { help, .. } = &mut self {
            *help = way_out.into();
        }
        self
    }

    /// A way out, where one is known.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::NotOurs { instance, .. } => Some(format!("look at {instance}")),
            Self::NotHeld {
                source: Some(source), ..
            } => Some(match source.kind() {
                // No socket has so long a name: the holder could not listen either.
                io::ErrorKind::InvalidInput => {
                    "the name of the state folder is too long; set MESHKAT_STATE_DIR to a shorter one, and start the mesh again"
                        .to_owned()
                }
                _ => "`meshkat status` shows whether the mesh still runs".to_owned(),
            }),
            Self::Other { help, .. } => help.clone(),
            Self::Folder { source, .. } => help_for(source),
            _ => None,
        }
    }
}

/// The error of who tried that with a file or a folder.
pub fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> RuntimeError + use<> {
    let path = path.to_owned();
    move |source| RuntimeError::Folder { action, path, source }
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
