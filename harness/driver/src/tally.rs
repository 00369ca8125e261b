//! What a client sent, to each address.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Counts what a client sends. Clones share the counts.
#[derive(Debug, Clone, Default)]
pub struct Tally(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    sent: HashMap<SocketAddr, Sent>,
    open: u64,
    most_open: u64,
}

/// What was sent to an address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sent {
    /// Requests that went over a connection, or of which that is not known, as they were given up.
    pub requests: u64,
    /// Of these, the ones that were answered in full: whoever listens there has surely seen them.
    pub answered: u64,
}

/// A request that is open; not any more when it is dropped.
#[derive(Debug)]
pub(crate) struct Open {
    tally: Tally,
    to: SocketAddr,
}

impl Tally {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was sent so far to the addresses that are meant.
    pub fn to_any(&self, is_meant: impl Fn(SocketAddr) -> bool) -> Sent {
        let counts = self.counts();
        let meant = counts.sent.iter().filter(|(address, _)| is_meant(**address));
        meant.fold(Sent::default(), |sum, (_, sent)| Sent {
            requests: sum.requests + sent.requests,
            answered: sum.answered + sent.answered,
        })
    }

    /// How many requests were open at the same time, at the most.
    pub fn most_open(&self) -> u64 {
        self.counts().most_open
    }

    /// A request is sent.
    pub(crate) fn open(&self, to: SocketAddr) -> Open {
        let mut counts = self.counts();
        counts.sent.entry(to).or_default().requests += 1;
        counts.open += 1;
        counts.most_open = counts.most_open.max(counts.open);
        drop(counts);
        Open {
            tally: self.clone(),
            to,
        }
    }
}

impl Open {
    /// It was answered in full.
    pub(crate) fn is_answered(&self) {
        self.tally.counts().sent.entry(self.to).or_default().answered += 1;
    }

    /// There was no connection, and nothing was sent.
    pub(crate) fn is_unsent(&self) {
        self.tally.counts().sent.entry(self.to).or_default().requests -= 1;
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.tally.counts().open -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_up_was_perhaps_sent_and_what_had_no_connection_was_not() {
        let (tally, to) = (Tally::default(), SocketAddr::from(([127, 0, 0, 1], 80)));
        let (answered, given_up, refused) = (tally.open(to), tally.open(to), tally.open(to));
        answered.is_answered();
        drop(answered);
        refused.is_unsent();
        drop((given_up, refused));
        drop(tally.open(to));
        let sent = Sent {
            requests: 3,
            answered: 1,
        };
        assert_eq!((tally.to_any(|address| address == to), tally.most_open()), (sent, 3));
        assert_eq!(tally.to_any(|_| false), Sent::default());
    }
}
