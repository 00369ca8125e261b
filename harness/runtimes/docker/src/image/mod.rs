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
use meshkat_model::program::Program;
use rustix::fs::{FlockOperation, flock};

use crate::core::Core;
use crate::options::DockerOptions;
use content::{Content, Hashes};
use meshkat_runtime::run::{Begun, RuntimeName, open_state_dir};
use meshkat_runtime::{LocalEnvoy, Printable, RuntimeError, failed};

const SERVICES: &str = include_str!("../../../../../docker/services.Dockerfile");
const ENVOY: &str = include_str!("../../../../../docker/envoy.Dockerfile");

/// The program that is in every image: it holds a pod's network, and starts Envoy.
pub(crate) const POD: &str = "meshkat-pod";

/// How long a registry may take to say whether it has an image.
const ANSWER: Duration = Duration::from_secs(10);

/// How long an image may take to come once it is on its way.
const PULL: Duration = Duration::from_secs(300);

/// The images of a mesh.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Images {
    /// With the services, and what holds a pod's network.
    pub services: String,
    /// With Envoy.
    pub envoy: String,
}

/// The image of the services that are on this machine now; built where it is not there.
pub(crate) async fn services(core: &Core) -> Result<String, RuntimeError> {
    let (content, tag) = contents(core, of_services).await?;
    let image = format!("meshkat/services:{tag}");
    if build::is_there(&core.docker, &image).await? {
        return Ok(image);
    }
    in_turn(core, async || {
        ensure(core, &image, content, HashMap::new()).await?;
        Ok(image)
    })
    .await
}

/// The image of an Envoy: on that of the Envoy project if a registry has it, and with the Envoy of this machine otherwise; built
/// where it is not there.
pub(crate) async fn envoy(core: &Core, envoy: &LocalEnvoy) -> Result<String, RuntimeError> {
    let path = envoy.path.clone();
    let (based, local) = contents(core, move |options, hashes| of_envoy(options, &path, hashes)).await?;
    let image = |tag: &str| format!("meshkat/envoy:{}-{tag}", envoy.version);
    let (on_base, on_nothing) = (image(&based.1), image(&local.1));
    if !envoy.by_path && build::is_there(&core.docker, &on_base).await? {
        return Ok(on_base);
    }
    if build::is_there(&core.docker, &on_nothing).await? {
        return Ok(on_nothing);
    }
    in_turn(core, async || {
        let base = format!("envoyproxy/envoy:v{}", envoy.version);
        let has_base = !envoy.by_path && pull(&core.docker, &base, &*core.options.tell).await;
        let (image, content, arguments) = if has_base {
            (on_base, based.0, HashMap::from([("BASE".to_owned(), base)]))
        } else {
            (on_nothing, local.0, HashMap::new())
        };
        ensure(core, &image, content, arguments).await?;
        Ok(image)
    })
    .await
}

/// Builds an image, unless somebody else has built it meanwhile.
async fn ensure(
    core: &Core,
    image: &str,
    content: Content,
    arguments: HashMap<String, String>,
) -> Result<(), RuntimeError> {
    if build::is_there(&core.docker, image).await? {
        return Ok(());
    }
    let tell = &*core.options.tell;
    tell(&format!("building the image {image}"));
    build::build(&core.docker, image, content, arguments, tell).await
}

/// Does what makes an image, when nobody else on this machine does.
async fn in_turn<T>(core: &Core, make: impl AsyncFnOnce() -> Result<T, RuntimeError>) -> Result<T, RuntimeError> {
    let _turn = turn(&core.options.state_dir).await?;
    let mark = Begun::begin(&core.owner, RuntimeName::Docker, "images").await?;
    let made = make().await;
    mark.end().await?;
    made
}

/// Removes the images that meshes were run with and that no container uses: the next run builds what it needs again. Gives
/// their names.
///
/// # Errors
/// Docker cannot be reached.
pub async fn remove_images() -> Result<Vec<String>, RuntimeError> {
    build::remove_unused(&crate::daemon::connect().await?).await
}

/// Removes what builds began and did not finish.
///
/// # Errors
/// Docker does not list its images.
pub(crate) async fn remove_unfinished(docker: &Docker) -> Result<(), RuntimeError> {
    build::remove_unfinished(docker).await
}

/// What an image is made from, and its tag.
type Tagged = (Content, String);

/// Looks at what images are made from, on a thread that may block.
async fn contents<T: Send + 'static>(
    core: &Core,
    of: impl FnOnce(&DockerOptions, &mut Hashes) -> Result<T, RuntimeError> + Send + 'static,
) -> Result<T, RuntimeError> {
    let options = core.options.clone();
    let state_dir = &options.state_dir;
    open_state_dir(state_dir)?;
    let looked = tokio::task::spawn_blocking(move || {
        let memory = options.state_dir.join("hashes.json");
        let mut hashes = Hashes::read(&memory);
        let contents = of(&options, &mut hashes)?;
        hashes.write(&memory);
        Ok(contents)
    });
    looked
        .await
        .map_err(|error| RuntimeError::other(format!("failed to look at what images are made from: {error}")))?
}

fn tagged(content: Content, hashes: &mut Hashes) -> Result<Tagged, RuntimeError> {
    let tag = content.tag(hashes)?;
    Ok((content, tag))
}

/// Blocks.
fn of_services(options: &DockerOptions, hashes: &mut Hashes) -> Result<Tagged, RuntimeError> {
    let binary = |name: &str| options.services_dir.join(name);
    let mut services = Content::new(SERVICES);
    for service in Service::ALL {
        let path = existing(binary(service.name()), service.name())?;
        services.program("rootfs", &format!("/usr/local/bin/{}", service.name()), &path)?;
    }
    let pod = existing(binary(POD), POD)?;
    services.program("rootfs", &format!("/usr/local/bin/{POD}"), &pod)?;
    services.folder("state/");
    tagged(services, hashes)
}

/// On the image of the Envoy project, and on nothing with the Envoy of this machine. Blocks.
fn of_envoy(options: &DockerOptions, envoy: &Path, hashes: &mut Hashes) -> Result<(Tagged, Tagged), RuntimeError> {
    let pod = existing(options.services_dir.join(POD), POD)?;
    let mut based = Content::new(ENVOY);
    based.portable("rootfs/meshkat", POD, &pod)?;
    let mut local = based.clone();
    local.program("rootfs", "/usr/local/bin/envoy", envoy)?;
    Ok((tagged(based, hashes)?, tagged(local, hashes)?))
}

fn existing(path: PathBuf, service: &'static str) -> Result<PathBuf, RuntimeError> {
    if path.is_file() {
        Ok(path)
    } else {
        Err(RuntimeError::missing_service(service, &path))
    }
}

/// Sees to it that an image of a user's own is there.
///
/// # Errors
/// It is not there, and no registry gives it; or the program has none.
pub(crate) async fn of_ones_own(core: &Core, program: &Program) -> Result<(), RuntimeError> {
    let Some(image) = &program.image else {
        let message = format!(
            "the program `{}` cannot be run in a container ({})",
            program.name(),
            program.place
        );
        return Err(RuntimeError::other(message).with_help("give the group an `image`, too".to_owned()));
    };
    let missing = |why| {
        RuntimeError::other(format!("there is no image `{image}` ({}): {why}", program.place))
            .with_help(format!("build it or load it; try: docker pull {image}"))
    };
    fetch(&core.docker, image, &*core.options.tell).await.map_err(missing)
}

/// Gets an image from a registry; whether it is there now. That no registry answers is no error: there is another way.
async fn pull(docker: &Docker, image: &str, tell: &(dyn Fn(&str) + Send + Sync)) -> bool {
    let fetched = fetch(docker, image, tell).await;
    if let Err(why) = &fetched {
        tell(&format!(
            "{image} cannot be had, so the Envoy of this machine is used: {why}"
        ));
    }
    fetched.is_ok()
}

/// Gets an image from a registry, unless it is there.
///
/// # Errors
/// Why it is not there, in words.
async fn fetch(docker: &Docker, image: &str, tell: &(dyn Fn(&str) + Send + Sync)) -> Result<(), String> {
    if matches!(build::is_there(docker, image).await, Ok(true)) {
        return Ok(());
    }
    tell(&format!("looking for {image}"));
    let options = CreateImageOptions {
        from_image: Some(image.to_owned()),
        ..Default::default()
    };
    let mut steps = Box::pin(docker.create_image(Some(options), None, None));
    let mut limit = ANSWER;
    loop {
        match tokio::time::timeout(limit, steps.next()).await {
            Err(_) => break Err("it does not answer in time".to_owned()),
            Ok(None) => break Ok(()),
            Ok(Some(Err(error))) => break Err(crate::daemon::message(&error)),
            Ok(Some(Ok(step))) => {
                limit = PULL;
                if let Some(trouble) = step.error_detail.and_then(|detail| detail.message) {
                    break Err(Printable(&trouble).to_string());
                }
            }
        }
    }
}

/// Waits for one's turn to build images; it ends when the file is dropped.
async fn turn(state_dir: &Path) -> Result<File, RuntimeError> {
    let path = lock_file(state_dir);
    let locked = tokio::task::spawn_blocking(move || {
        let file = meshkat_files::open_lock(&path).map_err(failed("open", &path))?;
        flock(&file, FlockOperation::LockExclusive).map_err(|error| failed("lock", &path)(error.into()))?;
        Ok(file)
    });
    locked
        .await
        .map_err(|error| RuntimeError::other(format!("failed to wait for other builds: {error}")))?
}

/// What is held by whoever builds images.
pub(crate) fn lock_file(state_dir: &Path) -> PathBuf {
    state_dir.join("images.lock")
}
