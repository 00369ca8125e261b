//! A server's stream, a client, and what is under way between them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proptest::prelude::*;

use super::client::{Character, Client, STAR, is_invalid};
use super::{DEMO, LAYERS, NAMES, Step, put};
use crate::protocol::{Scope, Variant, XdsStream};
use crate::resources::Kind;
use crate::store::{Layer, Store};

/// A server's stream, a client, and what is under way between them.
pub(super) struct Pair<C: Client> {
    store: Store,
    scope: Scope,
    kinds: Vec<Kind>,
    streams: u64,
    stream: XdsStream<C::Variant>,
    client: C,
    requests: VecDeque<<C::Variant as Variant>::Request>,
    responses: VecDeque<<C::Variant as Variant>::Response>,
    nonces: BTreeSet<String>,
}

impl<C: Client> Pair<C> {
    pub(super) fn new(scope: Scope, kinds: Vec<Kind>, character: Character) -> Self {
        Self {
            store: Store::in_memory(),
            scope,
            kinds,
            streams: 1,
            stream: XdsStream::new(scope, 1),
            client: C::new(character),
            requests: VecDeque::new(),
            responses: VecDeque::new(),
            nonces: BTreeSet::new(),
        }
    }

    pub(super) fn step(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Put(kind, layer, name, content) => put(&self.store, kind, layer, name, content),
            Step::Delete(kind, layer, name) => {
                self.store.remove(kind, layer, name).unwrap();
            }
            Step::Want(kind, names) => self.requests.extend(self.client.want(kind, names)),
            Step::Forget(kind, name) => self.requests.extend(self.client.forget(kind, name)),
            Step::Reconnect => {
                self.streams += 1;
                self.stream = XdsStream::new(self.scope, self.streams);
                self.responses.clear();
                self.requests = self.client.reconnect().into();
            }
            Step::Hear => {
                self.hear();
            }
            Step::Send => {
                self.send()?;
            }
            Step::Read => {
                self.read();
            }
        }
        Ok(())
    }

    fn hear(&mut self) -> bool {
        let request = self.requests.pop_front();
        request.map(|request| self.stream.receive(request).unwrap()).is_some()
    }

    /// Sends a response, if one is due: of a nonce that no other has, and with no name twice.
    fn send(&mut self) -> Result<bool, TestCaseError> {
        let Some(push) = self.stream.next(self.store.world().view(DEMO)) else {
            return Ok(false);
        };
        let (nonce, kind, names) = C::look(&push.response);
        prop_assert_eq!(push.kind, Some(kind));
        prop_assert!(self.nonces.insert(nonce));
        prop_assert!(
            names.iter().collect::<BTreeSet<_>>().len() == names.len(),
            "{:?}",
            names
        );
        self.responses.push_back(push.response);
        Ok(true)
    }

    fn read(&mut self) -> bool {
        let request = self.responses.pop_front().map(|response| self.client.read(response));
        request.map(|request| self.requests.push_back(request)).is_some()
    }

    /// Everything that is under way arrives. It ends: nothing is sent that is not due.
    pub(super) fn settle(&mut self) -> Result<(), TestCaseError> {
        for _ in 0..1000 {
            let moved = [self.hear(), self.send()?, self.read()];
            if !moved.contains(&true) {
                return Ok(());
            }
        }
        Err(TestCaseError::fail("it never ends"))
    }

    /// Whatever the client would refuse is replaced.
    pub(super) fn put_right(&self) {
        let world = self.store.world();
        for &kind in &self.kinds {
            for (layer, name) in LAYERS.into_iter().flat_map(|layer| NAMES.map(|name| (layer, name))) {
                let found = world.find(kind, layer, name);
                if found.is_some_and(|resource| is_invalid(kind, name, &resource.any.value)) {
                    put(&self.store, kind, layer, name, 8);
                }
            }
        }
    }

    /// What the client holds is what it wants of what there is.
    pub(super) fn check(&self) -> Result<(), TestCaseError> {
        let world = self.store.world();
        for &kind in &self.kinds {
            let there = world.view(DEMO).all(kind);
            let Some(local) = self.client.local(kind) else { continue };
            let expected: BTreeMap<&str, &[u8]> = there
                .iter()
                .filter(|(name, _)| local.covers(name))
                .map(|(name, resource)| (*name, &*resource.any.value))
                .collect();
            let held: BTreeMap<&str, &[u8]> = local
                .held
                .iter()
                // Nothing tells a State-of-the-World client that such a resource is gone.
                .filter(|(name, _)| there.contains_key(name.as_str()) || C::hears_of_removal(kind))
                .map(|(name, value)| (name.as_str(), &**value))
                .collect();
            prop_assert_eq!(held, expected, "{:?}", kind);
        }
        // And from outside one can see that it does.
        for topic in self.stream.topics(world.view(DEMO)) {
            if topic.wildcard || !topic.names.is_empty() {
                prop_assert_eq!(topic.exchange.acknowledged, Some(topic.intended), "{:?}", topic);
                prop_assert_eq!(topic.exchange.sent, Some(topic.intended), "{:?}", topic);
            }
        }
        Ok(())
    }

    /// A client at rest is sent nothing that does not concern it, and one response for one change.
    pub(super) fn check_rest(&mut self) -> Result<(), TestCaseError> {
        for kind in self.kinds.clone() {
            put(&self.store, kind, Layer::WrittenFor("elsewhere"), "z", 9);
            prop_assert!(!self.send()?, "{:?}: nothing of this client has changed", kind);
            for name in NAMES.into_iter().chain(["z"]) {
                for _ in 0..2 {
                    put(&self.store, kind, Layer::WrittenFor(DEMO), name, 9);
                    self.check_one(kind, name)?;
                    self.settle()?;
                    prop_assert!(!self.send()?);
                    // The same once more is no change.
                    put(&self.store, kind, Layer::WrittenFor(DEMO), name, 9);
                    prop_assert!(!self.send()?, "{:?}: {} is the same", kind, name);
                    self.store.remove(kind, Layer::WrittenFor(DEMO), name).unwrap();
                    self.settle()?;
                }
            }
        }
        self.check()
    }

    /// A resource has changed: that is told once if it is wanted, with nothing that is not.
    fn check_one(&mut self, kind: Kind, name: &str) -> Result<(), TestCaseError> {
        let is_wanted = self.covers(kind, name);
        prop_assert_eq!(self.send()?, is_wanted, "{:?}: {} changed", kind, name);
        prop_assert!(!self.send()?, "{:?}: {} is told twice", kind, name);
        if let Some(response) = self.responses.back() {
            let names = C::look(response).2;
            prop_assert!(names.iter().any(|found| found == name), "{:?}", names);
            prop_assert!(names.iter().all(|found| self.covers(kind, found)), "{:?}", names);
            // In delta, the others are not told again.
            prop_assert!(names.len() == 1 || !C::hears_of_removal(Kind::Endpoints), "{:?}", names);
        }
        Ok(())
    }

    fn covers(&self, kind: Kind, name: &str) -> bool {
        self.client.local(kind).is_some_and(|local| local.covers(name))
    }
}

/// Whether this is a subscription to everything and nothing else.
pub(super) fn is_everything(wanted: &BTreeSet<String>) -> bool {
    wanted.len() == 1 && wanted.contains(STAR)
}
