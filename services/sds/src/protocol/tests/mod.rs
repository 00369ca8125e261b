//! Any sequence of changes, subscriptions, reconnects and refusals, with requests and responses under way all the time,
//! ends with each client holding exactly what it subscribed to.

mod aggregated;
mod client;
mod delta_client;
mod pair;
mod sent;
mod sotw_client;

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::json;

use super::Scope;
use crate::resources::{Kind, Resource};
use crate::store::{Layer, Store};
use client::{Character, Client};
use pair::Pair;

const NAMES: [&str; 3] = ["a", "b", "c"];
/// What a client refuses.
const INVALID: u8 = 0;
/// The contents that resources are given. The last is for what puts right and what comes at the end.
const CONTENTS: [u8; 6] = [INVALID, 1, 2, 3, 8, 9];
/// The `node.cluster` of the client.
const DEMO: &str = "demo";
const LAYERS: [Layer<'static>; 4] = [
    Layer::Registered,
    Layer::Written,
    Layer::WrittenFor(DEMO),
    Layer::WrittenFor("elsewhere"),
];

#[derive(Debug, Clone)]
enum Step {
    Put(Kind, Layer<'static>, &'static str, u8),
    Delete(Kind, Layer<'static>, &'static str),
    Want(Kind, BTreeSet<String>),
    /// The client loses what it has under a name, and asks for it again as it can.
    Forget(Kind, &'static str),
    Reconnect,
    /// The server reads one request.
    Hear,
    /// The server sends one response.
    Send,
    /// The client reads one response.
    Read,
}

/// A stream, the types that it speaks of, a client, and what happens.
#[derive(Debug, Clone)]
struct Story {
    scope: Scope,
    kinds: Vec<Kind>,
    character: Character,
    steps: Vec<Step>,
}

fn stories() -> impl Strategy<Value = Story> {
    let separate = prop::sample::select(Kind::ALL.to_vec()).prop_map(|kind| (Scope::One(kind), vec![kind]));
    // One type whose answers are the whole truth, and one whose are not, or all.
    let pairs = [
        vec![Kind::Clusters, Kind::Endpoints],
        vec![Kind::Clusters, Kind::Routes],
        vec![Kind::Endpoints, Kind::Listeners],
        vec![Kind::Listeners, Kind::Routes],
        Kind::ALL.to_vec(),
    ];
    let aggregated = prop::sample::select(pairs.to_vec()).prop_map(|kinds| (Scope::Aggregated, kinds));
    let character = (any::<bool>(), any::<bool>()).prop_map(|(is_legacy, takes_the_rest)| Character {
        is_legacy,
        takes_the_rest,
    });
    (prop_oneof![separate, aggregated], character).prop_flat_map(|((scope, kinds), character)| {
        steps(kinds.clone()).prop_map(move |steps| Story {
            scope,
            kinds: kinds.clone(),
            character,
            steps,
        })
    })
}

fn steps(kinds: Vec<Kind>) -> impl Strategy<Value = Vec<Step>> {
    let kind = move || prop::sample::select(kinds.clone());
    let name = || prop::sample::select(NAMES.to_vec());
    let layer = || prop::sample::select(LAYERS.to_vec());
    let wanted = prop::sample::subsequence(vec!["*", "a", "b", "c"], 0..4)
        .prop_map(|names| names.into_iter().map(str::to_owned).collect());
    let step = prop_oneof![
        4 => (kind(), layer(), name(), 0..4_u8).prop_map(|(kind, layer, name, content)| Step::Put(kind, layer, name, content)),
        1 => (kind(), layer(), name()).prop_map(|(kind, layer, name)| Step::Delete(kind, layer, name)),
        3 => (kind(), wanted).prop_map(|(kind, wanted)| Step::Want(kind, wanted)),
        1 => (kind(), name()).prop_map(|(kind, name)| Step::Forget(kind, name)),
        1 => Just(Step::Reconnect),
        5 => Just(Step::Hear),
        5 => Just(Step::Send),
        5 => Just(Step::Read),
    ];
    prop::collection::vec(step, 0..80)
}

fn resource(kind: Kind, name: &str, content: u8) -> Resource {
    let body = match kind {
        Kind::Endpoints => json!({"cluster_name": name, "endpoints": [{"priority": content}]}),
        Kind::Clusters => json!({"name": name, "alt_stat_name": format!("{content}")}),
        Kind::Secrets => json!({"name": name, "generic_secret": {"secret": {"inline_string": format!("{content}")}}}),
        Kind::Listeners => json!({"name": name, "stat_prefix": format!("{content}")}),
        Kind::Routes => json!({"name": name, "max_direct_response_body_size_bytes": content}),
    };
    Resource::from_json(kind, name, body.to_string().as_bytes()).unwrap()
}

fn put(store: &Store, kind: Kind, layer: Layer<'_>, name: &str, content: u8) {
    store
        .put(kind, layer, name, Arc::new(resource(kind, name, content)))
        .unwrap();
}

fn check<C: Client>(story: Story) -> Result<(), TestCaseError> {
    let mut pair = Pair::<C>::new(story.scope, story.kinds, story.character);
    for step in story.steps {
        pair.step(step)?;
    }
    pair.settle()?;
    // What is refused is not sent again. So put right what was wrong, and no more; a client need not ask for that.
    pair.put_right();
    pair.settle()?;
    pair.check()?;
    pair.check_rest()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn state_of_the_world(story in stories()) {
        check::<sotw_client::SotwClient>(story)?;
    }

    #[test]
    fn delta(story in stories()) {
        check::<delta_client::DeltaClient>(story)?;
    }
}
