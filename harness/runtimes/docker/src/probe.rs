//! Asking what the daemon's kernel can do to a network.

use std::path::Path;

use bollard::models::{ContainerCreateBody, HostConfig};
use futures::StreamExt;
use meshkat_runtime::run::{Begun, RuntimeName};
use meshkat_runtime::{Printable, RuntimeError};
use serde::{Deserialize, Serialize};

use crate::api;
use crate::capability::Probed;
use crate::core::Core;
use crate::daemon::failed;
use crate::image::POD;
use crate::labels;
use crate::launch::Launch;
use crate::limits::Limits;
use crate::remove;

/// How large what was found out may be, in bytes.
const LARGEST: u64 = 64 << 10;

/// What was found out, and of whom.
#[derive(Debug, Serialize, Deserialize)]
struct Known {
    of: String,
    able: Probed,
}

/// Asks in a container, once for each daemon, kernel and version of this program. `image` is that of the services, which is built
/// only if it is asked for.
pub(crate) async fn find_out(
    core: &Core,
    image: impl Future<Output = Result<&str, RuntimeError>>,
) -> Result<Probed, RuntimeError> {
    let info = core.docker.info().await.map_err(failed("ask Docker about itself"))?;
    let of = format!(
        "{} {} {}",
        info.id.unwrap_or_default(),
        info.kernel_version.unwrap_or_default(),
        env!("CARGO_PKG_VERSION")
    );
    let memory = core.options.state_dir.join("docker.json");
    if let Some(known) = read(&memory).filter(|known| known.of == of) {
        return Ok(known.able);
    }
    let image = image.await?;
    let mark = Begun::begin(&core.owner, RuntimeName::Docker, "able").await?;
    let launch = Launch {
        name: labels::sandbox(&mark.id, "able"),
        body: ContainerCreateBody {
            image: Some(image.to_owned()),
            user: Some("0:0".to_owned()),
            entrypoint: Some(vec![format!("/usr/local/bin/{POD}")]),
            cmd: Some(vec!["net".to_owned(), "can".to_owned()]),
            labels: Some(labels::of_run(&mark.id, &core.options.state_dir)),
            host_config: Some(HostConfig {
                // A network of nobody's, with a loopback interface alone.
                network_mode: Some("none".to_owned()),
                cap_add: Some(vec!["NET_ADMIN".to_owned()]),
                ..Limits::Sandbox.host_config()
            }),
            ..Default::default()
        },
        log: None,
    };
    api::create(&core.docker, &launch).await?;
    let asked = ask(core, &launch.name).await;
    let removed = remove::run(&core.docker, &mark.id).await;
    let able = asked?;
    removed?;
    mark.end().await?;
    let known = Known { of, able };
    if let Ok(text) = serde_json::to_vec(&known) {
        // Not to remember it costs the next run a moment.
        let _ = meshkat_files::write_private(&memory, text);
    }
    Ok(known.able)
}

async fn ask(core: &Core, name: &str) -> Result<Probed, RuntimeError> {
    let mut output = api::attach(&core.docker, name).await?.output;
    api::start(&core.docker, name).await?;
    let mut text = Vec::new();
    while let Some(Ok(piece)) = output.next().await {
        text.extend_from_slice(&piece.into_bytes());
    }
    serde_json::from_slice(&text).map_err(|_| {
        RuntimeError::other(format!(
            "{POD} does not say what the kernel can do to a network: {}",
            Printable(String::from_utf8_lossy(&text).trim())
        ))
    })
}

fn read(memory: &Path) -> Option<Known> {
    serde_json::from_slice(&meshkat_files::read(memory, LARGEST).ok()?).ok()
}
