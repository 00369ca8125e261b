//! Harm to the network between pods, and its repair.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use meshkat_model::mesh::Port;
use serde::Serialize;
use serde_json::json;

use super::sandbox::Sandbox;
use crate::{NetworkFault, RuntimeError};

/// How long pods may take to reach one another again after a repair.
const REPAIR: Duration = Duration::from_secs(20);

/// A pod as the network has it.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) address: IpAddr,
    pub(super) sandbox: Arc<Sandbox>,
}

/// What is wrong with the network of a mesh now.
#[derive(Debug, Default)]
pub(super) struct Cuts {
    /// Between two pods: their names, the lesser first.
    between: BTreeMap<(String, String), NetworkFault>,
    /// The pods that are off the network.
    off: BTreeSet<String>,
}

/// What `meshkat-pod net apply` takes.
#[derive(Debug, Serialize)]
struct Peer {
    address: IpAddr,
    fault: serde_json::Value,
}

impl Cuts {
    /// Harms all between a pod and some others.
    pub(super) async fn harm(
        &mut self,
        network: &str,
        nodes: &BTreeMap<String, Node>,
        pod: &str,
        peers: &[String],
        fault: NetworkFault,
    ) -> Result<(), RuntimeError> {
        if fault == NetworkFault::Disconnect {
            if self.off.insert(pod.to_owned()) {
                known(nodes, pod)?.sandbox.disconnect(network).await?;
            }
            return Ok(());
        }
        let mut touched = BTreeSet::from([pod]);
        for peer in peers.iter().map(String::as_str).filter(|peer| *peer != pod) {
            self.between.insert(pair(pod, peer), fault);
            touched.insert(peer);
        }
        self.apply(nodes, touched).await
    }

    /// Undoes all that a pod has a part in, and proves it.
    pub(super) async fn heal(
        &mut self,
        network: &str,
        nodes: &BTreeMap<String, Node>,
        pod: &str,
    ) -> Result<(), RuntimeError> {
        let (healed, left) = std::mem::take(&mut self.between)
            .into_iter()
            .partition(|((one, other), _)| one == pod || other == pod);
        self.between = left;
        let healed: BTreeMap<(String, String), NetworkFault> = healed;
        let mut touched: BTreeSet<&str> = healed.keys().flat_map(|(one, other)| [one.as_str(), other]).collect();
        if self.off.remove(pod) {
            known(nodes, pod)?.sandbox.connect(network).await?;
            // Whom it reaches is to be seen from all others.
            touched.extend(nodes.keys().map(String::as_str));
        }
        touched.retain(|name| nodes.contains_key(*name));
        if touched.is_empty() {
            return Ok(());
        }
        self.apply(nodes, touched.iter().copied()).await?;
        let reachable = touched
            .into_iter()
            .filter(|name| *name != pod && !self.off.contains(*name) && !self.between.contains_key(&pair(pod, name)));
        prove(nodes, pod, &reachable.collect::<Vec<_>>()).await
    }

    /// Forgets a pod that is gone, or about to go.
    pub(super) fn forget(&mut self, pod: &str) {
        self.between.retain(|(one, other), _| one != pod && other != pod);
        self.off.remove(pod);
    }

    /// Makes the network of some pods as it is to be.
    async fn apply<'a>(
        &self,
        nodes: &BTreeMap<String, Node>,
        pods: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), RuntimeError> {
        // A pod that is off the network has no interface to change.
        let pods = pods.into_iter().filter(|pod| !self.off.contains(*pod));
        let applied = join_all(pods.map(|pod| self.apply_to(nodes, pod))).await;
        applied.into_iter().collect()
    }

    async fn apply_to(&self, nodes: &BTreeMap<String, Node>, pod: &str) -> Result<(), RuntimeError> {
        let node = known(nodes, pod)?;
        let peers = self.between.iter().filter_map(|((one, other), fault)| {
            let peer = if one == pod {
                other
            } else if other == pod {
                one
            } else {
                return None;
            };
            Some(Peer {
                address: nodes.get(peer)?.address,
                fault: wire(*fault),
            })
        });
        let state = json!({ "peers": peers.collect::<Vec<_>>() }).to_string();
        let answer = node.sandbox.run(&["net", "apply", &state]).await?;
        if answer.code == 0 {
            Ok(())
        } else {
            Err(RuntimeError::Other {
                message: format!("the network of {pod} cannot be changed: {}", answer.output),
                help: None,
            })
        }
    }
}

/// Waits until a pod and others reach one another: any answer to a connection has gone both ways.
async fn prove(nodes: &BTreeMap<String, Node>, pod: &str, peers: &[&str]) -> Result<(), RuntimeError> {
    let node = known(nodes, pod)?;
    let within = REPAIR.as_millis().to_string();
    let mut there = vec!["net".to_owned(), "probe".to_owned()];
    for peer in peers {
        there.push(format!("{}:{}", known(nodes, peer)?.address, Port::Inbound.number()));
    }
    if peers.is_empty() {
        return Ok(());
    }
    there.extend(["--within-ms".to_owned(), within]);
    let words: Vec<&str> = there.iter().map(String::as_str).collect();
    let answer = node.sandbox.run(&words).await?;
    if answer.code == 0 {
        return Ok(());
    }
    Err(RuntimeError::Other {
        message: format!(
            "the network of {pod} was repaired, and yet it does not reach its peers within {} s: {}",
            REPAIR.as_secs(),
            answer.output
        ),
        help: None,
    })
}

fn wire(fault: NetworkFault) -> serde_json::Value {
    match fault {
        NetworkFault::Latency { delay } => json!({"kind": "latency", "delay_ms": delay.as_millis()}),
        other => json!(other),
    }
}

fn pair(one: &str, other: &str) -> (String, String) {
    let mut both = [one.to_owned(), other.to_owned()];
    both.sort();
    let [one, other] = both;
    (one, other)
}

fn known<'a>(nodes: &'a BTreeMap<String, Node>, pod: &str) -> Result<&'a Node, RuntimeError> {
    nodes
        .get(pod)
        .ok_or_else(|| RuntimeError::UnknownPod { pod: pod.to_owned() })
}
