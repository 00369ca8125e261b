//! What a backend can do, and why not the rest.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Something that a case may need of a backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Capability {
    /// Stop a container gracefully, and start it again.
    Stop,
    /// End a container without a goodbye.
    Kill,
    /// Freeze a container and let it go on.
    Pause,
    /// Act on one container of a pod and leave the other.
    SingleContainer,
    /// Add pods to a group and take them away.
    Scale,
    /// Read what a container wrote.
    Logs,
    /// Take a pod off the network, and drop or refuse what two pods send one another.
    CutNetwork,
    /// Delay and lose what two pods send one another.
    ShapeNetwork,
    /// Send to a pod from an address that is chosen, which the pod sees.
    SourceAddress,
    /// Have a program of this machine as an application.
    Programs,
    /// Have an image as an application.
    Images,
}

impl Capability {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Stop,
        Self::Kill,
        Self::Pause,
        Self::SingleContainer,
        Self::Scale,
        Self::Logs,
        Self::CutNetwork,
        Self::ShapeNetwork,
        Self::SourceAddress,
        Self::Programs,
        Self::Images,
    ];
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stop => "stop a container",
            Self::Kill => "kill a container",
            Self::Pause => "pause a container",
            Self::SingleContainer => "act on one container of a pod",
            Self::Scale => "add and remove pods",
            Self::Logs => "read logs",
            Self::CutNetwork => "cut the network between pods",
            Self::ShapeNetwork => "delay and lose what pods send one another",
            Self::SourceAddress => "send from a chosen address",
            Self::Programs => "run a program of this machine (`command`)",
            Self::Images => "run an image (`image`)",
        })
    }
}

/// What a backend can do: everything but what is listed here, each with its reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capabilities {
    missing: BTreeMap<Capability, String>,
}

impl Capabilities {
    /// Everything.
    pub fn all() -> Self {
        Self::default()
    }

    /// The same without one, for a reason that a report can show.
    #[must_use]
    pub fn without(mut self, capability: Capability, reason: impl Into<String>) -> Self {
        self.missing.insert(capability, reason.into());
        self
    }

    /// Whether the backend can do it.
    pub fn has(&self, capability: Capability) -> bool {
        !self.missing.contains_key(&capability)
    }

    /// Why it cannot; none when it can.
    pub fn reason(&self, capability: Capability) -> Option<&str> {
        self.missing.get(&capability).map(String::as_str)
    }

    /// What is missing, each with its reason.
    pub fn missing(&self) -> impl Iterator<Item = (Capability, &str)> {
        self.missing
            .iter()
            .map(|(capability, reason)| (*capability, reason.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_has_its_reason() {
        let capabilities = Capabilities::all().without(Capability::CutNetwork, "no root");
        assert!(capabilities.has(Capability::Pause));
        assert_eq!(capabilities.reason(Capability::Pause), None);
        assert!(!capabilities.has(Capability::CutNetwork));
        assert_eq!(capabilities.reason(Capability::CutNetwork), Some("no root"));
        assert_eq!(
            capabilities.missing().collect::<Vec<_>>(),
            [(Capability::CutNetwork, "no root")]
        );
    }
}
