//! What the names take that all streams want.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

/// How many bytes they may take. When there is no room, the stream that takes most of it ends: it is told so, unless it has been
/// handing over a response when it should have, for that may last for as long as its client does not read. Then its connection is
/// cut.
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
    streams: HashMap<u64, (usize, Arc<Holder>)>,
}

/// Whose they are.
struct Holder {
    ended: CancellationToken,
    /// Whether it waits for what happens, and sees at once that it has to end.
    listens: AtomicBool,
    cut: Box<dyn Fn() + Send + Sync>,
}

/// What one stream takes, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Part {
    named: Arc<Named>,
    number: u64,
    holder: Arc<Holder>,
}

impl fmt::Debug for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Holder")
            .field("listens", &self.listens)
            .finish_non_exhaustive()
    }
}

impl Holder {
    fn end(&self) {
        self.ended.cancel();
        if !self.listens.load(Ordering::SeqCst) {
            (self.cut)();
        }
    }
}

impl Named {
    /// A stream that takes nothing yet, and what cuts its connection.
    pub(super) fn join(self: &Arc<Self>, cut: impl Fn() + Send + Sync + 'static) -> Part {
        let mut taken = self.lock();
        taken.next += 1;
        Part {
            named: Arc::clone(self),
            number: taken.next,
            holder: Arc::new(Holder {
                ended: CancellationToken::new(),
                listens: AtomicBool::new(false),
                cut: Box::new(cut),
            }),
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
        taken.streams.insert(self.number, (bytes, Arc::clone(&self.holder)));
        while taken.bytes > MOST {
            let most = taken.streams.iter().max_by_key(|(_, (bytes, _))| *bytes);
            let Some((&number, (_, holder))) = most else { break };
            // Who takes this is at it, and looks when it is through.
            if number == self.number {
                holder.ended.cancel();
            } else {
                holder.end();
            }
            taken.give_back(number);
        }
    }

    /// Whether the stream has to end. Asked before anything is handed over.
    pub(super) fn has_ended(&self) -> bool {
        self.holder.ended.is_cancelled()
    }

    /// Does something that may last, and that is dropped when the stream has to end; none if it has to.
    pub(super) async fn unless_ended<T>(&self, what: impl Future<Output = T>) -> Option<T> {
        // Before the look: whoever ends it either sees this, or is seen.
        self.holder.listens.store(true, Ordering::SeqCst);
        let done = self.holder.ended.run_until_cancelled(what).await;
        self.holder.listens.store(false, Ordering::SeqCst);
        done
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
    use futures::FutureExt as _;

    use super::*;

    #[test]
    fn who_has_to_end_and_does_not_listen_loses_its_connection() {
        let named = Arc::<Named>::default();
        let cut = [0, 1, 2].map(|_| Arc::new(AtomicBool::new(false)));
        let parts = cut
            .clone()
            .map(|cut| named.join(move || cut.store(true, Ordering::SeqCst)));
        let is_cut = || cut.clone().map(|cut| cut.load(Ordering::SeqCst));
        let [deaf, listens, last] = &parts;
        deaf.take(MOST / 2);
        listens.take(MOST / 2 - 1);
        let mut waiting = Box::pin(listens.unless_ended(std::future::pending::<()>()));
        assert!(waiting.as_mut().now_or_never().is_none());
        last.take(2);
        assert!(deaf.has_ended() && !listens.has_ended() && is_cut() == [true, false, false]);
        last.take(MOST / 2 - 2);
        named.join(|| ()).take(MOST / 4);
        assert!(listens.has_ended() && waiting.now_or_never() == Some(None));
        // Who takes too much itself is told so when it has.
        last.take(MOST * 2);
        assert!(last.has_ended() && is_cut() == [true, false, false]);
    }

    #[test]
    fn who_takes_most_ends_and_who_takes_little_stays() {
        let named = Arc::<Named>::default();
        let parts: Vec<_> = (0..4).map(|_| named.join(|| ())).collect();
        parts[0].take(1000);
        parts[1].take(MOST / 2);
        parts[2].take(MOST / 4);
        parts[2].take(MOST / 4);
        assert!(parts.iter().all(|part| !part.has_ended()));
        parts[3].take(MOST / 3);
        assert!(parts[1].has_ended());
        assert!([0, 2, 3].iter().all(|&index| !parts[index].has_ended()));
        drop(parts);
        assert_eq!(named.lock().bytes, 0);
    }
}
