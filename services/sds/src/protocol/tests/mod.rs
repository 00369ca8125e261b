//! Any sequence of changes, subscriptions, reconnects and refusals, with requests and responses under way all the time,
//! ends with each client holding exactly what it subscribed to.

mod aggregated;
mod delta_client;
mod sotw_client;

use std::collections::VecDeque;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::json;

use super::{Machine, Scope};
use crate::resources::{Cache, Kind, Layer, Resource};

/// One type whose answers are the whole truth, and one whose are not.
const KINDS: [Kind; 2] = [Kind::Clusters, Kind::Endpoints];
const NAMES: [&str; 3] = ["a", "b", "c"];
const STAR: &str = "*";
/// What a client refuses.
const INVALID: u8 = 0;

/// What a client wants of a type, and what it holds: the bytes of each resource.
#[derive(Debug, Default)]
pub(super) struct Local {
    wanted: BTreeSet<String>,
    held: BTreeMap<String, Vec<u8>>,
}

impl Local {
    fn covers(&self, name: &str) -> bool {
        self.wanted.contains(STAR) || self.wanted.contains(name)
    }

    fn want(&mut self, wanted: BTreeSet<String>) {
        self.wanted = wanted;
        let Self { wanted, held } = self;
        held.retain(|name, _| wanted.contains(STAR) || wanted.contains(name));
    }
}

/// A client as a model: the least that a client of the protocol does.
pub(super) trait Client: Default {
    type Machine: Machine;

    fn machine(stream: u64) -> Self::Machine;
    /// Whether a client is told that a resource of this type is gone.
    fn hears_of_removal(kind: Kind) -> bool;
    fn local(&self, kind: Kind) -> &Local;
    /// Wants these names from now on.
    fn want(&mut self, kind: Kind, names: BTreeSet<String>) -> Option<<Self::Machine as Machine>::Request>;
    /// Takes or refuses a response.
    fn read(&mut self, response: <Self::Machine as Machine>::Response) -> <Self::Machine as Machine>::Request;
    /// Begins anew on another stream.
    fn reconnect(&mut self) -> Vec<<Self::Machine as Machine>::Request>;
}

#[derive(Debug, Clone)]
enum Step {
    Put(Kind, &'static str, u8),
    Delete(Kind, &'static str),
    Want(Kind, BTreeSet<String>),
    Reconnect,
    /// The server reads one request.
    Hear,
    /// The server sends one response.
    Send,
    /// The client reads one response.
    Read,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let kind = || prop::sample::select(KINDS.to_vec());
    let name = || prop::sample::select(NAMES.to_vec());
    let wanted = prop::sample::subsequence(vec!["*", "a", "b", "c"], 0..4)
        .prop_map(|names| names.into_iter().map(str::to_owned).collect());
    let step = prop_oneof![
        3 => (kind(), name(), 0..4_u8).prop_map(|(kind, name, content)| Step::Put(kind, name, content)),
        1 => (kind(), name()).prop_map(|(kind, name)| Step::Delete(kind, name)),
        3 => (kind(), wanted).prop_map(|(kind, wanted)| Step::Want(kind, wanted)),
        1 => Just(Step::Reconnect),
        4 => Just(Step::Hear),
        4 => Just(Step::Send),
        4 => Just(Step::Read),
    ];
    prop::collection::vec(step, 0..80)
}

/// A server's stream, a client, and what is under way between them.
struct Pair<C: Client> {
    cache: Cache,
    streams: u64,
    machine: C::Machine,
    client: C,
    requests: VecDeque<<C::Machine as Machine>::Request>,
    responses: VecDeque<<C::Machine as Machine>::Response>,
}

impl<C: Client> Pair<C> {
    fn new() -> Self {
        Self {
            cache: Cache::default(),
            streams: 1,
            machine: C::machine(1),
            client: C::default(),
            requests: VecDeque::new(),
            responses: VecDeque::new(),
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Put(kind, name, content) => put(&self.cache, kind, name, content),
            Step::Delete(kind, name) => {
                self.cache.remove(kind, Layer::Written, name);
            }
            Step::Want(kind, names) => self.requests.extend(self.client.want(kind, names)),
            Step::Reconnect => {
                self.streams += 1;
                self.machine = C::machine(self.streams);
                self.responses.clear();
                self.requests = self.client.reconnect().into();
            }
            Step::Hear => {
                self.hear();
            }
            Step::Send => {
                self.send();
            }
            Step::Read => {
                self.read();
            }
        }
    }

    fn hear(&mut self) -> bool {
        let request = self.requests.pop_front();
        request.map(|request| self.machine.receive(request).unwrap()).is_some()
    }

    fn send(&mut self) -> bool {
        let push = self.machine.next(self.cache.world().view(""));
        push.map(|push| self.responses.push_back(push.response)).is_some()
    }

    fn read(&mut self) -> bool {
        let request = self.responses.pop_front().map(|response| self.client.read(response));
        request.map(|request| self.requests.push_back(request)).is_some()
    }

    /// Everything that is under way arrives. It ends: nothing is sent that is not due.
    fn settle(&mut self) -> Result<(), TestCaseError> {
        for _ in 0..1000 {
            let moved = [self.hear(), self.send(), self.read()];
            if !moved.contains(&true) {
                return Ok(());
            }
        }
        Err(TestCaseError::fail("it never ends"))
    }

    /// What the client holds is what it wants of what there is.
    fn check(&self) -> Result<(), TestCaseError> {
        let world = self.cache.world();
        for kind in KINDS {
            let there = world.view("").all(kind);
            let Local { wanted, held } = self.client.local(kind);
            let expected: BTreeMap<&str, &[u8]> = there
                .iter()
                .filter(|(name, _)| wanted.contains(STAR) || wanted.contains(**name))
                .map(|(name, resource)| (*name, &*resource.any.value))
                .collect();
            let held: BTreeMap<&str, &[u8]> = held
                .iter()
                // Nothing tells a State-of-the-World client that such a resource is gone.
                .filter(|(name, _)| there.contains_key(name.as_str()) || C::hears_of_removal(kind))
                .map(|(name, value)| (name.as_str(), &**value))
                .collect();
            prop_assert_eq!(held, expected, "{:?}", kind);
        }
        Ok(())
    }
}

fn put(cache: &Cache, kind: Kind, name: &str, content: u8) {
    let body = match kind {
        Kind::Endpoints => json!({"cluster_name": name, "endpoints": [{"priority": content}]}),
        Kind::Clusters => json!({"name": name, "alt_stat_name": format!("{content}")}),
        Kind::Listeners => json!({"name": name, "stat_prefix": format!("{content}")}),
        Kind::Routes => json!({"name": name, "most_specific_header_mutations_wins": content > 1}),
    };
    let resource = Resource::from_json(kind, name, body.to_string().as_bytes()).unwrap();
    cache.put(kind, Layer::Written, name, Arc::new(resource));
}

fn is_invalid(kind: Kind, name: &str, bytes: &[u8]) -> bool {
    let cache = Cache::default();
    put(&cache, kind, name, INVALID);
    cache.world().view("").get(kind, name).unwrap().1.any.value == bytes
}

fn check<C: Client>(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let mut pair = Pair::<C>::new();
    for step in steps {
        pair.step(step);
    }
    // What is refused is not sent again. So put right what was wrong; a client need not ask for that.
    for kind in KINDS {
        let names: Vec<String> = pair
            .cache
            .world()
            .view("")
            .all(kind)
            .keys()
            .map(|name| (*name).to_owned())
            .collect();
        for name in names {
            put(&pair.cache, kind, &name, 9);
        }
    }
    pair.settle()?;
    pair.check()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn state_of_the_world(steps in steps()) {
        check::<sotw_client::SotwClient>(steps)?;
    }

    #[test]
    fn delta(steps in steps()) {
        check::<delta_client::DeltaClient>(steps)?;
    }
}
