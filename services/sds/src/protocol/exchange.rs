//! What was sent of one type, and what the client said to it.

use std::collections::VecDeque;
use std::time::Instant;

use envoy_types::pb::google::rpc::Status;

use crate::resources::{Kind, Version};
use crate::text::cut;

/// How many responses that wait for their ACK are remembered. A client may leave out ACKs, and then the oldest are
/// forgotten.
pub(super) const MOST_OUTSTANDING: usize = 64;

/// The longest message of a NACK that is kept, in bytes.
pub(crate) const LONGEST_MESSAGE: usize = 4096;

/// What was sent of one type, and what the client said to it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Exchange {
    pub(crate) sent: Option<Version>,
    pub(crate) acknowledged: Option<Version>,
    pub(crate) nack: Option<Nack>,
    outstanding: VecDeque<Outstanding>,
}

/// A response that a client refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Nack {
    pub(crate) version: Version,
    pub(crate) code: i32,
    pub(crate) message: String,
}

/// What a request was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RequestOutcome {
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

#[derive(Debug, Clone)]
struct Outstanding {
    /// The number in its nonce.
    number: u64,
    version: Version,
    /// When the change was made that was sent.
    changed: Option<Instant>,
}

impl Exchange {
    /// A response goes out.
    pub(super) fn send(&mut self, number: u64, version: Version, changed: Option<Instant>) {
        if self.outstanding.len() == MOST_OUTSTANDING {
            self.outstanding.pop_front();
        }
        self.outstanding.push_back(Outstanding {
            number,
            version,
            changed,
        });
        self.sent = Some(version);
    }

    /// The client has all that it wants, at this version, and nothing has to be sent: it said so when it came, or it gave
    /// up what it had refused.
    pub(super) fn has(&mut self, version: Version) {
        if self.outstanding.is_empty() && (self.sent.is_none() || self.acknowledged != self.sent) {
            self.sent = Some(version);
            self.acknowledged = Some(version);
        }
    }

    /// Whether a response of this version has no answer yet.
    pub(super) fn is_waited_for(&self, version: Option<Version>) -> bool {
        self.outstanding
            .iter()
            .any(|outstanding| Some(outstanding.version) == version)
    }

    /// The client answers a response. One that is not waited for, or no more, is only heard.
    pub(super) fn answer(&mut self, kind: Option<Kind>, number: u64, error: Option<Status>) -> RequestOutcome {
        let Some(index) = self
            .outstanding
            .iter()
            .position(|outstanding| outstanding.number == number)
        else {
            return RequestOutcome::Request;
        };
        // Clients answer in order: those before it will not be answered any more.
        let Some(answered) = self.outstanding.drain(..=index).next_back() else {
            return RequestOutcome::Request;
        };
        match error {
            None => {
                self.acknowledged = Some(answered.version);
                RequestOutcome::Ack {
                    kind,
                    changed: answered.changed,
                }
            }
            Some(Status { code, message, .. }) => {
                let nack = Nack {
                    version: answered.version,
                    code,
                    message: cut(&message, LONGEST_MESSAGE).to_owned(),
                };
                self.nack = Some(nack.clone());
                RequestOutcome::Nack { kind, nack }
            }
        }
    }
}
