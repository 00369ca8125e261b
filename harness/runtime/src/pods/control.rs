//! How another process asks the one that holds a mesh to start something: by a socket in the run's folder, which nobody but this
//! user can reach.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;

use super::driver::Driver;
use super::lease::PodLease;
use crate::{Lease as _, RuntimeError, Target};

/// The socket.
const SOCKET: &str = "control";
/// The longest question or answer, in bytes.
const LONGEST: u64 = 64 << 10;

/// What came of it.
#[derive(Debug, Serialize, Deserialize)]
struct Answer {
    error: Option<String>,
    help: Option<String>,
}

/// Answers until it is dropped.
#[derive(Debug)]
pub(crate) struct Control(JoinHandle<()>);

impl Drop for Control {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Control {
    /// Answers for a mesh, one after the other, as long as somebody has its lease.
    pub(crate) fn serve<D: Driver>(lease: &Arc<PodLease<D>>, folder: &Path) -> io::Result<Self> {
        let socket = folder.join(SOCKET);
        let listener = UnixListener::bind(&socket)?;
        fs::set_permissions(&socket, Permissions::from_mode(0o600))?;
        let lease = Arc::downgrade(lease);
        Ok(Self(tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Some(lease) = lease.upgrade() else { return };
                if let Err(error) = answer(&lease, stream).await {
                    tracing::debug!(%error, "somebody asked for something that cannot be read, or went away");
                }
            }
        })))
    }
}

async fn answer<D: Driver>(lease: &PodLease<D>, mut stream: UnixStream) -> io::Result<()> {
    let mut text = Vec::new();
    (&mut stream).take(LONGEST).read_to_end(&mut text).await?;
    let target: Target = serde_json::from_slice(&text)?;
    let error = lease.start(&target).await.err();
    let answer = Answer {
        help: error.as_ref().and_then(RuntimeError::help),
        error: error.map(|error| error.to_string()),
    };
    stream.write_all(&serde_json::to_vec(&answer)?).await
}

/// Asks the holder of the mesh whose folder this is to start something.
///
/// # Errors
/// Nobody answers.
pub(crate) async fn start(folder: &Path, target: &Target) -> io::Result<Result<(), RuntimeError>> {
    let mut stream = UnixStream::connect(folder.join(SOCKET)).await?;
    stream.write_all(&serde_json::to_vec(target)?).await?;
    stream.shutdown().await?;
    let mut text = Vec::new();
    stream.take(LONGEST).read_to_end(&mut text).await?;
    let answer: Answer = serde_json::from_slice(&text)?;
    Ok(match answer.error {
        None => Ok(()),
        Some(error) => Err(RuntimeError::other(error).with_help(answer.help)),
    })
}
