//! What `/metrics` tells.

mod faults;
mod streams;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry;

pub(crate) use faults::FaultKind;

use crate::kubernetes::Status;
use crate::store::{Outcome, World};

/// One of the ways in which the service is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(crate) enum Surface {
    Registry,
    V1,
    V2,
    V3,
    Resources,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    surface: Surface,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answer {
    surface: Surface,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Changed {
    outcome: Done,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
enum Done {
    Created,
    Replaced,
    Deleted,
    Failed,
}

/// Counters since the start, and the size of the registry.
#[derive(Debug)]
pub(crate) struct Metrics {
    requests: Family<Request, Counter>,
    answers: Family<Answer, Counter>,
    resources: Family<Answer, Counter>,
    unchanged: Family<Answer, Counter>,
    changes: Family<Changed, Counter>,
    services: Gauge<u64, AtomicU64>,
    hosts: Gauge<u64, AtomicU64>,
    streams: streams::Streams,
    faults: faults::Faults,
    kubernetes: Option<Arc<Status>>,
    all: registry::Registry,
}

impl Metrics {
    /// All counters at 0; those of Kubernetes too, if it is the source.
    pub(crate) fn new(kubernetes: Option<Arc<Status>>) -> Self {
        let mut metrics = Self {
            requests: Family::default(),
            answers: Family::default(),
            resources: Family::default(),
            unchanged: Family::default(),
            changes: Family::default(),
            services: Gauge::default(),
            hosts: Gauge::default(),
            streams: streams::Streams::default(),
            faults: faults::Faults::default(),
            kubernetes,
            all: registry::Registry::with_prefix("sds"),
        };
        let all = &mut metrics.all;
        all.register(
            "requests",
            "Requests answered, by surface and status",
            metrics.requests.clone(),
        );
        all.register(
            "discovery_responses",
            "Discovery responses sent",
            metrics.answers.clone(),
        );
        all.register(
            "discovery_resources",
            "Resources within the discovery responses sent",
            metrics.resources.clone(),
        );
        all.register(
            "discovery_unchanged",
            "Discovery responses of the version that the Envoy had already",
            metrics.unchanged.clone(),
        );
        all.register(
            "registry_changes",
            "Changes of the registry, by what came of them",
            metrics.changes.clone(),
        );
        all.register(
            "registry_services",
            "Services in the registry",
            metrics.services.clone(),
        );
        all.register("registry_hosts", "Hosts in the registry", metrics.hosts.clone());
        metrics.streams.register(all);
        metrics.faults.register(all);
        if let Some(kubernetes) = &metrics.kubernetes {
            kubernetes.register(all);
        }
        metrics
    }

    pub(crate) fn request(&self, surface: Surface, status: http::StatusCode) {
        self.requests
            .get_or_create(&Request {
                surface,
                status: status.as_u16(),
            })
            .inc();
    }

    pub(crate) fn discovery(&self, surface: Surface, resources: usize, unchanged: bool) {
        self.answers.get_or_create(&Answer { surface }).inc();
        self.resources
            .get_or_create(&Answer { surface })
            .inc_by(resources as u64);
        self.unchanged
            .get_or_create(&Answer { surface })
            .inc_by(unchanged.into());
    }

    /// Counts a change; `None` is one that could not be put on disk.
    pub(crate) fn change(&self, outcome: Option<Outcome>) {
        let outcome = match outcome {
            Some(Outcome::Created) => Done::Created,
            Some(Outcome::Replaced) => Done::Replaced,
            Some(Outcome::Deleted) => Done::Deleted,
            None => Done::Failed,
        };
        self.changes.get_or_create(&Changed { outcome }).inc();
    }

    /// What there is to count of gRPC streams.
    pub(crate) fn streams(&self) -> &streams::Streams {
        &self.streams
    }

    /// What there is to count of faults on purpose.
    pub(crate) fn faults(&self) -> &faults::Faults {
        &self.faults
    }

    /// Everything in the OpenMetrics text format.
    pub(crate) fn text(&self, world: &World) -> String {
        let (services, hosts) = world.services().fold((0, 0), |(services, hosts), (_, service)| {
            (services + 1, hosts + service.hosts.as_slice().len() as u64)
        });
        self.services.set(services);
        self.hosts.set(hosts);
        if let Some(kubernetes) = &self.kubernetes {
            kubernetes.measure();
        }
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = text::encode(&mut text, &self.all);
        text
    }
}
