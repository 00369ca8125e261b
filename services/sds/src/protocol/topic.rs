//! One type on a stream, as far as both variants of the protocol have it.

use std::fmt::Debug;

use envoy_types::pb::envoy::config::core::v3::{ControlPlane, Node};

use super::exchange::{Exchange, RequestOutcome};
use super::key::Key;
use super::session::{Nonces, Push, Refused};
use super::subscription::{Subscription, Wanted, version};
use super::warming::Warming;
use super::weight::Weight;
use crate::resources::{Kind, Version};
use crate::store::View;

/// A variant of the protocol: what is remembered of one type that was sent, how requests are heard, and how a response is put
/// together.
pub(crate) trait Variant: Clone + Debug + Default + Send + 'static {
    /// What the client sends.
    type Request: prost::Message + Default;
    /// What it is sent.
    type Response: prost::Message;

    /// The node that a request tells, if it tells one.
    fn node(request: &mut Self::Request) -> Option<Node>;

    /// Says who sends a response.
    fn sign(response: &mut Self::Response, sender: ControlPlane);

    /// The type that a request speaks of, and its nonce.
    fn header(request: &Self::Request) -> (&str, &str);

    /// What the names take that a client wants of a type once a request is heard; `None` if they are no more than before.
    ///
    /// # Errors
    /// It tells of too many besides.
    fn weight(known: Option<&Topic<Self>>, request: &Self::Request) -> Result<Option<Weight>, Refused>;

    /// What the first request of a type asks for. Naming nothing means everything if the type is `whole`.
    fn first(request: Self::Request, whole: bool) -> Topic<Self>;

    /// Hears a further request.
    fn hear(topic: &mut Topic<Self>, key: &Key, answered: Answered, request: Self::Request) -> RequestOutcome;

    /// What the names take that are kept besides those of a subscription and those of resources.
    fn beside(&self, _: &Subscription) -> Weight {
        Weight::default()
    }

    /// A name has to be sent again if it is there; tells whether that is news.
    fn doubt(&mut self, name: &str) -> bool;

    /// Whether there is something that the client has to be told.
    fn is_due(topic: &Topic<Self>, key: &Key, wanted: &Wanted<'_>) -> bool;

    /// The next response, if one is due: its number, the version of all that the client wants, and itself.
    fn respond(
        topic: &mut Topic<Self>,
        look: &Look<'_>,
        wanted: Wanted<'_>,
        nonces: &mut Nonces,
        warming: &mut Warming,
    ) -> Option<(u64, Version, Self::Response)>;
}

/// Which response a request answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answered {
    /// None.
    Nothing,
    /// One that was never sent on this stream.
    Foreign,
    /// The one of this number.
    Response(u64),
}

/// A look at the resources of a type.
#[derive(Debug)]
pub(crate) struct Look<'a> {
    pub(super) key: &'a Key,
    pub(super) generation: u64,
    /// Nothing is taken away: something that is to be sent may still need it.
    pub(super) used: bool,
}

/// One type on a stream.
#[derive(Debug, Clone, Default)]
pub(crate) struct Topic<V> {
    pub(super) subscription: Subscription,
    /// An answer is due, whatever is in it.
    pub(super) asked: bool,
    /// The generation of the resources that was last looked at.
    pub(super) seen: Option<u64>,
    pub(super) exchange: Exchange,
    /// What the client was sent.
    pub(super) sent: V,
}

/// What a stream is about, for one type.
#[derive(Debug, Clone)]
pub(crate) struct TopicStatus {
    pub(crate) type_url: String,
    pub(crate) kind: Option<Kind>,
    pub(crate) wildcard: bool,
    pub(crate) names: Vec<String>,
    /// The version of what it is to have now: of what was sent last, if nothing is due.
    pub(crate) intended: Version,
    pub(crate) exchange: Exchange,
}

impl<V: Variant> Topic<V> {
    pub(super) fn weight(&self) -> Weight {
        self.subscription.weight().and(self.sent.beside(&self.subscription))
    }

    fn is_to_be_looked_at(&self, generation: u64) -> bool {
        self.asked || self.seen != Some(generation)
    }

    /// Whether a response is due.
    pub(super) fn is_due(&self, key: &Key, view: View<'_>) -> bool {
        if self.asked || !self.is_to_be_looked_at(key.generation(view)) {
            return self.asked;
        }
        V::is_due(self, key, &self.subscription.wanted(key.kind(), view))
    }

    pub(super) fn status(&self, key: &Key, view: View<'_>) -> TopicStatus {
        // With nothing due, a client may have more than it wants now, or know of what is gone: that is no difference.
        let sent = self.exchange.sent.filter(|_| !self.is_due(key, view));
        TopicStatus {
            type_url: key.type_url().to_owned(),
            kind: key.kind(),
            wildcard: self.subscription.wildcard,
            names: self.subscription.names.iter().map(ToString::to_string).collect(),
            intended: sent.unwrap_or_else(|| version(&self.subscription.wanted(key.kind(), view))),
            exchange: self.exchange.clone(),
        }
    }

    /// The next response, if one is due. Nothing is taken away while it is `used`.
    pub(super) fn next(
        &mut self,
        key: &Key,
        view: View<'_>,
        used: bool,
        nonces: &mut Nonces,
        warming: &mut Warming,
    ) -> Option<Push<V::Response>> {
        let kind = key.kind();
        for name in warming.again(kind) {
            if self.sent.doubt(name) {
                self.seen = None;
            }
        }
        let generation = key.generation(view);
        if !self.is_to_be_looked_at(generation) {
            return None;
        }
        let by_change = self.seen.is_some() && !self.asked;
        let wanted = self.subscription.wanted(kind, view);
        let look = Look { key, generation, used };
        let (number, version, response) = V::respond(self, &look, wanted, nonces, warming)?;
        self.asked = false;
        let changed = kind.filter(|_| by_change).and_then(|kind| view.changed(kind));
        self.exchange.send(number, version, changed);
        Some(Push { kind, response })
    }
}
