//! Looking at each container of a mesh between two cases.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::{Arc, LazyLock},
};

use futures::future::{join, join_all};
use meshkat_driver::{Sent, Tally};
use meshkat_envoy::admin::Stat;
use meshkat_model::mesh::{Container, Port};
use meshkat_runtime::{ContainerState, Pod};

use super::{
    ANSWER, RunningMesh, remarks,
    seen::{Counts, NO_TLS, REFUSED, REJECTED, Seen, SeenContainer, SeenNack, SeenPod, UNSAID},
};

/// All that is asked of an Envoy: one question a case.
static ASKED: LazyLock<String> = LazyLock::new(|| {
    let ends = [REJECTED, NO_TLS, ".downstream_rq_total", "_rq_active"];
    let unsaid = UNSAID.iter().map(|(end, _)| end);
    let ends = ends.iter().chain(&REFUSED).chain(unsaid);
    let ends: Vec<String> = ends.map(|end| end.replace('.', "\\.")).collect();
    format!("({})$", ends.join("|"))
});
const OF_ADMIN: &str = "http.admin.";

impl RunningMesh {
    /// The mesh as it was when it was last looked at.
    pub(crate) fn last_seen(&self) -> Arc<Seen> {
        self.state().seen.clone().unwrap_or_default()
    }

    /// From now on, this is how it was.
    pub(crate) fn was_seen(&self, seen: Seen) {
        self.state().seen = Some(Arc::new(seen));
    }

    /// Sees to it that there is a moment before the case that begins. It is the end of the case before, unless a repair came after it.
    /// Of a mesh that nobody used, all counters begin with nothing, and logs with their first lines.
    pub(crate) async fn is_to_be_used(&self) {
        let last = self.state().seen.clone();
        match last {
            None => {
                let mut seen = self.see_containers(&Seen::default()).await;
                for pod in seen.pods.values_mut() {
                    pod.counts = pod.envoy.is_some().then(Counts::default);
                    let containers = [&mut pod.application, &mut pod.envoy].into_iter().flatten();
                    containers.for_each(|container| container.logged = 0);
                }
                self.was_seen(seen);
            }
            Some(last) if last.repairs != self.repairs() + self.scalings() => {
                let seen = self.see(&last, &Tally::default()).await;
                self.was_seen(seen);
            }
            Some(_) => {}
        }
    }

    /// Looks at all containers, and asks each Envoy that runs, and the discovery service, one question. `tally` is what clients sent since
    /// `before`.
    pub(crate) async fn see(&self, before: &Seen, tally: &Tally) -> Seen {
        let pods = self.pods();
        let counts = join_all(pods.iter().map(|pod| self.counts(pod)));
        let asked = async { join(counts, self.nacks()).await };
        let (mut seen, (counts, nacks)) = join(self.see_containers(before), asked).await;
        seen.nacks = nacks.unwrap_or_else(|| before.nacks.clone());
        for (pod, counts) in pods.iter().zip(counts) {
            let Some(now) = seen.pods.get_mut(&pod.name) else {
                continue;
            };
            // Of one that has ended meanwhile nothing is compared.
            now.counts = counts.filter(|_| now.envoy.as_ref().is_some_and(|envoy| envoy.instance.is_some()));
            now.sent = tally.to_any(|socket| is_at_envoy(pod, socket));
            now.is_edge = self.is_edge(&pod.group);
            if let Some(then) = before.pods.get(&pod.name).filter(|then| now.has_same_envoy(then)) {
                let requests = |of: &SeenPod| of.counts.as_ref().map(|counts| counts.requests.unwrap_or_default());
                let counted = requests(now)
                    .unwrap_or_default()
                    .saturating_sub(requests(then).unwrap_or_default());
                now.owed = (then.owed + now.sent.requests).saturating_sub(counted);
            }
        }
        seen
    }

    async fn see_containers(&self, before: &Seen) -> Seen {
        let pods = self.pods();
        let see = async |pod: &Pod| {
            let then = before.pods.get(&pod.name);
            let see = async |container| {
                let state = pod.container(container)?;
                let then = then.and_then(|then| then.container(container)).map(|then| then.logged);
                let gone = before.gone.get(&(pod.name.clone(), container)).copied();
                let from = then.or(gone).unwrap_or_default();
                Some(self.see_container(pod, container, state, from).await)
            };
            let (application, envoy) = join(see(Container::Application), see(Container::Envoy)).await;
            let seen = SeenPod {
                group: pod.group.clone(),
                application,
                envoy,
                counts: None,
                sent: Sent::default(),
                is_edge: false,
                owed: 0,
            };
            (pod.name.clone(), seen)
        };
        let now: BTreeMap<String, SeenPod> = join_all(pods.iter().map(see)).await.into_iter().collect();
        let mut gone = before.gone.clone();
        gone.retain(|(pod, _), _| !now.contains_key(pod));
        for (name, pod) in before.pods.iter().filter(|(name, _)| !now.contains_key(*name)) {
            let logged = Container::BOTH
                .into_iter()
                .filter_map(|container| Some((container, pod.container(container)?.logged)));
            gone.extend(logged.map(|(container, logged)| ((name.clone(), container), logged)));
        }
        Seen {
            pods: now,
            gone,
            nacks: BTreeSet::new(),
            repairs: self.repairs() + self.scalings(),
        }
    }

    async fn see_container(&self, pod: &Pod, container: Container, state: &ContainerState, from: u64) -> SeenContainer {
        // A log that cannot be read tells of nothing.
        let (text, logged) = self
            .lease
            .log_since(&pod.name, container, from)
            .await
            .unwrap_or((Vec::new(), from));
        SeenContainer {
            instance: state.instance().cloned(),
            crash: match state.is_crashed() {
                true => Some(self.crash_of(pod, container, state).await.to_string()),
                false => None,
            },
            usage: match state {
                ContainerState::Running { .. } => self.lease.usage(&pod.name, container).await,
                _ => None,
            },
            remarks: remarks::find(&text, container),
            logged,
        }
    }

    /// What a pod's Envoy counts now; none where it does not run, or does not say.
    pub(crate) async fn counts(&self, pod: &Pod) -> Option<Counts> {
        let Some(ContainerState::Running { .. }) = pod.envoy else {
            return None;
        };
        let configuration = self.configurations.get(&pod.group)?;
        let stats = self.admin(pod).stats(Some(&ASKED), ANSWER).await.ok()?;
        let mut counts = Counts::default();
        for (name, stat) in stats.iter().filter(|(name, _)| !name.starts_with(OF_ADMIN)) {
            let Stat::Number(number) = *stat else { continue };
            let unsaid = UNSAID.iter().map(|(end, _)| end);
            let mut ends = [REJECTED, NO_TLS].iter().chain(&REFUSED).chain(unsaid);
            if number > 0 && ends.any(|end| name.ends_with(end)) {
                counts.wrong.insert(name.to_owned(), number);
            }
            if name.ends_with(REJECTED) {
                counts.rejected.insert(name.to_owned(), number);
            } else if name.starts_with("http.") && name.ends_with(".downstream_rq_total") {
                if configuration.is_counted {
                    *counts.requests.get_or_insert_default() += number;
                }
            } else if number > 0 && is_of_requests(name, &configuration.streams) {
                counts.open.insert(name.to_owned(), number);
            }
        }
        Some(counts)
    }

    /// None where the discovery service does not say.
    async fn nacks(&self) -> Option<BTreeSet<SeenNack>> {
        if !self.has_discovery() {
            return None;
        }
        let clients = self.discovery().ok()?.clients().await.ok()?;
        let mut nacks = BTreeSet::new();
        for client in clients.clients {
            for (kind, of) in client.types {
                let nack = of.last_nack.map(|nack| SeenNack {
                    node: client.node.id.clone(),
                    transport: client.transport.clone(),
                    kind,
                    version: nack.version,
                    message: nack.message,
                });
                nacks.extend(nack);
            }
        }
        Some(nacks)
    }

    /// Whether the Envoys of a group have requests of clients alone: they stand before no application, and no other Envoy is told where
    /// they are.
    fn is_edge(&self, group: &str) -> bool {
        let stands_alone = self
            .spec
            .groups
            .get(group)
            .is_some_and(|spec| spec.application.is_none());
        let mut others = self.configurations.values().flat_map(|of| &of.named);
        stands_alone && !others.any(|endpoint| endpoint.host == group) && !self.is_host(group)
    }
}

/// Whether it is where clients reach the Envoy of a pod, and not its admin interface or its application.
fn is_at_envoy(pod: &Pod, socket: SocketAddr) -> bool {
    let its = |ports: [Port; 2]| ports.map(|port| pod.socket(port)).contains(&socket);
    // Whose another port is nobody can tell of a pod that has an application, too.
    let is_alone = pod.application.is_none() && socket.ip() == pod.address;
    its([Port::Inbound, Port::Outbound]) || (is_alone && !its([Port::Admin, Port::Application]))
}

/// Whether it is a gauge of requests that are open, and not of those to a cluster to which some stay open for ever.
fn is_of_requests(gauge: &str, streams: &BTreeSet<String>) -> bool {
    let within = |before, behind| gauge.strip_prefix(before).and_then(|rest| rest.strip_suffix(behind));
    within("http.", ".downstream_rq_active").is_some()
        || within("cluster.", ".upstream_rq_active").is_some_and(|cluster| !streams.contains(cluster))
}
