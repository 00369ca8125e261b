//! What the daemon's kernel can do to a network.

use std::path::Path;

use bollard::models::{ContainerCreateBody, HostConfig};
use futures::StreamExt;
use meshkat_runtime::run::{Begun, RuntimeName};
use meshkat_runtime::{Capabilities, Capability, Printable, RuntimeError};
use serde::{Deserialize, Serialize};

use crate::backend::Core;
use crate::container;
use crate::daemon::failed;
use crate::image::POD;
use crate::labels;
use crate::launch::Launch;
use crate::limits::Limits;
use crate::remove;

/// What `meshkat-pod net can` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Probed {
    cut: bool,
    shape: bool,
    #[serde(default)]
    reasons: Reasons,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Reasons {
    cut: Option<String>,
    shape: Option<String>,
}

/// How large what was found out may be, in bytes.
const LARGEST: u64 = 64 << 10;

/// What was found out, and of whom.
#[derive(Debug, Serialize, Deserialize)]
struct Known {
    of: String,
    able: Probed,
}

/// What a capability of this runtime depends on; none if it is always there.
pub fn condition(capability: Capability) -> Option<&'static str> {
    match capability {
        Capability::CutNetwork => {
            Some("the daemon lets containers have CAP_NET_ADMIN (all do but the most restricted)")
        }
        Capability::ShapeNetwork => Some("the daemon's kernel has netem (CONFIG_NET_SCH_NETEM)"),
        Capability::Stop
        | Capability::Kill
        | Capability::Pause
        | Capability::SingleContainer
        | Capability::Scale
        | Capability::Logs => None,
    }
}

impl Probed {
    /// Everything that depends on nothing, and of the rest what was found.
    pub(crate) fn capabilities(&self) -> Capabilities {
        let found = |capability| match capability {
            Capability::CutNetwork => (self.cut, &self.reasons.cut),
            Capability::ShapeNetwork => (self.shape, &self.reasons.shape),
            _ => (true, &None),
        };
        let conditional = Capability::ALL
            .into_iter()
            .filter_map(|capability| Some((capability, condition(capability)?)));
        conditional.fold(
            Capabilities::all(),
            |capabilities, (capability, condition)| match found(capability) {
                (true, _) => capabilities,
                (false, reason) => {
                    let reason = reason.clone().unwrap_or_else(|| format!("it can where {condition}"));
                    capabilities.without(capability, reason)
                }
            },
        )
    }
}

/// Asks in a container, once for each daemon, kernel and version of this program.
pub(crate) async fn find_out(core: &Core) -> Result<Probed, RuntimeError> {
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
    let image = core.services().await?;
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
    container::create(&core.docker, &launch).await?;
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
    let mut output = container::attach(&core.docker, name).await?.output;
    container::start(&core.docker, name).await?;
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
