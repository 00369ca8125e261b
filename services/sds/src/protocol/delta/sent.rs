//! What a client has been told, name by name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::protocol::exchange::MOST_OUTSTANDING;
use crate::protocol::subscription::Wanted;
use crate::protocol::weight::Weight;
use crate::resources::{Resource, Version};

/// What a client has been told, name by name.
///
/// A client that refuses a response may have taken what was right in it, or nothing. So once something of that response
/// is different, the rest of it is told again; until then, nothing. What is different comes first and alone, and the rest
/// in shares: should it not be what was wrong, it arrives all the same, and so do most of the others.
#[derive(Debug, Clone, Default)]
pub(crate) struct SentState {
    /// Of the names that it wants.
    names: BTreeMap<Arc<str>, Entry>,
    /// The names that are gone for a client that wants everything, until it takes the response, by number, that said so.
    gone: BTreeMap<Arc<str>, u64>,
    /// What the client was told of while it wanted it. A response may still be under way, and be read by a client that
    /// wants everything again.
    former: BTreeSet<Arc<str>>,
    /// How many names the responses told of that are not answered, by number.
    under_way: BTreeMap<u64, usize>,
    /// The responses, by number, that were refused, as long as something of them has not been told again.
    refused: BTreeMap<u64, Refused>,
}

/// A response that was refused.
#[derive(Debug, Clone, Copy)]
struct Refused {
    /// Something of it is different now.
    is_different: bool,
    /// How many names of it are told again at once.
    share: usize,
}

/// In how many shares a response that was refused is told again: few responses for one of many resources, and each alone
/// of one of few.
const SHARES: usize = 16;

/// What has to be told, in the order of names.
#[derive(Debug, Default)]
pub(super) struct Due<'a> {
    pub(super) resources: Vec<(&'a str, &'a Resource)>,
    pub(super) removed: Vec<&'a str>,
}

impl Due<'_> {
    pub(super) fn is_nothing(&self) -> bool {
        self.resources.is_empty() && self.removed.is_empty()
    }

    /// Whether it brings a resource of this name.
    pub(super) fn brings(&self, name: &str) -> bool {
        self.resources.binary_search_by_key(&name, |(name, _)| name).is_ok()
    }
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    what: What,
    /// The number of the response that said so; 0 if none on this stream did.
    response: u64,
    /// Nobody but the client says that there is such a name, so that it may have made it up.
    is_claimed: bool,
}

/// What a client has been told of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Version(Version),
    /// It came with a version that is none of this program's, or needs the same once more.
    Foreign,
    /// There is none.
    Absent,
    /// Nothing that still counts, and it has to be told even that there is none.
    Nothing,
}

impl Entry {
    const NOTHING: Self = Self {
        what: What::Nothing,
        response: 0,
        is_claimed: true,
    };

    fn differs(self, resource: Option<&Resource>) -> bool {
        match (self.what, resource) {
            (What::Version(version), Some(resource)) => version != resource.version,
            (What::Absent, None) => false,
            _ => true,
        }
    }
}

impl SentState {
    /// The client says at first that it has a version of a resource; `None` is one of another server.
    pub(super) fn has(&mut self, name: String, version: Option<Version>) {
        let what = version.map_or(What::Foreign, What::Version);
        let entry = Entry {
            what,
            response: 0,
            is_claimed: true,
        };
        self.names.insert(name.into(), entry);
    }

    /// These resources are there, whoever said so first.
    pub(super) fn prove(&mut self, wanted: &Wanted<'_>) {
        for (name, entry) in &mut self.names {
            entry.is_claimed &= !wanted.contains_key(&**name);
        }
    }

    /// What the names take that are kept besides those that are `named`: what the client alone knows of, and what it has not
    /// heard yet to be gone. The others are no more than there are resources.
    pub(super) fn weight(&self, named: &BTreeSet<Arc<str>>) -> Weight {
        let claimed = self.names.iter().filter(|(_, entry)| entry.is_claimed);
        let claimed = claimed.filter(|(name, _)| !named.contains(*name));
        let claimed = claimed.map(|(name, _)| &**name);
        Weight::of(claimed.chain(self.gone.keys().map(|name| &**name)))
    }

    /// A name has to be told again, even if it is not there.
    pub(super) fn tell(&mut self, name: &Arc<str>) {
        self.gone.remove(name);
        if let Some(entry) = self.names.insert(Arc::clone(name), Entry::NOTHING) {
            self.put_away(Arc::clone(name), entry);
        }
        self.forget_done();
    }

    /// Everything that the client once had has to be told again.
    pub(super) fn tell_former(&mut self) {
        for name in std::mem::take(&mut self.former) {
            self.names.entry(name).or_insert(Entry::NOTHING);
        }
    }

    /// A name has to be told again if it is there; tells whether that is news.
    pub(super) fn doubt(&mut self, name: &str) -> bool {
        match self.names.get_mut(name) {
            Some(entry) if matches!(entry.what, What::Version(_)) => {
                entry.what = What::Foreign;
                true
            }
            _ => false,
        }
    }

    /// The client wants a name no more.
    pub(super) fn drop(&mut self, name: &str) {
        self.drop_one(name);
        self.forget_done();
    }

    /// The client wants no more than these names.
    pub(super) fn keep(&mut self, names: &BTreeSet<Arc<str>>) {
        self.gone.clear();
        let dropped: Vec<Arc<str>> = self
            .names
            .keys()
            .filter(|name| !names.contains(*name))
            .cloned()
            .collect();
        for name in dropped {
            self.drop_one(&name);
        }
        self.forget_done();
    }

    fn drop_one(&mut self, name: &str) {
        if let Some((name, entry)) = self.names.remove_entry(name) {
            self.put_away(name, entry);
        }
    }

    fn put_away(&mut self, name: Arc<str>, entry: Entry) {
        self.is_different(entry.response);
        // No response has what is only claimed.
        if !entry.is_claimed && matches!(entry.what, What::Version(_) | What::Foreign) {
            self.former.insert(name);
        }
    }

    fn is_different(&mut self, response: u64) {
        if let Some(refused) = self.refused.get_mut(&response) {
            refused.is_different = true;
        }
    }

    /// A response was taken, and so nothing that came before it is waited for.
    pub(super) fn taken(&mut self, number: u64) {
        self.under_way = self.under_way.split_off(&(number + 1));
        let refused = &self.refused;
        self.gone
            .retain(|_, response| *response > number || refused.contains_key(response));
    }

    /// A response was refused.
    pub(super) fn refused(&mut self, number: u64) {
        let told = self.under_way.remove(&number).unwrap_or_default();
        self.under_way = self.under_way.split_off(&number);
        let left = self.names.values().filter(|entry| entry.response == number).count()
            + self.gone.values().filter(|response| **response == number).count();
        let refused = Refused {
            // If some of it has been told anew since, that is what may put it right.
            is_different: left < told,
            share: left.div_ceil(SHARES),
        };
        self.refused.insert(number, refused);
        self.forget_done();
    }

    /// Whether the client lacks something that it refused.
    pub(super) fn is_refused(&self) -> bool {
        !self.refused.is_empty()
    }

    /// Whether something that was refused has to be told again without being different.
    pub(super) fn has_rest(&self) -> bool {
        self.refused.values().any(|refused| refused.is_different)
    }

    /// What has to be told next.
    pub(super) fn due<'a>(&'a self, wanted: &Wanted<'a>) -> Due<'a> {
        let resources = wanted.iter().filter(|(name, resource)| {
            let entry = self.names.get(**name);
            entry.is_none_or(|entry| entry.differs(Some(resource)))
        });
        let removed = self.names.iter().filter(|(name, entry)| {
            let is_gone = !wanted.contains_key(&***name);
            is_gone && entry.differs(None)
        });
        let due = Due {
            resources: resources.map(|(&name, resource)| (name, &***resource)).collect(),
            removed: removed.map(|(name, _)| &**name).collect(),
        };
        if due.is_nothing() { self.rest(wanted) } else { due }
    }

    /// The next share of a response that was refused.
    fn rest<'a>(&'a self, wanted: &Wanted<'a>) -> Due<'a> {
        let mut due = Due::default();
        let Some((number, refused)) = self.refused.iter().find(|(_, refused)| refused.is_different) else {
            return due;
        };
        let named = self.names.iter().filter(|(_, entry)| entry.response == *number);
        let gone = self.gone.iter().filter(|(_, response)| *response == number);
        let names = named.map(|(name, _)| name).chain(gone.map(|(name, _)| name));
        for name in names.take(refused.share) {
            match wanted.get_key_value(&**name) {
                Some((&name, resource)) => due.resources.push((name, &***resource)),
                None => due.removed.push(name),
            }
        }
        due
    }

    /// Whether the client was told of a resource of this name last.
    pub(super) fn is_held(&self, name: &str) -> bool {
        let entry = self.names.get(name);
        entry.is_some_and(|entry| matches!(entry.what, What::Version(_) | What::Foreign))
    }

    /// A response goes out that tells of these resources, and that these names are gone, of which some are `named`.
    pub(super) fn sent(
        &mut self,
        number: u64,
        resources: &[(String, Version)],
        removed: &[String],
        named: &BTreeSet<Arc<str>>,
    ) {
        let told = resources.len() + removed.len();
        for (name, version) in resources {
            self.gone.remove(name.as_str());
            self.set(name, What::Version(*version), number);
        }
        for name in removed {
            self.set(name, What::Absent, number);
            if !named.contains(name.as_str())
                && let Some((name, _)) = self.names.remove_entry(name.as_str())
            {
                self.gone.insert(name, number);
            }
        }
        self.forget_done();
        self.under_way.insert(number, told);
        if self.under_way.len() > MOST_OUTSTANDING {
            // A client that does not answer is not waited for.
            if let Some((oldest, _)) = self.under_way.pop_first() {
                self.gone.retain(|_, response| *response > oldest);
            }
        }
    }

    fn set(&mut self, name: &str, what: What, response: u64) {
        let entry = Entry {
            what,
            response,
            is_claimed: what == What::Absent,
        };
        let before = match self.names.get_mut(name) {
            Some(known) => Some(std::mem::replace(known, entry)),
            None => self.names.insert(name.into(), entry),
        };
        if let Some(before) = before {
            self.is_different(before.response);
        }
    }

    /// Forgets the refused responses of which nothing is left.
    fn forget_done(&mut self) {
        if self.refused.is_empty() {
            return;
        }
        let mut left: BTreeSet<u64> = self.names.values().map(|entry| entry.response).collect();
        left.extend(self.gone.values());
        self.refused.retain(|number, _| left.contains(number));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn send(told: &mut SentState, number: u64) {
        let name = format!("r{number}");
        let version = Version::of_bytes(b"");
        told.sent(number, &[(name.clone(), version)], &[], &BTreeSet::new());
        told.sent(number, &[], &[name], &BTreeSet::new());
    }

    #[test]
    fn what_is_gone_is_remembered_until_it_is_taken_or_long_past() {
        let mut told = SentState::default();
        for number in 1..=10 {
            send(&mut told, number);
        }
        assert_eq!((told.gone.len(), told.names.len()), (10, 0));
        told.taken(8);
        assert_eq!((told.gone.len(), told.under_way.len()), (2, 2));
        for number in 11..1000 {
            send(&mut told, number);
        }
        assert!(told.gone.len() <= MOST_OUTSTANDING && told.under_way.len() <= MOST_OUTSTANDING);
        for number in 1000..2000 {
            told.refused(number - 1);
            send(&mut told, number);
        }
        told.keep(&BTreeSet::new());
        assert_eq!((told.gone.len(), told.refused.len()), (0, 0));
    }
}
