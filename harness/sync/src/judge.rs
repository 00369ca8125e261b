//! From what was seen to rows.

use std::collections::{BTreeMap, BTreeSet};

use meshkat_discovery::{Clients, Kind, Node, Transport};
use serde_json::Value;

use crate::{
    asks::{Ask, Asks, Unserved},
    compare::compare,
    exchange::{Exchange, is_acknowledged},
    intended::{Intended, Question},
    live::{Live, configured},
    row::{Resource, Row, Status, listed, shortened},
    topic::Topic,
};

/// A pod that has an Envoy. Its name is the `node.id` of the Envoy.
#[derive(Debug, Clone)]
pub struct Pod {
    /// Its name.
    pub name: String,
    /// What its Envoy answers.
    pub envoy: Answer,
    /// What its Envoy's log says of refused answers, as [`crate::rejections`] finds it.
    pub rejections: BTreeMap<Kind, String>,
}

/// What an Envoy answers when it is asked what it has.
#[derive(Debug, Clone)]
pub enum Answer {
    /// This.
    Live(Box<Live>),
    /// Nothing.
    Silent {
        /// Why.
        why: String,
        /// The bootstrap that it was started with; `null` if that is not known.
        configuration: Value,
    },
}

/// All that was seen of a mesh.
pub struct Look<'a> {
    /// The pods that have Envoys.
    pub pods: &'a [Pod],
    /// What the discovery service tells of its clients.
    pub clients: &'a Clients,
    /// What it intends: all that [`wanted`] names.
    pub intended: &'a Intended,
    /// What an address is called, such as the pod that it is.
    pub name: &'a dyn Fn(&str) -> String,
}

/// What has to be in [`Look::intended`]: of each type that an Envoy asks for all resources, and each that it polls for by
/// itself, or that may have further names, which all resources leave out.
pub fn wanted(pods: &[Pod], clients: &Clients) -> BTreeSet<Question> {
    let each = pods.iter().flat_map(|pod| {
        let view = View::of(pod, clients);
        let all = view.topics(clients).into_iter().map(|(kind, _)| Question {
            node_cluster: view.node.cluster.clone(),
            kind,
            name: None,
        });
        let alone = view.asks.served.iter();
        let alone = alone.filter(|ask| ask.transport == Transport::Rest || ask.kind == Kind::Endpoints);
        all.chain(alone.map(|ask| view.question(ask))).collect::<Vec<_>>()
    });
    each.collect()
}

/// A row for each Envoy and each type that it asks for, in the order of the pods; over two transports, a row for each.
pub fn rows(look: &Look<'_>) -> Vec<Row> {
    let each = look.pods.iter().flat_map(|pod| {
        let view = View::of(pod, look.clients);
        let topics = view.topics(look.clients);
        let unserved = view.unserved(look.clients);
        let own = view.clone();
        topics
            .into_iter()
            .map(move |(kind, transport)| view.row(look, kind, transport))
            .chain(
                unserved
                    .into_iter()
                    .map(move |(of, names)| own.unserved_row(look, of, &names)),
            )
    });
    each.collect()
}

/// A pod's Envoy as it is to be judged.
#[derive(Clone)]
struct View<'a> {
    pod: &'a Pod,
    node: Node,
    asks: Asks,
}

impl<'a> View<'a> {
    fn of(pod: &'a Pod, clients: &Clients) -> Self {
        let (mut node, asks) = match &pod.envoy {
            Answer::Live(live) => (live.node.clone(), live.asks.clone()),
            Answer::Silent { configuration, .. } => configured(configuration),
        };
        if node.id.is_empty() {
            node.id.clone_from(&pod.name);
            node.cluster = clients.node_cluster(&pod.name).unwrap_or_default().to_owned();
        }
        Self { pod, node, asks }
    }

    /// The types that it asks for. What it polled for is remembered for a while by the discovery service, so the word of an
    /// Envoy that answers counts more.
    fn topics(&self, clients: &Clients) -> BTreeSet<(Kind, Transport)> {
        let is_live = matches!(self.pod.envoy, Answer::Live(_));
        let told = clients.topics(&self.node.id).into_iter();
        let told = told.filter(|(_, transport)| !(is_live && *transport == Transport::Rest));
        let asked = self.asks.served.iter().map(|ask| (ask.kind, ask.transport));
        asked.chain(told).collect()
    }

    /// The types that it asks for and that are not served, with the names of what it asks for.
    fn unserved(&self, clients: &Clients) -> BTreeMap<(String, Transport), BTreeSet<String>> {
        let asked = self.asks.unserved.iter().map(|of| {
            let Unserved {
                type_url,
                transport,
                name,
                ..
            } = of.clone();
            (type_url, transport, name.into_iter().collect())
        });
        let mut found: BTreeMap<(String, Transport), BTreeSet<String>> = BTreeMap::new();
        for (url, transport, names) in asked.chain(clients.unserved(&self.node.id)) {
            found.entry((url, transport)).or_default().extend::<Vec<String>>(names);
        }
        found
    }

    fn unserved_row(&self, look: &Look<'_>, (url, transport): (String, Transport), names: &BTreeSet<String>) -> Row {
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        let asked = if names.is_empty() {
            String::new()
        } else {
            format!(": {}", listed(&names))
        };
        Row {
            pod: self.pod.name.clone(),
            node: self.node.clone(),
            transport,
            status: Status::NotServed,
            detail: format!("sds does not serve this type, and the Envoy asks for it{asked}"),
            rejection: None,
            subscriptions: look.clients.subscriptions_of(&self.node.id, transport, &url),
            topic: Topic::Other(url),
            resources: Vec::new(),
        }
    }

    fn question(&self, ask: &Ask) -> Question {
        Question {
            node_cluster: self.node.cluster.clone(),
            kind: ask.kind,
            name: ask.name.clone(),
        }
    }

    fn row(&self, look: &Look<'_>, kind: Kind, transport: Transport) -> Row {
        let mut subscriptions = look.clients.subscriptions(&self.node.id, transport, kind);
        if transport == Transport::Rest && matches!(self.pod.envoy, Answer::Live(_)) {
            let asks = || {
                self.asks
                    .served
                    .iter()
                    .filter(|ask| (ask.kind, ask.transport) == (kind, transport))
            };
            let is_asked = |name: &String| asks().any(|ask| ask.name.as_ref().is_none_or(|asked| asked == name));
            subscriptions.retain(|poll| poll.names.is_empty() || poll.names.iter().any(is_asked));
        }
        let mut row = Row {
            pod: self.pod.name.clone(),
            node: self.node.clone(),
            transport,
            topic: Topic::Served(kind),
            status: Status::Synced,
            detail: String::new(),
            rejection: None,
            subscriptions: subscriptions.iter().copied().cloned().collect(),
            resources: Vec::new(),
        };
        let exchange = subscriptions.iter().map(|of| Exchange::of(of)).max();
        match &self.pod.envoy {
            Answer::Silent { why, .. } => {
                row.status = Status::Unreachable;
                let exchange = exchange.as_ref().map(Exchange::words).unwrap_or_default();
                row.detail = sentence([why.clone(), exchange]);
            }
            Answer::Live(live) => {
                let asks = self
                    .asks
                    .served
                    .iter()
                    .filter(|ask| (ask.kind, ask.transport) == (kind, transport));
                let asks: Vec<&Ask> = asks.collect();
                let mut intended = look.intended.all(&self.node.cluster, kind).cloned().unwrap_or_default();
                let questions = asks.iter().map(|ask| self.question(ask));
                let named = questions.filter_map(|question| {
                    let found = look.intended.named(&question)?.clone();
                    Some((question.name?, found))
                });
                for (name, resource) in named {
                    // All resources have each under one of its names.
                    intended.entry(name).or_insert(resource);
                }
                row.resources = compare(live, kind, &asks, &intended, look.name);
                self.judge(&mut row, kind, live, &asks, look.intended, exchange);
            }
        }
        row
    }

    fn judge<'v>(
        &self,
        row: &mut Row,
        kind: Kind,
        live: &'v Live,
        asks: &[&Ask],
        intended: &'v Intended,
        mut exchange: Option<Exchange<'v>>,
    ) {
        let is_cut_off = !asks.is_empty() && asks.iter().all(|ask| live.is_cut_off(ask));
        let mut refused = false;
        if row.transport == Transport::Rest {
            let wanted = |ask: &Ask| intended.version(&self.question(ask));
            let (taken, other): (Vec<&Ask>, Vec<&Ask>) = asks.iter().partition(|ask| live.version(ask) == wanted(ask));
            // It has no NACK: an answer that was refused is counted, and why is in the Envoy's log.
            refused = other.iter().any(|ask| live.has_rejected(ask));
            exchange = match (exchange, other.first()) {
                // Only its next poll says that an answer was taken; the Envoy itself says so now.
                (Some(Exchange::Stale { .. }), None) if !taken.is_empty() => Some(Exchange::Done),
                // It polls each cluster's endpoints by themselves, and these were not polled since.
                (Some(Exchange::Done), Some(ask)) if !refused => Some(Exchange::NotSent {
                    intended: wanted(ask).unwrap_or_default(),
                    sent: live.version(ask).filter(|version| !version.is_empty()),
                }),
                (exchange, _) => exchange,
            };
        }
        let mut said = String::new();
        row.status = match &exchange {
            None => {
                said = match row.transport {
                    Transport::Rest => "does not poll sds".to_owned(),
                    _ => "has no stream to sds".to_owned(),
                };
                Status::Disconnected
            }
            Some(_) if is_cut_off => {
                said = "has no stream to sds, as its Envoy says; sds still has one of it".to_owned();
                Status::Disconnected
            }
            Some(Exchange::Rejected(message)) => {
                row.rejection = Some((*message).to_owned());
                Status::Rejected
            }
            Some(exchange @ Exchange::NotSent { .. }) if !nothing_to_send(row, kind) => {
                said = exchange.words();
                Status::NotSent
            }
            Some(_) if refused => {
                let message = self.pod.rejections.get(&kind);
                let message = message.map_or("the Envoy counts an answer that it refused", String::as_str);
                row.rejection = Some(message.to_owned());
                Status::Rejected
            }
            Some(exchange @ Exchange::Stale { .. }) => {
                said = exchange.words();
                Status::Stale
            }
            Some(Exchange::Done | Exchange::NotSent { .. }) => {
                if row.resources.iter().any(Resource::differs) {
                    Status::Differs
                } else if row.resources.iter().any(Resource::is_lacking) {
                    Status::Lacking
                } else {
                    Status::Synced
                }
            }
        };
        if let Some(message) = &row.rejection {
            said = shortened(message);
        }
        row.detail = if row.status == Status::Synced {
            holdings(&row.resources)
        } else {
            let differing = row.resources.iter().filter(|of| of.differs());
            let differing = differing.map(|of| format!("{} {}", of.quoted(), of.differences.join(", ")));
            // Of one that is not in sync for another reason, that is what is to be told.
            let lacking = row.resources.iter().filter(|of| of.is_lacking());
            let lacking = lacking.filter(|_| row.status == Status::Lacking);
            let lacking = lacking.map(|of| {
                let verb = if of.lacked_by.len() == 1 { "is" } else { "are" };
                format!(
                    "sds has no {}, and {} {verb} in use without it",
                    of.quoted(),
                    listed(&of.lacked_by)
                )
            });
            sentence(std::iter::once(said).chain(differing).chain(lacking))
        };
    }
}

/// Whether the versions differ only since a State-of-the-World answer cannot say that endpoints or routes are gone: what
/// is left of them was sent and acknowledged.
fn nothing_to_send(row: &Row, kind: Kind) -> bool {
    row.transport.is_state_of_the_world()
        && !kind.is_whole()
        && row.subscriptions.iter().all(is_acknowledged)
        && row.resources.iter().all(|of| of.is_withdrawn() || !of.differs())
}

/// What an Envoy has: `pet (3), petstore (2); sds has no echo`.
fn holdings(resources: &[Resource]) -> String {
    let has = |of: &&Resource| of.intended || of.live;
    let held = resources.iter().filter(has).map(|of| match of.endpoints {
        Some(count) => format!("{} ({count})", of.name),
        None => of.name.clone(),
    });
    let missing: Vec<String> = resources
        .iter()
        .filter(|of| !has(of))
        .map(|of| of.name.clone())
        .collect();
    let missing = if missing.is_empty() {
        String::new()
    } else {
        format!("sds has no {}", listed(&missing))
    };
    let held: Vec<String> = held.collect();
    let held = if held.is_empty() { String::new() } else { listed(&held) };
    sentence([held, missing])
}

fn sentence(parts: impl IntoIterator<Item = String>) -> String {
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join("; ")
}
