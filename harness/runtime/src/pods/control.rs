//! How another process asks the one that holds a mesh to start something: by a socket in the run's folder, which nobody but this
//! user can reach.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::{Lease, RuntimeError, Target};

/// The socket.
const SOCKET: &str = "control";
/// The longest question or answer, in bytes.
const LONGEST: u64 = 64 << 10;
/// How long a question may take to be read, and an answer to be written.
const READING: Duration = Duration::from_secs(5);
/// How long an answer may take: what is started may have to be waited for to end first, and Docker takes its time.
const ANSWER: Duration = Duration::from_secs(120);
/// How long nobody is heard after somebody could not be.
const BREATH: Duration = Duration::from_millis(100);

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
    /// Answers for a mesh as long as somebody has its lease; who keeps silent keeps nobody else waiting.
    pub(crate) fn serve(lease: &Arc<dyn Lease>, folder: &Path) -> io::Result<Self> {
        let socket = folder.join(SOCKET);
        let listener = UnixListener::bind(&socket)?;
        fs::set_permissions(&socket, Permissions::from_mode(0o600))?;
        let lease = Arc::downgrade(lease);
        Ok(Self(tokio::spawn(async move {
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => drop(tokio::spawn(answer(lease.clone(), stream))),
                    // Such as for want of a file: some will be closed.
                    Err(error) => {
                        tracing::debug!(%error, "somebody who asks for something is not heard");
                        tokio::time::sleep(BREATH).await;
                    }
                }
            }
        })))
    }
}

async fn answer(lease: Weak<dyn Lease>, stream: UnixStream) {
    if let Err(error) = try_answer(&lease, stream).await {
        tracing::debug!(%error, "somebody asked for something that cannot be read, or went away");
    }
}

async fn try_answer(lease: &Weak<dyn Lease>, mut stream: UnixStream) -> io::Result<()> {
    let mut text = Vec::new();
    timeout(READING, (&mut stream).take(LONGEST).read_to_end(&mut text)).await??;
    let target: Target = serde_json::from_slice(&text)?;
    // Not before: the lease would live for as long as somebody keeps silent.
    let Some(held) = lease.upgrade() else { return Ok(()) };
    let error = held.start(&target).await.err();
    drop(held);
    let answer = Answer {
        help: error.as_ref().and_then(RuntimeError::help),
        error: error.map(|error| error.to_string()),
    };
    timeout(READING, stream.write_all(&serde_json::to_vec(&answer)?)).await?
}

/// Asks the holder of the mesh whose folder this is to start something.
///
/// # Errors
/// Nobody answers, or not in time.
pub(crate) async fn start(folder: &Path, target: &Target) -> io::Result<Result<(), RuntimeError>> {
    let slow = || {
        io::Error::new(
            io::ErrorKind::TimedOut,
            format!("no answer within {} s", ANSWER.as_secs()),
        )
    };
    let text = timeout(ANSWER, ask(folder, target)).await.map_err(|_| slow())??;
    if text.is_empty() {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "no answer"));
    }
    let answer: Answer = serde_json::from_slice(&text)?;
    Ok(match answer.error {
        None => Ok(()),
        Some(error) => Err(RuntimeError::other(error).with_help(answer.help)),
    })
}

async fn ask(folder: &Path, target: &Target) -> io::Result<Vec<u8>> {
    let mut stream = UnixStream::connect(folder.join(SOCKET)).await?;
    stream.write_all(&serde_json::to_vec(target)?).await?;
    stream.shutdown().await?;
    let mut text = Vec::new();
    stream.take(LONGEST).read_to_end(&mut text).await?;
    Ok(text)
}
