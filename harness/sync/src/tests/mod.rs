//! The rows of recorded meshes: what real Envoys and a real discovery service said, over each transport.

mod made_up;
mod recorded;

use std::collections::BTreeMap;

use meshkat_discovery::{Clients, Kind, Nack};
use meshkat_envoy::admin::{Clusters as AdminClusters, Stats};
use serde::Deserialize;
use serde_json::Value;

use super::*;

/// A file in `recorded/`.
#[derive(Debug, Clone, Deserialize)]
struct Recording {
    clients: Vec<Value>,
    intended: Vec<Question>,
    envoys: BTreeMap<String, Envoy>,
}

#[derive(Debug, Clone, Deserialize)]
struct Question {
    node_cluster: String,
    #[serde(rename = "type")]
    kind: String,
    name: Option<String>,
    answer: Value,
}

/// What an Envoy said: three answers, and the last line of its log about an answer that it refused.
#[derive(Debug, Clone, Deserialize)]
struct Envoy {
    config_dump: Value,
    clusters: Value,
    stats: Value,
    log: Vec<String>,
}

impl Recording {
    fn parse(text: &str) -> Self {
        serde_json::from_str(text).unwrap()
    }

    fn clients(&self) -> Clients {
        serde_json::from_value(serde_json::json!({ "clients": self.clients })).unwrap()
    }

    fn intended(&self) -> Intended {
        let mut intended = Intended::default();
        for of in &self.intended {
            let kind = Kind::ALL.into_iter().find(|kind| kind.name() == of.kind).unwrap();
            let question = super::Question {
                node_cluster: of.node_cluster.clone(),
                kind,
                name: of.name.clone(),
            };
            intended.add(question, serde_json::from_value(of.answer.clone()).unwrap());
        }
        intended
    }

    fn pods(&self) -> Vec<Pod> {
        let pod = |(name, envoy): (&String, &Envoy)| {
            let clusters = AdminClusters::parse(envoy.clusters.to_string().as_bytes()).unwrap();
            let stats = Stats::parse(envoy.stats.to_string().as_bytes()).unwrap();
            Pod {
                name: name.clone(),
                envoy: Answer::Live(Box::new(
                    Live::read(&envoy.config_dump.to_string(), clusters, stats).unwrap(),
                )),
                rejections: rejections(&envoy.log.join("\n")),
            }
        };
        self.envoys.iter().map(pod).collect()
    }

    fn rows(&self) -> Vec<Row> {
        self.rows_of(&self.pods())
    }

    fn rows_of(&self, pods: &[Pod]) -> Vec<Row> {
        let (clients, mut intended) = (self.clients(), self.intended());
        for question in wanted(pods, &clients) {
            if intended.version(&question).is_some() {
                continue;
            }
            let all = intended.all(&question.node_cluster, question.kind);
            let name = question.name.as_ref();
            let (Some(all), Some(name)) = (all, name) else {
                panic!("{question:?} was not recorded");
            };
            // By this name there is what all have of it.
            let resources: Vec<&Value> = all.get(name).into_iter().collect();
            let answer = serde_json::json!({"version_info": "", "resources": resources});
            intended.add(question, serde_json::from_value(answer).unwrap());
        }
        rows(&Look {
            pods,
            clients: &clients,
            intended: &intended,
            name: &|address| match address.strip_suffix(":10000") {
                Some(host) => host.replace("10.0.0.", "pet-"),
                None => address.to_owned(),
            },
        })
    }

    /// A line for each row.
    fn lines(&self) -> String {
        lines(&self.rows())
    }
}

fn lines(rows: &[Row]) -> String {
    let line = |row: &Row| {
        format!(
            "{} {} {} {}: {}",
            row.pod,
            row.transport,
            row.topic.name(),
            row.status,
            row.detail
        )
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}
