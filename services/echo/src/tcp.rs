//! Bytes over TCP: they are sent back as they come.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use meshkat_kit::{GRACE, Noted, Received};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How many connections there are at once.
const MOST: usize = 1024;

/// A first line that asks for a reset.
const RESET: &[u8] = b"RESET\n";

/// How long to let be after a failed accept: almost always the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Echoes what comes on `listener`. What is not done some time after `stop` is cut.
pub(crate) async fn serve(listener: TcpListener, received: Received, stop: CancellationToken) {
    let (room, tracker, cut) = (
        Arc::new(Semaphore::new(MOST)),
        TaskTracker::new(),
        CancellationToken::new(),
    );
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let Ok(place) = Arc::clone(&room).try_acquire_owned() else {
                    tracing::debug!("there is no room for a connection from {peer}");
                    continue;
                };
                let (noted, cut) = (received.connection(peer), cut.clone());
                tracker.spawn(async move {
                    let _place = place;
                    tokio::select! {
                        echoed = echo(stream, &noted) => if let Err(error) = echoed {
                            tracing::debug!("a TCP connection ended: {error}");
                        },
                        () = cut.cancelled() => {}
                    }
                });
            }
            Err(error) => {
                tracing::warn!("failed to accept a connection: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    tracker.close();
    if tokio::time::timeout(GRACE, tracker.wait()).await.is_err() {
        cut.cancel();
        tracker.wait().await;
    }
}

/// Sends back what comes, and then its end. Where the first line is `RESET`, the connection is reset in the place of an answer.
async fn echo(mut stream: TcpStream, noted: &Noted) -> io::Result<()> {
    // Small answers must not wait for the peer's acknowledgement; where that cannot be had, they are only slower.
    let _ = stream.set_nodelay(true);
    let mut bytes = [0; 16 << 10];
    // How much is kept back, as it may become that line; `None` once it is none.
    let mut line = Some(0);
    loop {
        let kept = line.unwrap_or(0);
        let read = stream.read(&mut bytes[kept..]).await?;
        let all = kept + read;
        noted.add(&bytes[kept..all]);
        if line.is_some() && is_beginning(&bytes[..all]) {
            if all >= RESET.len() {
                return stream.set_zero_linger();
            }
            if read > 0 {
                line = Some(all);
                continue;
            }
        }
        line = None;
        stream.write_all(&bytes[..all]).await?;
        if read == 0 {
            return stream.shutdown().await;
        }
    }
}

/// Whether these bytes are the line that asks for a reset, or may become it.
fn is_beginning(bytes: &[u8]) -> bool {
    let length = bytes.len().min(RESET.len());
    bytes[..length] == RESET[..length]
}
