//! A part of the memory that many share, each of whom could take all of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::BytesMut;
use tokio_util::sync::CancellationToken;

/// What is kept of something that has not ended. It is emptied as soon as its share is lost: whoever fills it may not learn of that
/// for a while.
#[derive(Debug, Clone, Default)]
pub struct Kept(Arc<Mutex<BytesMut>>);

impl Kept {
    /// The bytes.
    pub fn bytes(&self) -> MutexGuard<'_, BytesMut> {
        // Changed in single steps.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many bytes all that is under way may hold together. When there is no room, whoever began first has to give up: what is
/// meant honestly takes moments, and what is not takes its time.
#[derive(Debug)]
pub struct Budget {
    most: usize,
    held: Mutex<Held>,
}

#[derive(Debug)]
struct Held {
    bytes: usize,
    next: u64,
    /// By their age, the oldest first.
    holders: BTreeMap<u64, Holder>,
}

#[derive(Debug)]
struct Holder {
    bytes: usize,
    kept: Option<Kept>,
    lost: CancellationToken,
}

/// What one of them holds, given back when it is dropped.
#[derive(Debug)]
pub struct Share {
    budget: &'static Budget,
    number: u64,
    lost: CancellationToken,
}

impl Budget {
    /// So many bytes for all.
    pub const fn new(most: usize) -> Self {
        Self {
            most,
            held: Mutex::new(Held {
                bytes: 0,
                next: 0,
                holders: BTreeMap::new(),
            }),
        }
    }

    /// Begins to hold nothing. `lost` is cancelled when it has to give up.
    pub fn join(&'static self, lost: CancellationToken) -> Share {
        self.join_as(lost, None)
    }

    /// Begins to hold what is kept there, of which nothing is left when it has to give up.
    pub fn join_with(&'static self, kept: &Kept) -> Share {
        self.join_as(CancellationToken::new(), Some(kept.clone()))
    }

    fn join_as(&'static self, lost: CancellationToken, kept: Option<Kept>) -> Share {
        let mut held = self.lock();
        let number = held.next;
        held.next += 1;
        held.holders.insert(
            number,
            Holder {
                bytes: 0,
                kept,
                lost: lost.clone(),
            },
        );
        Share {
            budget: self,
            number,
            lost,
        }
    }

    /// How many bytes are held.
    pub fn held(&self) -> usize {
        self.lock().bytes
    }

    /// Who has to give up so that one of them may hold so many bytes.
    fn hold(&self, number: u64, bytes: usize) -> Vec<Holder> {
        let mut losers = Vec::new();
        let mut held = self.lock();
        let Some(holder) = held.holders.get_mut(&number) else {
            return losers;
        };
        let before = std::mem::replace(&mut holder.bytes, bytes);
        held.bytes = held.bytes - before + bytes;
        while held.bytes > self.most {
            let oldest = held.holders.iter().find(|(_, holder)| holder.bytes > 0);
            let Some(oldest) = oldest.map(|(&number, _)| number) else {
                break;
            };
            if let Some(holder) = held.holders.remove(&oldest) {
                held.bytes -= holder.bytes;
                losers.push(holder);
            }
        }
        losers
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        // Changed in steps that leave it whole.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Share {
    /// Holds so many bytes from now on; who is older gives up as many as it takes, and last of all this one.
    ///
    /// Not to be called with the lock of anything [`Kept`].
    pub fn hold(&self, bytes: usize) {
        let losers = self.budget.hold(self.number, bytes);
        // After the budget's own lock, and never under it: who fills what is kept may give up its share in the same moment.
        for loser in losers {
            loser.lost.cancel();
            if let Some(kept) = loser.kept {
                *kept.bytes() = BytesMut::new();
            }
        }
    }

    /// Whether it has to give up.
    pub fn is_lost(&self) -> bool {
        self.lost.is_cancelled()
    }

    /// Resolves when it has to give up.
    pub async fn lost(&self) {
        self.lost.cancelled().await;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.budget.lock();
        if let Some(holder) = held.holders.remove(&self.number) {
            held.bytes -= holder.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_began_first_gives_up_first() {
        static BUDGET: Budget = Budget::new(100);
        let [old, middle, new] = [(); 3].map(|()| BUDGET.join(CancellationToken::new()));
        old.hold(40);
        middle.hold(40);
        new.hold(20);
        assert!(!old.is_lost() && !middle.is_lost() && !new.is_lost());
        new.hold(50);
        assert!(old.is_lost() && !middle.is_lost() && !new.is_lost());
        assert_eq!(BUDGET.held(), 90);
        // What is lost holds nothing any more, whatever it says.
        old.hold(1000);
        drop(old);
        assert_eq!(BUDGET.held(), 90);
        drop(new);
        assert_eq!(BUDGET.held(), 40);
        // What a loser kept is gone at once.
        let kept = Kept::default();
        kept.bytes().extend_from_slice(b"some");
        let keeping = BUDGET.join_with(&kept);
        keeping.hold(4);
        middle.hold(97);
        assert!(middle.is_lost() && !keeping.is_lost() && kept.bytes().len() == 4);
        keeping.hold(101);
        assert!(keeping.is_lost() && kept.bytes().capacity() == 0);
        let middle = BUDGET.join(CancellationToken::new());
        // Nobody may hold more than there is.
        middle.hold(101);
        assert!(middle.is_lost());
        assert_eq!(BUDGET.held(), 0);
    }
}
