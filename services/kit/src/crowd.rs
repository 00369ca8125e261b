//! How many connections and requests there are at once, and who has to go when there is no room.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rustix::process::{Resource, getrlimit};
use tokio_util::sync::CancellationToken;

/// How many connections there are at once, at the most.
pub const MOST_CONNECTIONS: usize = 4096;

/// Of the files that the process may have open, so many are left for everything else.
const OTHER_FILES: u64 = 64;

/// How many requests are under way at once before there is room for a few of each connection only. A stream is one for as
/// long as it is open.
pub const MANY_REQUESTS: usize = 4096;

/// The same of the requests of connections that have not shown what they are here for: who has keeps its room.
pub(crate) const MANY_REQUESTS_OF_STRANGERS: usize = 512;

/// How many requests of a connection there is always room for.
pub const FEW_REQUESTS: usize = 4;

/// So many have to go before their memory is worth a thought.
const MANY: usize = 64;

/// How many looks in a row must find that nobody went.
const QUIET_LOOKS: usize = 2;

/// All that are connected.
#[derive(Debug)]
pub(crate) struct Crowd {
    most: usize,
    strangers_apart: bool,
    requests: AtomicUsize,
    /// Of those, the ones of connections that have shown nothing yet.
    requests_of_strangers: AtomicUsize,
    members: Mutex<HashMap<u64, Arc<Member>>>,
    next: AtomicU64,
    /// The most that there were since many had gone.
    peak: AtomicUsize,
    /// How many went since it was looked at.
    gone: AtomicUsize,
    /// How often more it is to be looked at without anybody going, before all that they had is free.
    quiet_looks: AtomicUsize,
}

/// A connection in it.
#[derive(Debug)]
pub(crate) struct Member {
    crowd: Arc<Crowd>,
    number: u64,
    /// Cuts it.
    cut: CancellationToken,
    asking: Mutex<Asking>,
}

/// What it asks for.
#[derive(Debug)]
struct Asking {
    /// How many requests of it are under way.
    requests: usize,
    /// When the last one ended, or when it came.
    idle_since: Instant,
    /// Whether it has shown what it is here for, or nobody asks.
    proven: bool,
}

/// A connection's place, given up when it is dropped.
#[derive(Debug)]
pub(crate) struct Place(pub(crate) Arc<Member>);

/// A request that is under way until this is dropped: until its answer is sent.
#[derive(Debug)]
pub(crate) struct UnderWay(Arc<Member>);

impl Crowd {
    /// As many as there may be, and as the system allows this process.
    /// `strangers_apart`: who has shown nothing yet has less room.
    pub(crate) fn new(strangers_apart: bool) -> Arc<Self> {
        let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let files = usize::try_from(files.saturating_sub(OTHER_FILES)).unwrap_or(usize::MAX);
        Self::of(MOST_CONNECTIONS.min(files).max(1), strangers_apart)
    }

    fn of(most: usize, strangers_apart: bool) -> Arc<Self> {
        Arc::new(Self {
            most,
            strangers_apart,
            requests: AtomicUsize::new(0),
            requests_of_strangers: AtomicUsize::new(0),
            members: Mutex::default(),
            next: AtomicU64::new(0),
            peak: AtomicUsize::new(0),
            gone: AtomicUsize::new(0),
            quiet_looks: AtomicUsize::new(0),
        })
    }

    /// Whether many have gone, so that what they had is worth giving back: most of those that there were, and then for as long
    /// as others follow them. What one had is free only some time after it went, so the last looks are after nobody did.
    pub(crate) fn has_gone(&self) -> bool {
        let now = self.members().len();
        let peak = self.peak.load(Ordering::Relaxed);
        let gone = self.gone.swap(0, Ordering::Relaxed);
        if peak >= MANY && now <= peak / 2 {
            self.peak.store(now, Ordering::Relaxed);
            self.quiet_looks.store(QUIET_LOOKS, Ordering::Relaxed);
            return true;
        }
        let left = self.quiet_looks.load(Ordering::Relaxed);
        if left > 0 && gone == 0 {
            self.quiet_looks.store(left - 1, Ordering::Relaxed);
        }
        left > 0
    }

    /// Lets in a connection that `cut` cuts. Where there is no room, the one that asks for nothing and has done so for the longest is closed;
    /// where all ask for something, there is none.
    pub(crate) fn join(self: &Arc<Self>, cut: CancellationToken) -> Option<Place> {
        let mut members = self.members();
        if members.len() >= self.most {
            let idle = members.values().filter_map(|member| {
                let asking = member.asking();
                (asking.requests == 0).then_some((asking.idle_since, member.number))
            });
            let (_, longest) = idle.min()?;
            if let Some(member) = members.remove(&longest) {
                member.cut.cancel();
            }
        }
        let member = Arc::new(Member {
            crowd: Arc::clone(self),
            number: self.next.fetch_add(1, Ordering::Relaxed),
            cut,
            asking: Mutex::new(Asking {
                requests: 0,
                idle_since: Instant::now(),
                proven: !self.strangers_apart,
            }),
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

    fn members(&self) -> MutexGuard<'_, HashMap<u64, Arc<Member>>> {
        // Changed in single steps.
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Member {
    /// A request begins, if there is room for it.
    pub(crate) fn begin(self: &Arc<Self>) -> Option<UnderWay> {
        let mut asking = self.asking();
        let own = asking.requests;
        asking.requests += 1;
        let all = self.crowd.requests.fetch_add(1, Ordering::AcqRel);
        let room = asking.proven
            || self.crowd.requests_of_strangers.fetch_add(1, Ordering::AcqRel) < MANY_REQUESTS_OF_STRANGERS;
        drop(asking);
        let under_way = UnderWay(Arc::clone(self));
        (own < FEW_REQUESTS || (room && all < MANY_REQUESTS)).then_some(under_way)
    }

    /// It has shown what it is here for.
    pub(crate) fn prove(&self) {
        let mut asking = self.asking();
        if !asking.proven {
            asking.proven = true;
            let strangers = &self.crowd.requests_of_strangers;
            strangers.fetch_sub(asking.requests, Ordering::AcqRel);
        }
    }

    fn asking(&self) -> MutexGuard<'_, Asking> {
        // Changed in single steps.
        self.asking.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let Member { crowd, .. } = &*self.0;
        let mut asking = self.0.asking();
        asking.requests -= 1;
        asking.idle_since = Instant::now();
        crowd.requests.fetch_sub(1, Ordering::AcqRel);
        if !asking.proven {
            crowd.requests_of_strangers.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.crowd.members().remove(&self.0.number);
        self.0.crowd.gone.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_for_nothing_goes_first_and_who_asks_stays() {
        let crowd = Crowd::of(2, true);
        let [a, b, c, d] = [(); 4].map(|()| CancellationToken::new());
        let place_a = crowd.join(a.clone()).unwrap();
        let asking = place_a.0.begin().unwrap();
        let place_b = crowd.join(b.clone()).unwrap();
        let place_c = crowd.join(c.clone()).unwrap();
        assert!(!a.is_cancelled() && b.is_cancelled() && !c.is_cancelled());
        let asking_c = place_c.0.begin().unwrap();
        assert!(crowd.join(d.clone()).is_none() && !d.is_cancelled());
        drop(asking_c);
        drop(place_b);
        crowd.join(d).unwrap();
        assert!(c.is_cancelled() && !a.is_cancelled());
        drop((asking, place_a, place_c));
        assert_eq!(crowd.count(), 0);
    }

    #[test]
    fn where_many_are_under_way_each_has_room_for_a_few() {
        let crowd = Crowd::of(10, true);
        let [greedy, modest] = [(); 2].map(|()| crowd.join(CancellationToken::new()).unwrap());
        greedy.0.prove();
        let mut under_way: Vec<_> = (0..MANY_REQUESTS).map(|_| greedy.0.begin().unwrap()).collect();
        assert!(greedy.0.begin().is_none());
        let few: Vec<_> = (0..FEW_REQUESTS).map(|_| modest.0.begin().unwrap()).collect();
        assert!(modest.0.begin().is_none());
        under_way.truncate(MANY_REQUESTS - FEW_REQUESTS - 1);
        assert!(modest.0.begin().is_some());
        drop((few, under_way));
        assert_eq!(crowd.requests.load(Ordering::Acquire), 0);
        assert_eq!(crowd.requests_of_strangers.load(Ordering::Acquire), 0);
    }

    #[test]
    fn strangers_have_less_room_than_those_who_have_shown_what_they_are_here_for() {
        let crowd = Crowd::of(10, true);
        let [stranger, other] = [(); 2].map(|()| crowd.join(CancellationToken::new()).unwrap());
        let mut under_way: Vec<_> = (0..MANY_REQUESTS_OF_STRANGERS)
            .map(|_| stranger.0.begin().unwrap())
            .collect();
        assert!(stranger.0.begin().is_none());
        let few: Vec<_> = (0..FEW_REQUESTS).map(|_| other.0.begin().unwrap()).collect();
        assert!(other.0.begin().is_none());
        // What it asked for as a stranger is counted no more.
        other.0.prove();
        other.0.prove();
        under_way.push(other.0.begin().unwrap());
        assert_eq!(
            crowd.requests_of_strangers.load(Ordering::Acquire),
            MANY_REQUESTS_OF_STRANGERS
        );
        stranger.0.prove();
        under_way.push(stranger.0.begin().unwrap());
        drop((few, under_way));
        assert_eq!(crowd.requests.load(Ordering::Acquire), 0);
        assert_eq!(crowd.requests_of_strangers.load(Ordering::Acquire), 0);
    }

    #[test]
    fn it_is_looked_until_all_have_gone_and_what_they_had_is_free() {
        let crowd = Crowd::of(1000, true);
        let mut places: Vec<_> = (0..400)
            .map(|_| crowd.join(CancellationToken::new()).unwrap())
            .collect();
        assert!(!crowd.has_gone());
        places.truncate(201);
        assert!(!crowd.has_gone());
        places.truncate(190);
        assert!(crowd.has_gone());
        // Not half of those who are left: they follow the others all the same.
        for left in [170, 150, 130, 110] {
            places.truncate(left);
            assert!(crowd.has_gone());
        }
        assert!(crowd.has_gone());
        assert!(crowd.has_gone());
        assert!(!crowd.has_gone());
        // Few come and go all the time.
        places.truncate(100);
        assert!(!crowd.has_gone());
    }
}
