//! What this runtime can do, and on what that depends.

use meshkat_runtime::{Capabilities, Capability};
use serde::{Deserialize, Serialize};

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
        | Capability::Logs
        | Capability::Images => None,
        Capability::Programs => Some("the group has an `image`, too"),
    }
}

/// What it can do whatever the daemon's kernel can.
pub(crate) fn always() -> Capabilities {
    let reason = "its pods are containers; a group with an `image`, too, runs here as well";
    Capabilities::all().without(Capability::Programs, reason)
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
        conditional.fold(always(), |capabilities, (capability, condition)| {
            match found(capability) {
                (true, _) => capabilities,
                (false, reason) => {
                    let reason = reason.clone().unwrap_or_else(|| format!("it can where {condition}"));
                    capabilities.without(capability, reason)
                }
            }
        })
    }
}
