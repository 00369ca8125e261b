//! What the models of clients have in common.

use std::collections::{BTreeMap, BTreeSet};

use envoy_types::pb::google::rpc::Status;

use super::{CONTENTS, INVALID, NAMES, resource};
use crate::protocol::Variant;
use crate::resources::Kind;

pub(super) const STAR: &str = "*";

/// How a client does what the protocol leaves open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Character {
    /// To want everything, it names nothing at first.
    pub(super) is_legacy: bool,
    /// Of a response that it refuses it takes what is right, as gRPC does and Envoy for most of what may be wrong; or
    /// nothing, as Envoy does if one resource cannot be read.
    pub(super) takes_the_rest: bool,
}

/// What a client wants of a type, and what it holds: the bytes of each resource.
#[derive(Debug, Default)]
pub(super) struct Local {
    pub(super) wanted: BTreeSet<String>,
    pub(super) held: BTreeMap<String, Vec<u8>>,
}

impl Local {
    pub(super) fn covers(&self, name: &str) -> bool {
        self.wanted.contains(STAR) || self.wanted.contains(name)
    }

    pub(super) fn want(&mut self, wanted: BTreeSet<String>) {
        self.wanted = wanted;
        let Self { wanted, held } = self;
        held.retain(|name, _| wanted.contains(STAR) || wanted.contains(name));
    }
}

/// A client as a model: the least that a client of the protocol does.
pub(super) trait Client {
    type Variant: Variant<Request: Clone>;

    fn new(character: Character) -> Self;
    /// Whether a client is told that a resource of this type is gone.
    fn hears_of_removal(kind: Kind) -> bool;
    fn local(&self, kind: Kind) -> Option<&Local>;
    /// Wants these names from now on.
    fn want(&mut self, kind: Kind, names: BTreeSet<String>) -> Option<<Self::Variant as Variant>::Request>;
    /// Loses a resource and asks for it again, if the protocol lets it.
    fn forget(&mut self, kind: Kind, name: &str) -> Option<<Self::Variant as Variant>::Request>;
    /// Takes or refuses a response.
    fn read(&mut self, response: <Self::Variant as Variant>::Response) -> <Self::Variant as Variant>::Request;
    /// Begins anew on another stream.
    fn reconnect(&mut self) -> Vec<<Self::Variant as Variant>::Request>;
    /// The nonce of a response, its type, and the names of the resources that it brings.
    fn look(response: &<Self::Variant as Variant>::Response) -> (String, Kind, Vec<String>);
}

/// Of which resource of this test these are the bytes: a State-of-the-World response does not tell names.
pub(super) fn name_of(kind: Kind, bytes: &[u8]) -> &'static str {
    let is = |name: &&&str| {
        CONTENTS
            .iter()
            .any(|content| resource(kind, name, *content).any.value == bytes)
    };
    NAMES.iter().chain(&["z"]).find(is).unwrap()
}

pub(super) fn is_invalid(kind: Kind, name: &str, bytes: &[u8]) -> bool {
    resource(kind, name, INVALID).any.value == bytes
}

pub(super) fn refusal() -> Status {
    Status {
        code: 13,
        message: "no".to_owned(),
        ..Default::default()
    }
}
