//! One look at a mesh: its discovery service, and its Envoys.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use futures::future::join_all;
use meshkat_discovery::{DiscoveryClient, DiscoveryError, Node};
use meshkat_envoy::admin::Admin;
use meshkat_model::mesh::{Container, Port};
use meshkat_runtime::{Lease, run::configuration_file};
use meshkat_sync::{Answer, Intended, Live, Look, Pod, Question, Row, STATS};
use serde_json::Value;

use crate::exit::Exit;

/// The `node.id` of the questions to the discovery service: no pod's, so that no pod is taken to have asked.
const NODE_ID: &str = "meshkat-sync";
/// How long an Envoy or the discovery service may take for one answer.
const ANSWER: Duration = Duration::from_secs(2);
/// How much of an Envoy's log is looked through; over REST what it refuses is there again at each poll.
const LOG: usize = 1 << 20;
/// How often it is looked again when something was changed while it was looked.
const LOOKS: u32 = 3;

/// A mesh that runs, and the pods of it that are asked.
pub(super) struct Mesh<'a> {
    lease: &'a dyn Lease,
    folder: PathBuf,
    pods: &'a [meshkat_runtime::Pod],
    sds: DiscoveryClient,
    /// Where the Envoys find it.
    sds_address: IpAddr,
}

impl<'a> Mesh<'a> {
    pub(super) fn new(lease: &'a dyn Lease, folder: PathBuf, pods: &'a [meshkat_runtime::Pod]) -> Result<Self, Exit> {
        let Some(sds) = lease.pods().into_iter().find(|pod| pod.group == "sds") else {
            return Err(Exit::nothing(format!(
                "the mesh {} has no discovery service",
                lease.id()
            )));
        };
        Ok(Self {
            lease,
            folder,
            pods,
            sds: DiscoveryClient::new(sds.socket(Port::Application), ANSWER).map_err(|error| failed(&error))?,
            sds_address: sds.address,
        })
    }

    /// A row for each Envoy and each type that it asks for.
    pub(super) async fn rows(&self) -> Result<Vec<Row>, Exit> {
        let mut before = self.sds.clients().await.map_err(|error| failed(&error))?;
        let mut looks = 0;
        loop {
            let pods = self.envoys().await?;
            let intended = self.intended(meshkat_sync::wanted(&pods, &before)).await?;
            let after = self.sds.clients().await.map_err(|error| failed(&error))?;
            looks += 1;
            // What was acknowledged before a change and looked at after it would seem to differ.
            if before.intends_the_same(&after) || looks == LOOKS {
                return Ok(meshkat_sync::rows(&Look {
                    pods: &pods,
                    clients: &before,
                    intended: &intended,
                    name: &|address| self.name_of(address),
                }));
            }
            before = after;
        }
    }

    /// What the discovery service intends, question by question.
    async fn intended(&self, questions: impl IntoIterator<Item = Question>) -> Result<Intended, Exit> {
        let mut intended = Intended::default();
        for question in questions {
            let node = Node {
                id: NODE_ID.to_owned(),
                cluster: question.node_cluster.clone(),
            };
            let names: Vec<&str> = question.name.as_deref().into_iter().collect();
            let answer = self.sds.poll(&node, question.kind, &names).await;
            intended.add(question, answer.map_err(|error| failed(&error))?);
        }
        Ok(intended)
    }

    /// What each Envoy says, all asked at once: one that hangs costs its own time and nobody else's.
    async fn envoys(&self) -> Result<Vec<Pod>, Exit> {
        join_all(self.pods.iter().map(|pod| self.envoy_of(pod)))
            .await
            .into_iter()
            .collect()
    }

    /// The pod behind an address; the port is told where it is not an Envoy's inbound one.
    fn name_of(&self, address: &str) -> String {
        let Ok(socket) = address.parse::<SocketAddr>() else {
            return address.to_owned();
        };
        match self.lease.pods().iter().find(|pod| pod.address == socket.ip()) {
            Some(pod) if socket.port() == Port::Inbound.number() => pod.name.clone(),
            Some(pod) => format!("{}:{}", pod.name, socket.port()),
            None => address.to_owned(),
        }
    }

    async fn envoy_of(&self, pod: &meshkat_runtime::Pod) -> Result<Pod, Exit> {
        // Asked whatever was known of it: it may have begun again since.
        let live = match ask(pod.socket(Port::Admin)).await {
            // What it asks others for is theirs to answer.
            Ok(live) => Ok(live.asking(|address| address == self.sds_address)),
            Err(why) => {
                let then = self.lease.pod(&pod.name).and_then(|pod| pod.envoy);
                let was_alive = then.is_some_and(|envoy| envoy.is_alive());
                Err(if was_alive {
                    why
                } else {
                    "its Envoy has ended".to_owned()
                })
            }
        };
        let log = self
            .lease
            .log(&pod.name, Container::Envoy, LOG)
            .await
            .unwrap_or_default();
        let configuration = configuration_file(&self.folder, &pod.name);
        let files = tokio::task::spawn_blocking(move || {
            let configuration = std::fs::read(configuration).unwrap_or_default();
            // Without it, what the Envoy asks for is known from the discovery service alone.
            let configuration = serde_json::from_slice(&configuration).unwrap_or(Value::Null);
            (configuration, meshkat_sync::rejections(&log))
        });
        let failed = |error| Exit::environment(format!("failed to read what an Envoy was given: {error}"));
        let (configuration, rejections) = files.await.map_err(failed)?;
        Ok(Pod {
            name: pod.name.clone(),
            envoy: match live {
                Ok(live) => Answer::Live(Box::new(live)),
                Err(why) => Answer::Silent { why, configuration },
            },
            rejections,
        })
    }
}

fn failed(error: &DiscoveryError) -> Exit {
    Exit::environment(error.to_string()).help(
        "without it nobody knows what is intended, and the Envoys keep what they have; `meshkat status` shows what runs",
    )
}

async fn ask(admin: SocketAddr) -> Result<Live, String> {
    let told = |error: meshkat_envoy::admin::AdminError| error.to_string();
    let admin = Admin::new(admin).map_err(told)?;
    let dump = admin.config_dump(ANSWER).await.map_err(told)?;
    let clusters = admin.clusters(ANSWER).await.map_err(told)?;
    let stats = admin.stats(Some(STATS), ANSWER).await.map_err(told)?;
    Live::read(&dump, clusters, stats).map_err(|error| format!("its config dump cannot be read: {error}"))
}
