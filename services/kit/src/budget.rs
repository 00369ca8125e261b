//! A part of the memory that many share, each of whom could take all of it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

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
        let mut held = self.lock();
        let number = held.next;
        held.next += 1;
        held.holders.insert(
            number,
            Holder {
                bytes: 0,
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

    fn lock(&self) -> MutexGuard<'_, Held> {
        // Changed in steps that leave it whole.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Share {
    /// Holds so many bytes from now on; who is older gives up as many as it takes, and last of all this one.
    pub fn hold(&self, bytes: usize) {
        let mut held = self.budget.lock();
        let Some(holder) = held.holders.get_mut(&self.number) else {
            return;
        };
        let before = std::mem::replace(&mut holder.bytes, bytes);
        held.bytes = held.bytes - before + bytes;
        while held.bytes > self.budget.most {
            let oldest = held.holders.iter().find(|(_, holder)| holder.bytes > 0);
            let Some(oldest) = oldest.map(|(&number, _)| number) else {
                break;
            };
            if let Some(holder) = held.holders.remove(&oldest) {
                held.bytes -= holder.bytes;
                holder.lost.cancel();
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
        // Nobody may hold more than there is.
        middle.hold(101);
        assert!(middle.is_lost());
        assert_eq!(BUDGET.held(), 0);
    }
}
