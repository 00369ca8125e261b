//! What the two variants of the protocol have in common.

use std::time::Instant;

use envoy_types::pb::envoy::config::core::v3::{ControlPlane, Node};

use super::exchange::{Exchange, Nack};
use super::subscription::{Subscription, version};
use super::topic::{Key, Weight};
use crate::resources::{Kind, Version, View};

/// Which types a stream serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// All of them.
    Aggregated,
    /// This one alone.
    One(Kind),
}

/// One stream's side of the protocol.
///
/// [`Machine::receive`] for each request, then [`Machine::next`] until there is nothing, and again after each change. It
/// may be asked as late as one likes: what is due is always put together from the resources as they are. A clone tells what
/// would be due without anything being sent.
pub(crate) trait Machine: Clone + Send + 'static {
    /// What the client sends.
    type Request: prost::Message + Default;
    /// What it is sent.
    type Response: prost::Message;

    /// The node that a request tells, if it tells one.
    fn node(request: &mut Self::Request) -> Option<Node>;

    /// Hears a request.
    ///
    /// # Errors
    /// The stream has to end.
    fn receive(&mut self, request: Self::Request) -> Result<Heard, Refused>;

    /// The next response, if one is due.
    fn next(&mut self, view: View<'_>) -> Option<Push<Self::Response>>;

    /// Says who sends a response.
    fn sign(response: &mut Self::Response, sender: ControlPlane);

    /// What the names take that the stream wants.
    fn weight(&self) -> Weight;

    /// What the stream is about, type by type.
    fn topics(&self, view: View<'_>) -> Vec<TopicStatus>;
}

/// What a request was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Heard {
    /// A subscription, or nothing new.
    Request,
    /// The answer to a response that is past, or was never sent on this stream.
    Stale,
    /// The client took a response.
    Ack {
        /// `None` is a type that is not served.
        kind: Option<Kind>,
        /// When the change was made that was sent, if it was one.
        changed: Option<Instant>,
    },
    /// The client refused a response.
    Nack {
        /// `None` is a type that is not served.
        kind: Option<Kind>,
        /// What it says.
        nack: Nack,
    },
}

/// Why a stream has to end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// The type could be any.
    #[error("type_url: an aggregated stream has to say which type it speaks of")]
    NoType,
    /// Each costs memory, for as long as the stream is open.
    #[error("resource_names: a stream may want {names} names, which have {bytes} bytes together, and no more")]
    TooManyNames {
        /// How many names there may be.
        names: usize,
        /// How many bytes they may have together.
        bytes: usize,
    },
    /// It is kept for as long as the stream is open.
    #[error("type_url: it has more than {0} bytes")]
    LongType(usize),
    /// Each costs memory.
    #[error("type_url: more than {0} types that are not served here")]
    TooManyTypes(usize),
}

/// A response.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Push<R> {
    /// `None` is a type that is not served.
    pub(crate) kind: Option<Kind>,
    pub(crate) response: R,
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

impl TopicStatus {
    pub(super) fn new(
        key: &Key,
        subscription: &Subscription,
        exchange: &Exchange,
        is_due: bool,
        view: View<'_>,
    ) -> Self {
        // With nothing due, a client may have more than it wants now, or know of what is gone: that is no difference.
        let intended = exchange
            .sent
            .filter(|_| !is_due)
            .unwrap_or_else(|| version(&subscription.wanted(key.kind(), view)));
        Self {
            type_url: key.type_url().to_owned(),
            kind: key.kind(),
            wildcard: subscription.wildcard,
            names: subscription.names.iter().map(ToString::to_string).collect(),
            intended,
            exchange: exchange.clone(),
        }
    }
}

/// Nonces that no other stream has.
#[derive(Debug, Clone)]
pub(super) struct Nonces {
    stream: u64,
    count: u64,
}

impl Nonces {
    pub(super) fn new(stream: u64) -> Self {
        Self { stream, count: 0 }
    }

    /// The number of the next response, from 1.
    pub(super) fn next(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    pub(super) fn write(&self, number: u64) -> String {
        format!("{:x}-{number}", self.stream)
    }

    /// The number of a nonce of this stream.
    pub(super) fn read(&self, nonce: &str) -> Option<u64> {
        let (_, number) = nonce.split_once('-')?;
        let number = number.parse().ok()?;
        (self.write(number) == nonce).then_some(number)
    }
}
