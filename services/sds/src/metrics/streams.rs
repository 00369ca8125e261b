//! What is counted of gRPC streams.

use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::resources::Kind;
use crate::transport::Transport;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct By {
    transport: Transport,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByType {
    transport: Transport,
    resources: Resources,
}

/// A type, or all those that are not served: a label takes no text that clients make up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Resources(Option<Kind>);

impl EncodeLabelValue for Resources {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> std::fmt::Result {
        match self.0 {
            Some(kind) => kind.encode(encoder),
            None => "Unknown".encode(encoder),
        }
    }
}

/// Counters since the start, and the streams that are open.
#[derive(Debug)]
pub(crate) struct Streams {
    open: Family<By, Gauge>,
    pushes: Family<ByType, Counter>,
    bytes: Family<ByType, Counter>,
    acks: Family<ByType, Counter>,
    nacks: Family<ByType, Counter>,
    stale: Family<By, Counter>,
    change_to_ack: Family<By, Histogram>,
}

impl Default for Streams {
    fn default() -> Self {
        Self {
            open: Family::default(),
            pushes: Family::default(),
            bytes: Family::default(),
            acks: Family::default(),
            nacks: Family::default(),
            stale: Family::default(),
            // From half a millisecond to eight seconds.
            change_to_ack: Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.0005, 2.0, 15))),
        }
    }
}

impl Streams {
    pub(super) fn register(&self, all: &mut Registry) {
        all.register("streams", "gRPC streams that are open", self.open.clone());
        all.register("pushes", "Responses sent on gRPC streams", self.pushes.clone());
        all.register(
            "push_bytes",
            "Bytes of the responses sent on gRPC streams",
            self.bytes.clone(),
        );
        all.register("acks", "Responses that clients took", self.acks.clone());
        all.register("nacks", "Responses that clients refused", self.nacks.clone());
        all.register(
            "stale_requests",
            "Answers of clients to responses that were past already",
            self.stale.clone(),
        );
        all.register(
            "change_to_ack_seconds",
            "Time from a change to the ACK of the response that brought it",
            self.change_to_ack.clone(),
        );
    }

    /// A stream has begun (1) or ended (-1).
    pub(crate) fn stream(&self, transport: Transport, change: i64) {
        self.open.get_or_create(&By { transport }).inc_by(change);
    }

    pub(crate) fn push(&self, transport: Transport, kind: Option<Kind>, bytes: usize) {
        let labels = by_type(transport, kind);
        self.pushes.get_or_create(&labels).inc();
        self.bytes.get_or_create(&labels).inc_by(bytes as u64);
    }

    /// A response was taken, and so long after the change that it brought, if it brought one.
    pub(crate) fn ack(&self, transport: Transport, kind: Option<Kind>, after: Option<Duration>) {
        self.acks.get_or_create(&by_type(transport, kind)).inc();
        if let Some(after) = after {
            self.change_to_ack
                .get_or_create(&By { transport })
                .observe(after.as_secs_f64());
        }
    }

    pub(crate) fn nack(&self, transport: Transport, kind: Option<Kind>) {
        self.nacks.get_or_create(&by_type(transport, kind)).inc();
    }

    pub(crate) fn stale(&self, transport: Transport) {
        self.stale.get_or_create(&By { transport }).inc();
    }
}

fn by_type(transport: Transport, kind: Option<Kind>) -> ByType {
    ByType {
        transport,
        resources: Resources(kind),
    }
}
