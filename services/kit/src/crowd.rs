//! How many connections and requests there are at once, and who has to go when there is no room.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rustix::process::{Resource, getrlimit};

use crate::connection::{Connection, WeakConnection};

/// How many connections there are at once, at the most.
pub const MOST_CONNECTIONS: usize = 4096;

/// Of the files that the process may have open, so many are left for everything else.
const OTHER_FILES: u64 = 64;

/// How many requests are under way at once before there is room for a few of each connection only. A stream is one for as
/// long as it is open.
pub const MANY_REQUESTS: usize = 4096;

/// How many requests of a connection there is always room for.
pub const FEW_REQUESTS: usize = 4;

/// So many have to go before their memory is worth a thought.
const MANY: usize = 64;

/// All that are connected.
#[derive(Debug)]
pub(crate) struct Crowd {
    most: usize,
    begun: Instant,
    requests: AtomicUsize,
    members: Mutex<HashMap<u64, Arc<Member>>>,
    next: AtomicU64,
    /// The most that there were since many had gone.
    peak: AtomicUsize,
}

/// A connection in it.
#[derive(Debug)]
pub(crate) struct Member {
    crowd: Arc<Crowd>,
    number: u64,
    connection: WeakConnection,
    /// How many requests of it are under way.
    requests: AtomicUsize,
    /// When the last one ended, or when it came, in milliseconds.
    idle_since: AtomicU64,
}

/// A connection's place, given up when it is dropped.
#[derive(Debug)]
pub(crate) struct Place(pub(crate) Arc<Member>);

/// A request that is under way until this is dropped: until its answer is sent.
#[derive(Debug)]
pub(crate) struct UnderWay(Arc<Member>);

impl Crowd {
    /// As many as there may be, and as the system allows this process.
    pub(crate) fn new() -> Arc<Self> {
        let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let files = usize::try_from(files.saturating_sub(OTHER_FILES)).unwrap_or(usize::MAX);
        Self::of(MOST_CONNECTIONS.min(files).max(1))
    }

    fn of(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            begun: Instant::now(),
            requests: AtomicUsize::new(0),
            members: Mutex::default(),
            next: AtomicU64::new(0),
            peak: AtomicUsize::new(0),
        })
    }

    /// Whether many have gone since this was last so: most of them, and enough to be worth a thought.
    pub(crate) fn has_gone(&self) -> bool {
        let now = self.members().len();
        let peak = self.peak.load(Ordering::Relaxed);
        let has_gone = peak >= MANY && now <= peak / 2;
        if has_gone {
            self.peak.store(now, Ordering::Relaxed);
        }
        has_gone
    }

    /// Lets a connection in. Where there is no room, the one that asks for nothing and has done so for the longest is closed;
    /// where all ask for something, there is none.
    pub(crate) fn join(self: &Arc<Self>, connection: &Connection) -> Option<Place> {
        let mut members = self.members();
        if members.len() >= self.most {
            let idle = members
                .values()
                .filter(|member| member.requests.load(Ordering::Acquire) == 0);
            let longest = idle
                .min_by_key(|member| member.idle_since.load(Ordering::Acquire))?
                .number;
            if let Some(connection) = members.remove(&longest).and_then(|member| member.connection.upgrade()) {
                connection.cut_now();
            }
        }
        let member = Arc::new(Member {
            crowd: Arc::clone(self),
            number: self.next.fetch_add(1, Ordering::Relaxed),
            connection: connection.downgrade(),
            requests: AtomicUsize::new(0),
            idle_since: AtomicU64::new(self.now()),
        });
        members.insert(member.number, Arc::clone(&member));
        self.peak.fetch_max(members.len(), Ordering::Relaxed);
        Some(Place(member))
    }

    /// How many are connected.
    #[cfg(test)]
    fn count(&self) -> usize {
        self.members().len()
    }

    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn members(&self) -> MutexGuard<'_, HashMap<u64, Arc<Member>>> {
        // Changed in single steps.
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Member {
    /// A request begins, if there is room for it.
    pub(crate) fn begin(self: &Arc<Self>) -> Option<UnderWay> {
        let all = self.crowd.requests.fetch_add(1, Ordering::AcqRel);
        let own = self.requests.fetch_add(1, Ordering::AcqRel);
        let under_way = UnderWay(Arc::clone(self));
        (all < MANY_REQUESTS || own < FEW_REQUESTS).then_some(under_way)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let Member {
            crowd,
            requests,
            idle_since,
            ..
        } = &*self.0;
        crowd.requests.fetch_sub(1, Ordering::AcqRel);
        idle_since.store(crowd.now(), Ordering::Release);
        requests.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.crowd.members().remove(&self.0.number);
    }
}

#[cfg(test)]
mod tests {
    use tokio_util::sync::CancellationToken;

    use super::*;

    fn connection(port: u16) -> (Connection, CancellationToken) {
        let cut = CancellationToken::new();
        let at = |port| ([127, 0, 0, 1], port).into();
        (Connection::new(at(port), at(8080), cut.clone()), cut)
    }

    #[test]
    fn who_asks_for_nothing_goes_first_and_who_asks_stays() {
        let crowd = Crowd::of(2);
        let [(a, cut_a), (b, cut_b), (c, cut_c), (d, cut_d)] = [1, 2, 3, 4].map(connection);
        let place_a = crowd.join(&a).unwrap();
        let asking = place_a.0.begin().unwrap();
        let place_b = crowd.join(&b).unwrap();
        let place_c = crowd.join(&c).unwrap();
        assert!(!cut_a.is_cancelled() && cut_b.is_cancelled() && !cut_c.is_cancelled());
        let asking_c = place_c.0.begin().unwrap();
        assert!(crowd.join(&d).is_none() && !cut_d.is_cancelled());
        drop(asking_c);
        drop(place_b);
        crowd.join(&d).unwrap();
        assert!(cut_c.is_cancelled() && !cut_a.is_cancelled());
        drop((asking, place_a, place_c));
        assert_eq!(crowd.count(), 0);
    }

    #[test]
    fn where_many_are_under_way_each_has_room_for_a_few() {
        let crowd = Crowd::of(10);
        let [(a, _), (b, _)] = [1, 2].map(connection);
        let (greedy, modest) = (crowd.join(&a).unwrap(), crowd.join(&b).unwrap());
        let mut under_way: Vec<_> = (0..MANY_REQUESTS).map(|_| greedy.0.begin().unwrap()).collect();
        assert!(greedy.0.begin().is_none());
        let few: Vec<_> = (0..FEW_REQUESTS).map(|_| modest.0.begin().unwrap()).collect();
        assert!(modest.0.begin().is_none());
        under_way.truncate(MANY_REQUESTS - FEW_REQUESTS - 1);
        assert!(modest.0.begin().is_some());
        drop((few, under_way));
        assert_eq!(crowd.requests.load(Ordering::Acquire), 0);
    }
}
