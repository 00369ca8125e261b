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
        | Capability::Images
        | Capability::SourceAddress => None,
        Capability::Programs => Some("the group has an `image`, too"),
    }
}

/// Why this runtime cannot do it on any machine; none if it can somewhere.
pub fn missing(capability: Capability) -> Option<&'static str> {
    (capability == Capability::SourceAddress)
        .then_some("its pods have a network of their own, which nothing from 127.0.0.0/8 reaches")
}

/// Everything but what it cannot do on any machine, or of itself.
pub(crate) fn possible() -> Capabilities {
    let missing = Capability::ALL
        .into_iter()
        .filter_map(|capability| Some((capability, missing(capability)?)));
    let reason = "its pods are containers; a group with an `image`, too, runs here as well";
    let own = Capabilities::all().without(Capability::Programs, reason);
    missing.fold(own, |all, (capability, reason)| all.without(capability, reason))
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
        conditional.fold(possible(), |capabilities, (capability, condition)| {
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
