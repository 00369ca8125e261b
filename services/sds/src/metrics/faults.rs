//! What is counted of faults on purpose.

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::transport::Transport;

/// The kinds of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(crate) enum FaultKind {
    Delay,
    Refuse,
    Hang,
    Cut,
    Garbage,
    Invalid,
    Empty,
    Flap,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct InForce {
    kind: FaultKind,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Struck {
    kind: FaultKind,
    transport: Transport,
}

/// The fault in force, and what faults have done since the start.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    in_force: Family<InForce, Gauge>,
    struck: Family<Struck, Counter>,
}

impl Faults {
    pub(super) fn register(&self, all: &mut Registry) {
        all.register(
            "fault",
            "1 for the fault in force, if there is one",
            self.in_force.clone(),
        );
        all.register(
            "faulted",
            "Answers, streams and connections that a fault struck",
            self.struck.clone(),
        );
    }

    /// This fault is in force from now on, or none.
    pub(crate) fn in_force(&self, kind: Option<FaultKind>) {
        self.in_force.clear();
        if let Some(kind) = kind {
            self.in_force.get_or_create(&InForce { kind }).set(1);
        }
    }

    /// A fault struck an answer, a stream or a connection.
    pub(crate) fn struck(&self, kind: FaultKind, transport: Transport) {
        self.struck.get_or_create(&Struck { kind, transport }).inc();
    }
}
