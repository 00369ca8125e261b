//! Building an image through the daemon.

use std::collections::HashMap;
use std::io::{self, Write};

use bollard::Docker;
use bollard::query_parameters::{BuildImageOptions, ListImagesOptions, RemoveImageOptions};
use bytes::Bytes;
use futures::{StreamExt, stream};
use tokio::sync::mpsc;

use super::content::Content;
use crate::RuntimeError;
use crate::docker::daemon::{is_missing, message};
use crate::docker::labels;

/// How many pieces of a context may wait to be sent.
const PIECES: usize = 4;

/// How large a piece is, in bytes.
const PIECE: usize = 1 << 20;

/// Whether an image is there.
pub(super) async fn is_there(docker: &Docker, image: &str) -> Result<bool, RuntimeError> {
    match docker.inspect_image(image).await {
        Ok(_) => Ok(true),
        Err(error) if is_missing(&error) => Ok(false),
        Err(error) => Err(crate::docker::daemon::failed("look for an image")(error)),
    }
}

/// Builds an image, telling each step.
///
/// # Errors
/// What the daemon says; a context that cannot be read.
pub(super) async fn build(
    docker: &Docker,
    image: &str,
    content: Content,
    arguments: HashMap<String, String>,
    tell: &(dyn Fn(&str) + Send + Sync),
) -> Result<(), RuntimeError> {
    let hash = image.rsplit(':').next().unwrap_or(image).to_owned();
    let options = BuildImageOptions {
        dockerfile: "Dockerfile".to_owned(),
        t: Some(image.to_owned()),
        rm: true,
        forcerm: true,
        buildargs: Some(arguments),
        labels: Some(HashMap::from([(labels::CONTENT.to_owned(), hash)])),
        // Layers of earlier builds are not used again: then removing an old image removes all of it.
        nocache: true,
        ..Default::default()
    };
    let (sender, receiver) = mpsc::channel(PIECES);
    let writing = tokio::task::spawn_blocking(move || {
        let mut pieces = Pieces {
            sender,
            piece: Vec::with_capacity(PIECE),
        };
        content.write(&mut pieces)?;
        // The daemon that does not take the rest says why.
        drop(pieces.flush());
        Ok::<_, RuntimeError>(())
    });
    let body = stream::unfold(receiver, async |mut receiver| {
        receiver.recv().await.map(|piece| (piece, receiver))
    });
    let mut steps = Box::pin(docker.build_image(options, None, Some(bollard::body_stream(body))));
    let mut trouble = None;
    while let Some(step) = steps.next().await {
        match step {
            Ok(info) => {
                // What each step did besides is of use to nobody but who writes Dockerfiles.
                if let Some(line) = info
                    .stream
                    .as_deref()
                    .map(str::trim)
                    .filter(|line| line.starts_with("Step "))
                {
                    tell(line);
                }
                trouble = info.error_detail.and_then(|detail| detail.message).or(trouble);
            }
            Err(error) => trouble = Some(message(&error)),
        }
    }
    let written = writing.await.map_err(|error| not_built(image, &error.to_string()))?;
    match trouble {
        Some(trouble) => Err(not_built(image, &trouble)),
        None => written,
    }
}

fn not_built(image: &str, trouble: &str) -> RuntimeError {
    // A daemon that has no room may hang up before it has all of what it is sent, and its answer is lost with that.
    let hung_up = trouble.contains("SendRequest") || trouble.contains("connection closed");
    let trouble = if hung_up {
        "Docker hung up before it had all of it"
    } else {
        trouble
    };
    let help = if hung_up || trouble.contains("no space left on device") {
        "make room if the disk is full: `docker system df` shows what Docker keeps, `docker system prune` removes what nothing uses"
    } else {
        "see whether Docker builds anything: printf 'FROM scratch\\nLABEL a=b\\n' | docker build -"
    };
    RuntimeError::Other {
        message: format!("the image {image} cannot be built: {trouble}"),
        help: Some(help.to_owned()),
    }
}

/// Removes images that no container uses; gives the names of those that are gone.
///
/// # Errors
/// The images cannot be listed.
pub(super) async fn remove_unused(docker: &Docker) -> Result<Vec<String>, RuntimeError> {
    let options = ListImagesOptions {
        filters: Some(labels::with(labels::IMAGE, None)),
        ..Default::default()
    };
    let images = docker
        .list_images(Some(options))
        .await
        .map_err(crate::docker::daemon::failed("list images"))?;
    let mut removed = Vec::new();
    for tag in images.into_iter().flat_map(|image| image.repo_tags) {
        // One that a container uses stays.
        if tag.starts_with("meshkat/")
            && docker
                .remove_image(&tag, None::<RemoveImageOptions>, None)
                .await
                .is_ok()
        {
            removed.push(tag);
        }
    }
    Ok(removed)
}

/// Hands what is written to it on in pieces.
struct Pieces {
    sender: mpsc::Sender<Bytes>,
    piece: Vec<u8>,
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE));
        self.sender
            .blocking_send(piece.into())
            .map_err(|_| io::Error::new(io::ErrorKind::BrokenPipe, "the daemon takes no more"))
    }
}
