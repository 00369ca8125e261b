//! What the names take that all streams want.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

/// How many bytes they may take. When there is no room, the stream that takes most of it ends.
const MOST: usize = 48 << 20;

/// What each stream takes.
#[derive(Debug, Default)]
pub(super) struct Named {
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    bytes: usize,
    next: u64,
    streams: HashMap<u64, (usize, CancellationToken)>,
}

/// What one stream takes, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Part {
    named: Arc<Named>,
    number: u64,
    ended: CancellationToken,
}

impl Named {
    /// A stream that takes nothing yet.
    pub(super) fn join(self: &Arc<Self>) -> Part {
        let mut taken = self.lock();
        taken.next += 1;
        Part {
            named: Arc::clone(self),
            number: taken.next,
            ended: CancellationToken::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        // Changed in steps that leave it whole.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Part {
    /// The stream takes so many bytes from now on.
    pub(super) fn take(&self, bytes: usize) {
        let mut taken = self.named.lock();
        taken.give_back(self.number);
        taken.bytes += bytes;
        taken.streams.insert(self.number, (bytes, self.ended.clone()));
        while taken.bytes > MOST {
            let most = taken.streams.iter().max_by_key(|(_, (bytes, _))| *bytes);
            let Some((&number, (_, ended))) = most else { break };
            ended.cancel();
            taken.give_back(number);
        }
    }

    /// Resolves when the stream has to end.
    pub(super) async fn ended(&self) {
        self.ended.cancelled().await;
    }
}

impl Taken {
    fn give_back(&mut self, number: u64) {
        if let Some((bytes, _)) = self.streams.remove(&number) {
            self.bytes -= bytes;
        }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.named.lock().give_back(self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_takes_most_ends_and_who_takes_little_stays() {
        let named = Arc::<Named>::default();
        let parts: Vec<_> = (0..4).map(|_| named.join()).collect();
        parts[0].take(1000);
        parts[1].take(MOST / 2);
        parts[2].take(MOST / 4);
        parts[2].take(MOST / 4);
        assert!(parts.iter().all(|part| !part.ended.is_cancelled()));
        parts[3].take(MOST / 3);
        assert!(parts[1].ended.is_cancelled());
        assert!([0, 2, 3].iter().all(|&index| !parts[index].ended.is_cancelled()));
        drop(parts);
        assert_eq!(named.lock().bytes, 0);
    }
}
