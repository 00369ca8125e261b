//! What a client has been told, name by name.

use std::collections::{BTreeMap, BTreeSet};

use crate::protocol::exchange::MOST_OUTSTANDING;
use crate::protocol::subscription::Wanted;
use crate::resources::{Resource, Version};

/// What a client has been told, name by name.
///
/// A client that refuses a response may have taken what was right in it, or nothing. So once something of that response
/// is different, all of it is told again; until then, nothing.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Of the names that it wants.
    names: BTreeMap<String, Entry>,
    /// The names that are gone for a client that wants everything, until it takes the response, by number, that said so.
    gone: BTreeMap<String, u64>,
    /// What the client was told of while it wanted it. A response may still be under way, and be read by a client that
    /// wants everything again.
    former: BTreeSet<String>,
    /// How many names the responses told of that are not answered, by number.
    under_way: BTreeMap<u64, usize>,
    /// The responses, by number, that were refused, and whether something of them is different now.
    refused: BTreeMap<u64, bool>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    what: What,
    /// The number of the response that said so; 0 if none on this stream did.
    response: u64,
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
    };

    fn differs(self, resource: Option<&Resource>) -> bool {
        match (self.what, resource) {
            (What::Version(version), Some(resource)) => version != resource.version,
            (What::Absent, None) => false,
            _ => true,
        }
    }
}

/// Numbers of responses.
pub(super) type Responses = BTreeSet<u64>;

impl Told {
    /// The client says at first that it has a version of a resource; `None` is one of another server.
    pub(super) fn has(&mut self, name: String, version: Option<Version>) {
        let what = version.map_or(What::Foreign, What::Version);
        self.names.insert(name, Entry { what, response: 0 });
    }

    /// A name has to be told again, even if it is not there.
    pub(super) fn tell(&mut self, name: String) {
        self.gone.remove(&name);
        if let Some(entry) = self.names.insert(name.clone(), Entry::NOTHING) {
            self.put_away(name, entry);
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
    pub(super) fn keep(&mut self, names: &BTreeSet<String>) {
        self.gone.clear();
        let dropped: Vec<String> = self
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
        if let Some(entry) = self.names.remove(name) {
            self.put_away(name.to_owned(), entry);
        }
    }

    fn put_away(&mut self, name: String, entry: Entry) {
        self.is_different(entry.response);
        if matches!(entry.what, What::Version(_) | What::Foreign) {
            self.former.insert(name);
        }
    }

    fn is_different(&mut self, response: u64) {
        if let Some(is_different) = self.refused.get_mut(&response) {
            *is_different = true;
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
        // If some of it has been told anew since, that is what may put it right.
        self.refused.insert(number, left < told);
        self.forget_done();
    }

    /// Whether the client lacks something that it refused.
    pub(super) fn is_refused(&self) -> bool {
        !self.refused.is_empty()
    }

    /// The responses that were refused and have to be told again, as something of them is different now.
    pub(super) fn again(&self, wanted: &Wanted<'_>) -> Responses {
        let mut again: Responses = self
            .refused
            .iter()
            .filter(|(_, is)| **is)
            .map(|(number, _)| *number)
            .collect();
        if self.refused.len() > again.len() {
            let names = self.names.iter().filter(|(name, entry)| {
                let resource = wanted.get(name.as_str()).map(|resource| &***resource);
                self.refused.contains_key(&entry.response) && entry.differs(resource)
            });
            let back = self.gone.iter().filter(|(name, _)| wanted.contains_key(name.as_str()));
            again.extend(names.map(|(_, entry)| entry.response));
            again.extend(
                back.map(|(_, response)| *response)
                    .filter(|response| self.refused.contains_key(response)),
            );
        }
        again
    }

    /// Whether a resource has to be sent.
    pub(super) fn is_new(&self, name: &str, resource: &Resource, again: &Responses) -> bool {
        self.names
            .get(name)
            .is_none_or(|entry| entry.differs(Some(resource)) || again.contains(&entry.response))
    }

    /// Whether the client was told of a resource of this name last.
    pub(super) fn is_held(&self, name: &str) -> bool {
        let entry = self.names.get(name);
        entry.is_some_and(|entry| matches!(entry.what, What::Version(_) | What::Foreign))
    }

    /// The names that have to be told to be gone, in order.
    pub(super) fn removed<'a>(&'a self, wanted: &Wanted<'_>, again: &Responses) -> impl Iterator<Item = &'a str> {
        let named = self
            .names
            .iter()
            .filter(|(name, entry)| {
                !wanted.contains_key(name.as_str()) && (entry.differs(None) || again.contains(&entry.response))
            })
            .map(|(name, _)| name.as_str());
        let gone = self
            .gone
            .iter()
            .filter(|(name, response)| again.contains(response) && !wanted.contains_key(name.as_str()))
            .map(|(name, _)| name.as_str());
        named.chain(gone).collect::<BTreeSet<_>>().into_iter()
    }

    /// A response goes out that tells of these resources, and that these names are gone, of which some are `named`.
    pub(super) fn sent<'a>(
        &mut self,
        number: u64,
        resources: impl Iterator<Item = (&'a str, Version)>,
        removed: &[String],
        named: &BTreeSet<String>,
        again: &Responses,
    ) {
        let mut told = removed.len();
        for (name, version) in resources {
            told += 1;
            let entry = Entry {
                what: What::Version(version),
                response: number,
            };
            self.gone.remove(name);
            match self.names.get_mut(name) {
                Some(known) => *known = entry,
                None => {
                    self.names.insert(name.to_owned(), entry);
                }
            }
        }
        for name in removed {
            if named.contains(name) {
                let what = What::Absent;
                self.names.insert(name.clone(), Entry { what, response: number });
            } else {
                self.names.remove(name);
                self.gone.insert(name.clone(), number);
            }
        }
        // All of these was told again, but for what may not be taken away yet.
        again.iter().for_each(|&number| self.is_different(number));
        self.forget_done();
        self.under_way.insert(number, told);
        if self.under_way.len() > MOST_OUTSTANDING {
            // A client that does not answer is not waited for.
            if let Some((oldest, _)) = self.under_way.pop_first() {
                self.gone.retain(|_, response| *response > oldest);
            }
        }
    }

    /// Forgets the refused responses of which nothing is left.
    fn forget_done(&mut self) {
        if self.refused.is_empty() {
            return;
        }
        let mut left: Responses = self.names.values().map(|entry| entry.response).collect();
        left.extend(self.gone.values());
        self.refused.retain(|number, _| left.contains(number));
    }
}
