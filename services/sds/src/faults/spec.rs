//! What a fault is, as written in JSON and as checked.

use std::time::Duration;

use http::StatusCode;
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Serialize, Serializer};

use crate::clients::NodeName;
use crate::metrics::FaultKind;

/// The longest time that can be asked for.
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// The shortest turn of a flap: shorter ones would keep the processor busy with nothing else.
const SHORTEST_TURN: Duration = Duration::from_millis(10);

/// The body of `PUT /xds/v3/faults`, before it is checked.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FaultSpec {
    delay: Option<String>,
    refuse: Option<u16>,
    hang: Option<bool>,
    cut: Option<bool>,
    garbage: Option<bool>,
    invalid: Option<bool>,
    empty: Option<bool>,
    flap: Option<String>,
    node_clusters: Option<Vec<String>>,
}

/// A fault that holds: what happens, and to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(super) effect: Effect,
    /// The `node.cluster` or `node.id` of those who are meant; `None` is everybody.
    node_clusters: Option<Vec<String>>,
}

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Each answer is so much late.
    Delay(Duration),
    /// REST is answered with this status, gRPC with UNAVAILABLE.
    Refuse(StatusCode),
    /// Nothing is answered while the fault lasts.
    Hang,
    /// Connections are closed.
    Cut,
    /// What is answered does not parse.
    Garbage,
    /// What is answered parses, and breaks a constraint.
    Invalid,
    /// There are no endpoints, and no clusters, listeners and routes at all.
    Empty,
    /// Cut and served, each for so long.
    Flap(Duration),
}

/// Why a fault is invalid.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum FaultError {
    #[error("a fault has one of `delay`, `refuse`, `hang`, `cut`, `garbage`, `invalid`, `empty` and `flap`, not {0}")]
    NotOne(usize),
    #[error("{0}: it is true or not there at all; DELETE ends a fault")]
    False(&'static str),
    #[error("refuse: an HTTP status from 400 to 599, not {0}")]
    Status(u16),
    #[error("{0}: a time such as \"500ms\", not {1:?}")]
    Time(&'static str, String),
    #[error("{0}: from {1} to 1h, not {2:?}")]
    Range(&'static str, &'static str, String),
    #[error("node_clusters: it is empty; leave it out to mean everybody")]
    Nobody,
    #[error("node_clusters[{0}]: it is empty, and no node has such a name")]
    NoName(usize),
}

impl TryFrom<FaultSpec> for Fault {
    type Error = FaultError;

    fn try_from(spec: FaultSpec) -> Result<Self, FaultError> {
        let flags = [
            ("hang", spec.hang, Effect::Hang),
            ("cut", spec.cut, Effect::Cut),
            ("garbage", spec.garbage, Effect::Garbage),
            ("invalid", spec.invalid, Effect::Invalid),
            ("empty", spec.empty, Effect::Empty),
        ];
        let mut effects = Vec::new();
        for (field, value, effect) in flags {
            match value {
                None => {}
                Some(true) => effects.push(effect),
                Some(false) => return Err(FaultError::False(field)),
            }
        }
        if let Some(text) = spec.delay {
            effects.push(Effect::Delay(time("delay", text, Duration::from_millis(1), "1ms")?));
        }
        if let Some(text) = spec.flap {
            effects.push(Effect::Flap(time("flap", text, SHORTEST_TURN, "10ms")?));
        }
        if let Some(number) = spec.refuse {
            let status = StatusCode::from_u16(number).ok();
            let status = status.filter(|status| status.is_client_error() || status.is_server_error());
            effects.push(Effect::Refuse(status.ok_or(FaultError::Status(number))?));
        }
        let &[effect] = effects.as_slice() else {
            return Err(FaultError::NotOne(effects.len()));
        };
        if let Some(names) = &spec.node_clusters {
            if names.is_empty() {
                return Err(FaultError::Nobody);
            }
            if let Some(index) = names.iter().position(String::is_empty) {
                return Err(FaultError::NoName(index));
            }
        }
        Ok(Self {
            effect,
            node_clusters: spec.node_clusters,
        })
    }
}

fn time(field: &'static str, text: String, least: Duration, least_text: &'static str) -> Result<Duration, FaultError> {
    match humantime::parse_duration(&text) {
        Ok(time) if (least..=LONGEST).contains(&time) => Ok(time),
        Ok(_) => Err(FaultError::Range(field, least_text, text)),
        Err(_) => Err(FaultError::Time(field, text)),
    }
}

impl Fault {
    /// Whether a client is meant. One that has not said who it is, or never does, is meant only by a fault for everybody.
    pub(super) fn is_for(&self, node: Option<&NodeName>) -> bool {
        self.node_clusters.as_ref().is_none_or(|names| {
            node.is_some_and(|node| names.iter().any(|name| *name == node.cluster || *name == node.id))
        })
    }

    pub(super) fn kind(&self) -> FaultKind {
        match self.effect {
            Effect::Delay(_) => FaultKind::Delay,
            Effect::Refuse(_) => FaultKind::Refuse,
            Effect::Hang => FaultKind::Hang,
            Effect::Cut => FaultKind::Cut,
            Effect::Garbage => FaultKind::Garbage,
            Effect::Invalid => FaultKind::Invalid,
            Effect::Empty => FaultKind::Empty,
            Effect::Flap(_) => FaultKind::Flap,
        }
    }
}

/// As it is written.
impl Serialize for Fault {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let text = |time| humantime::format_duration(time).to_string();
        match self.effect {
            Effect::Delay(time) => map.serialize_entry("delay", &text(time))?,
            Effect::Refuse(status) => map.serialize_entry("refuse", &status.as_u16())?,
            Effect::Hang => map.serialize_entry("hang", &true)?,
            Effect::Cut => map.serialize_entry("cut", &true)?,
            Effect::Garbage => map.serialize_entry("garbage", &true)?,
            Effect::Invalid => map.serialize_entry("invalid", &true)?,
            Effect::Empty => map.serialize_entry("empty", &true)?,
            Effect::Flap(time) => map.serialize_entry("flap", &text(time))?,
        }
        if let Some(names) = &self.node_clusters {
            map.serialize_entry("node_clusters", names)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn fault(text: &Value) -> Result<Fault, FaultError> {
        Fault::try_from(serde_json::from_value::<FaultSpec>(text.clone()).unwrap())
    }

    #[test]
    fn a_fault_is_shown_as_it_was_written() {
        for text in [
            json!({"delay": "500ms"}),
            json!({"refuse": 503}),
            json!({"hang": true}),
            json!({"cut": true}),
            json!({"garbage": true}),
            json!({"invalid": true}),
            json!({"empty": true, "node_clusters": ["petstore", "envoy-a"]}),
            json!({"flap": "1s 200ms"}),
        ] {
            assert_eq!(serde_json::to_value(fault(&text).unwrap()).unwrap(), text);
        }
    }

    #[test]
    fn what_does_not_hold_is_refused_and_the_field_named() {
        for (text, named) in [
            (json!({}), "not 0"),
            (json!({"node_clusters": ["a"]}), "not 0"),
            (json!({"cut": true, "hang": true}), "not 2"),
            (json!({"delay": "1s", "cut": true}), "not 2"),
            (json!({"hang": false}), "hang"),
            (json!({"refuse": 399}), "refuse"),
            (json!({"refuse": 600}), "refuse"),
            (json!({"delay": "soon"}), "delay"),
            (json!({"delay": "2h"}), "delay"),
            (json!({"delay": "0s"}), "delay"),
            (json!({"flap": "1ms"}), "flap"),
            (json!({"cut": true, "node_clusters": []}), "node_clusters"),
            (json!({"cut": true, "node_clusters": ["a", ""]}), "node_clusters[1]"),
        ] {
            let error = fault(&text).unwrap_err().to_string();
            assert!(error.contains(named), "{text}: {error}");
        }
    }

    #[test]
    fn it_is_for_those_named_by_cluster_or_id() {
        let node = |id: &str, cluster: &str| NodeName {
            id: id.to_owned(),
            cluster: cluster.to_owned(),
        };
        let some = fault(&json!({"cut": true, "node_clusters": ["petstore", "envoy-a"]})).unwrap();
        assert!(some.is_for(Some(&node("x", "petstore"))) && some.is_for(Some(&node("envoy-a", "pet"))));
        assert!(!some.is_for(Some(&node("x", "pet"))) && !some.is_for(None));
        let all = fault(&json!({"cut": true})).unwrap();
        assert!(all.is_for(Some(&node("x", "pet"))) && all.is_for(None));
    }
}
