//! The images that pods run: built from what is on this machine, and again only when that has changed.

mod build;
mod content;

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bollard::Docker;
use bollard::query_parameters::CreateImageOptions;
use futures::StreamExt;
use meshkat_model::mesh::Service;
use rustix::fs::{FlockOperation, flock};

use super::mark::Mark;
use super::options::DockerOptions;
use crate::RuntimeError;
use crate::run::folder::failed;
use crate::run::owner::Owner;
use content::{Content, Hashes};

const SERVICES: &str = include_str!("../../../../../docker/services.Dockerfile");
const ENVOY: &str = include_str!("../../../../../docker/envoy.Dockerfile");

/// The program that is in every image: it holds a pod's network, and starts Envoy.
pub(super) const POD: &str = "meshkat-pod";

/// How long a registry may take to say whether it has an image.
const ANSWER: Duration = Duration::from_secs(10);

/// How long an image may take to come once it is on its way.
const PULL: Duration = Duration::from_secs(300);

/// The images of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Images {
    /// With the services, and what holds a pod's network.
    pub services: String,
    /// With Envoy.
    pub envoy: String,
}

impl Images {
    /// The images of what is on this machine now; those that are not there are built.
    pub(super) async fn ensure(docker: &Docker, options: &DockerOptions, owner: &Owner) -> Result<Self, RuntimeError> {
        let state_dir = options.state_dir.clone();
        std::fs::create_dir_all(&state_dir).map_err(failed("make the folder", &state_dir))?;
        let contents = {
            let options = options.clone();
            tokio::task::spawn_blocking(move || Contents::of(&options)).await
        };
        let contents = contents.map_err(|error| RuntimeError::Other {
            message: format!("failed to look at the services: {error}"),
            help: None,
        })??;
        let services = format!("meshkat/services:{}", contents.services.1);
        let based = format!("meshkat/envoy:{}-{}", options.envoy_version, contents.based.1);
        let local = format!("meshkat/envoy:{}-{}", options.envoy_version, contents.local.1);
        let missing = !build::is_there(docker, &services).await?;
        let envoy = match (
            build::is_there(docker, &based).await?,
            build::is_there(docker, &local).await?,
        ) {
            (true, _) if !options.envoy_by_path => Some(based.clone()),
            (_, true) => Some(local.clone()),
            _ => None,
        };
        if let (false, Some(envoy)) = (missing, &envoy) {
            return Ok(Self {
                services,
                envoy: envoy.clone(),
            });
        }
        let _turn = turn(&state_dir).await?;
        let mark = Mark::begin(owner, "images").await?;
        let made = Self::make(docker, options, contents, (services, envoy), (based, local)).await;
        mark.end().await?;
        made
    }

    /// Builds what is not there.
    async fn make(
        docker: &Docker,
        options: &DockerOptions,
        contents: Contents,
        (services, envoy): (String, Option<String>),
        (based, local): (String, String),
    ) -> Result<Self, RuntimeError> {
        let tell = &*options.tell;
        // Somebody else may have built it meanwhile.
        if !build::is_there(docker, &services).await? {
            tell(&format!("building the image {services}"));
            build::build(docker, &services, contents.services.0, HashMap::new(), tell).await?;
        }
        let envoy = match envoy {
            Some(envoy) => envoy,
            None => {
                let base = format!("envoyproxy/envoy:v{}", options.envoy_version);
                let (image, content, arguments) = if !options.envoy_by_path && pull(docker, &base, tell).await {
                    (based, contents.based.0, HashMap::from([("BASE".to_owned(), base)]))
                } else {
                    (local, contents.local.0, HashMap::new())
                };
                if !build::is_there(docker, &image).await? {
                    tell(&format!("building the image {image}"));
                    build::build(docker, &image, content, arguments, tell).await?;
                }
                image
            }
        };
        Ok(Self { services, envoy })
    }
}

/// Removes the images that meshes were run with and that no container uses: the next run builds what it needs again. Gives
/// their names.
///
/// # Errors
/// Docker cannot be reached.
pub async fn remove_images() -> Result<Vec<String>, RuntimeError> {
    build::remove_unused(&super::daemon::connect().await?).await
}

/// What the images are made from, each with its tag.
struct Contents {
    services: (Content, String),
    /// On the image of the Envoy project.
    based: (Content, String),
    /// On nothing, with the Envoy of this machine.
    local: (Content, String),
}

impl Contents {
    /// Blocks.
    fn of(options: &DockerOptions) -> Result<Self, RuntimeError> {
        let memory = options.state_dir.join("hashes.json");
        let mut hashes = Hashes::read(&memory);
        let binary = |name: &str| options.services_dir.join(name);
        let mut services = Content::new(SERVICES);
        for service in [Service::Pet, Service::Petstore, Service::Echo, Service::Sds] {
            let path = existing(binary(service.name()), service.name())?;
            services.program("rootfs", &format!("/usr/local/bin/{}", service.name()), &path)?;
        }
        let pod = existing(binary(POD), POD)?;
        services.program("rootfs", &format!("/usr/local/bin/{POD}"), &pod)?;
        services.folder("state/");
        let mut based = Content::new(ENVOY);
        based.portable("rootfs/meshkat", POD, &pod)?;
        let mut local = based.clone();
        local.program("rootfs", "/usr/local/bin/envoy", &options.envoy)?;
        let mut tagged = |content: Content| -> Result<_, RuntimeError> {
            let tag = content.tag(&mut hashes)?;
            Ok((content, tag))
        };
        let contents = Self {
            services: tagged(services)?,
            based: tagged(based)?,
            local: tagged(local)?,
        };
        hashes.write(&memory);
        Ok(contents)
    }
}

fn existing(path: PathBuf, service: &'static str) -> Result<PathBuf, RuntimeError> {
    if path.is_file() {
        Ok(path)
    } else {
        Err(RuntimeError::MissingService { service, path })
    }
}

/// Gets an image from a registry; whether it is there now. That no registry answers is no error: there is another way.
async fn pull(docker: &Docker, image: &str, tell: &(dyn Fn(&str) + Send + Sync)) -> bool {
    if matches!(build::is_there(docker, image).await, Ok(true)) {
        return true;
    }
    tell(&format!("looking for {image}"));
    let options = CreateImageOptions {
        from_image: Some(image.to_owned()),
        ..Default::default()
    };
    let mut steps = Box::pin(docker.create_image(Some(options), None, None));
    let mut limit = ANSWER;
    let outcome = loop {
        match tokio::time::timeout(limit, steps.next()).await {
            Err(_) => break Err("it does not answer in time".to_owned()),
            Ok(None) => break Ok(()),
            Ok(Some(Err(error))) => break Err(super::daemon::message(&error)),
            Ok(Some(Ok(step))) => {
                limit = PULL;
                if let Some(trouble) = step.error_detail.and_then(|detail| detail.message) {
                    break Err(trouble);
                }
            }
        }
    };
    match outcome {
        Ok(()) => true,
        Err(why) => {
            tell(&format!(
                "{image} cannot be had, so the Envoy of this machine is used: {why}"
            ));
            false
        }
    }
}

/// Waits for one's turn to build images; it ends when the file is dropped.
async fn turn(state_dir: &Path) -> Result<File, RuntimeError> {
    let path = lock_file(state_dir);
    let locked = tokio::task::spawn_blocking(move || {
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(failed("open", &path))?;
        flock(&file, FlockOperation::LockExclusive).map_err(|error| failed("lock", &path)(error.into()))?;
        Ok(file)
    });
    locked.await.map_err(|error| RuntimeError::Other {
        message: format!("failed to wait for other builds: {error}"),
        help: None,
    })?
}

/// What is held by whoever builds images.
pub(super) fn lock_file(state_dir: &Path) -> PathBuf {
    state_dir.join("images.lock")
}
