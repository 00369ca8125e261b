//! What can be done to the network of a mesh.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::capability::Capability;

/// What is done to all that pods send one another, in both directions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum NetworkFault {
    /// The pod is taken off the network, with its address: nobody reaches it, and nobody is told.
    Disconnect,
    /// What is sent vanishes: nobody is told. Connections stay open until somebody gives them up.
    BlackHole,
    /// New connections are refused at once, and open ones are reset.
    Refuse,
    /// Each packet takes longer on its way.
    Latency {
        /// By how much, in each direction.
        delay: Duration,
    },
    /// Some packets are lost, at random.
    Loss {
        /// The share that is lost in each direction: 0 is none, 1 is all.
        share: f64,
    },
}

impl NetworkFault {
    /// What a runtime has to be able to do for it.
    pub fn needs(self) -> Capability {
        match self {
            Self::Disconnect | Self::BlackHole | Self::Refuse => Capability::CutNetwork,
            Self::Latency { .. } | Self::Loss { .. } => Capability::ShapeNetwork,
        }
    }
}

impl fmt::Display for NetworkFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disconnect => f.write_str("disconnect"),
            Self::BlackHole => f.write_str("black-hole"),
            Self::Refuse => f.write_str("refuse"),
            Self::Latency { delay } => write!(f, "latency of {delay:?}"),
            Self::Loss { share } => write!(f, "loss of {} %", share * 100.0),
        }
    }
}
