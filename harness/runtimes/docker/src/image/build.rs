//! Building an image through the daemon.

use std::collections::HashMap;
use std::io::{self, Write};

use bollard::Docker;
use bollard::models::ImageSummary;
use bollard::query_parameters::{BuildImageOptions, ListImagesOptions, RemoveImageOptions};
use bytes::Bytes;
use futures::{StreamExt, stream};
use meshkat_runtime::{Printable, RuntimeError};
use tokio::sync::mpsc;

use super::content::Content;
use crate::daemon::{failed, is_missing, message};
use crate::labels;

/// How many pieces of a context may wait to be sent.
const PIECES: usize = 4;

/// How large a piece is, in bytes.
const PIECE: usize = 1 << 20;

/// Whether an image is there.
pub(super) async fn is_there(docker: &Docker, image: &str) -> Result<bool, RuntimeError> {
    match docker.inspect_image(image).await {
        Ok(_) => Ok(true),
        Err(error) if is_missing(&error) => Ok(false),
        Err(error) => Err(failed("look for an image")(error)),
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
                let told = info.error_detail.and_then(|detail| detail.message);
                trouble = told.map(|told| Printable(&told).to_string()).or(trouble);
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
    RuntimeError::other(format!("the image {image} cannot be built: {trouble}")).with_help(help.to_owned())
}

/// Removes images that no container uses; gives the names of those that are gone.
///
/// # Errors
/// The images cannot be listed.
pub(super) async fn remove_unused(docker: &Docker) -> Result<Vec<String>, RuntimeError> {
    let mut removed = Vec::new();
    for image in list(docker, labels::with(labels::IMAGE, None)).await? {
        for tag in image.repo_tags.iter().filter(|tag| is_built(tag, &image.labels)) {
            // One that a container uses stays.
            let gone = docker.remove_image(tag, None::<RemoveImageOptions>, None).await;
            if gone.is_ok() {
                removed.push(tag.clone());
            }
        }
    }
    Ok(removed)
}

/// Removes what builds began and did not finish: it has no name.
///
/// # Errors
/// The images cannot be listed.
pub(super) async fn remove_unfinished(docker: &Docker) -> Result<(), RuntimeError> {
    let mut filters = labels::with(labels::IMAGE, None);
    filters.insert("dangling".to_owned(), vec!["true".to_owned()]);
    let images = list(docker, filters).await?;
    for image in &images {
        let is_ours = is_layer(&image.labels) || is_whole(&image.labels) && ends_so(docker, &image.id).await;
        if !is_ours {
            continue;
        }
        // Somebody else may have been quicker, or a container may use it.
        if let Err(error) = docker.remove_image(&image.id, None::<RemoveImageOptions>, None).await {
            tracing::debug!(image = image.id, error = message(&error), "an unfinished image is left");
        }
    }
    Ok(())
}

async fn list(docker: &Docker, filters: HashMap<String, Vec<String>>) -> Result<Vec<ImageSummary>, RuntimeError> {
    let options = ListImagesOptions {
        filters: Some(filters),
        ..Default::default()
    };
    docker.list_images(Some(options)).await.map_err(failed("list images"))
}

/// Whether that name of an image is one that a build of ours gives: what is built on one of our images has its labels, too.
fn is_built(tag: &str, labels: &HashMap<String, String>) -> bool {
    let Some((name, version)) = tag.split_once(':') else {
        return false;
    };
    let kind = labels.get(labels::IMAGE).map(String::as_str);
    let is_kind = matches!(
        (name, kind),
        ("meshkat/services", Some("services")) | ("meshkat/envoy", Some("envoy"))
    );
    is_kind && labels.get(labels::CONTENT).is_some_and(|content| content == version)
}

/// Whether it is a layer of a build of ours that was cut short: the last layer alone says what all were made from, and so does
/// everything that is built on it.
fn is_layer(labels: &HashMap<String, String>) -> bool {
    is_kind(labels) && !labels.contains_key(labels::CONTENT)
}

/// Whether it is the last layer of a build, which was cut short before it had its name, or something that is built on one.
fn is_whole(labels: &HashMap<String, String>) -> bool {
    is_kind(labels) && labels.contains_key(labels::CONTENT)
}

fn is_kind(labels: &HashMap<String, String>) -> bool {
    matches!(
        labels.get(labels::IMAGE).map(String::as_str),
        Some("services" | "envoy")
    )
}

/// Whether the last that was done to make an image is what a build does last.
async fn ends_so(docker: &Docker, image: &str) -> bool {
    let steps = docker.image_history(image).await.unwrap_or_default();
    steps.first().is_some_and(|step| is_last_step(&step.created_by))
}

fn is_last_step(command: &str) -> bool {
    command.contains(&format!("LABEL {}=", labels::CONTENT))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(of: &[(&str, &str)]) -> HashMap<String, String> {
        of.iter()
            .map(|(label, value)| ((*label).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn only_the_names_that_a_build_gives_are_taken_away() {
        let services = labels(&[(labels::IMAGE, "services"), (labels::CONTENT, "0123456789abcdef")]);
        assert!(is_built("meshkat/services:0123456789abcdef", &services));
        let envoy = labels(&[(labels::IMAGE, "envoy"), (labels::CONTENT, "1.40.0-0123456789abcdef")]);
        assert!(is_built("meshkat/envoy:1.40.0-0123456789abcdef", &envoy));
        // Somebody's own names for ours, and what somebody has built on ours.
        for tag in [
            "meshkat/services:latest",
            "meshkat/debug:0123456789abcdef",
            "meshkat/envoy:0123456789abcdef",
            "registry:5000/meshkat/services:0123456789abcdef",
            "database",
        ] {
            assert!(!is_built(tag, &services), "{tag}");
        }
        assert!(!is_built("meshkat/services:", &labels(&[(labels::IMAGE, "services")])));
    }

    #[test]
    fn what_is_built_on_an_image_of_ours_is_not_unfinished() {
        assert!(is_layer(&labels(&[(labels::IMAGE, "services")])));
        let whole = labels(&[(labels::IMAGE, "services"), (labels::CONTENT, "x")]);
        assert!(!is_layer(&whole) && is_whole(&whole));
        assert!(is_last_step("/bin/sh -c #(nop)  LABEL meshkat.content=x"));
        assert!(!is_last_step("/bin/sh -c #(nop) COPY file:1 in / "));
        for other in [labels(&[(labels::IMAGE, "mine"), (labels::CONTENT, "x")]), labels(&[])] {
            assert!(!is_layer(&other) && !is_whole(&other));
        }
    }
}
