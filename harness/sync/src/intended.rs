//! The resources that the discovery service intends.

use std::collections::BTreeMap;

use meshkat_discovery::{Answer, Kind};
use serde_json::Value;

/// What the discovery service is to be asked: `POST /v3/discovery:KIND`, for the nodes of a `node.cluster`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Question {
    /// The `node.cluster`.
    pub node_cluster: String,
    /// The type.
    pub kind: Kind,
    /// The one resource that is asked for; `None` is all.
    pub name: Option<String>,
}

/// The answers.
#[derive(Debug, Clone, Default)]
pub struct Intended {
    versions: BTreeMap<Question, String>,
    resources: BTreeMap<Question, BTreeMap<String, Value>>,
}

impl Intended {
    /// Adds an answer.
    pub fn add(&mut self, question: Question, answer: Answer) {
        let named = answer.resources.into_iter().filter_map(|resource| {
            let name = resource[question.kind.name_field()].as_str()?.to_owned();
            Some((name, resource))
        });
        self.resources.insert(question.clone(), named.collect());
        self.versions.insert(question, answer.version_info);
    }

    /// All resources of a type; none where they were not asked for.
    pub(crate) fn all(&self, node_cluster: &str, kind: Kind) -> Option<&BTreeMap<String, Value>> {
        self.resources.get(&Question {
            node_cluster: node_cluster.to_owned(),
            kind,
            name: None,
        })
    }

    /// The one resource that a question asks for by its name.
    pub(crate) fn named(&self, question: &Question) -> Option<&Value> {
        self.resources.get(question)?.get(question.name.as_ref()?)
    }

    /// The version of the answer to a question.
    pub(crate) fn version(&self, question: &Question) -> Option<&str> {
        self.versions.get(question).map(String::as_str)
    }
}
