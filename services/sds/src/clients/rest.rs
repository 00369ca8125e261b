//! Clients that poll. Nothing says that they are still there but that they come back.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::report::{ClientReport, NackReport, NodeName, PollReport, TypeReport};
use crate::protocol::LONGEST_MESSAGE;
use crate::resources::{Kind, Version};
use crate::store::{View, World};
use crate::text::cut;
use crate::transport::Transport;

/// How long a poll is remembered at most: far longer than anybody waits between two.
const LONGEST_MEMORY: Duration = Duration::from_secs(60);

/// How long a poll is remembered at least.
const SHORTEST_MEMORY: Duration = Duration::from_secs(5);

/// A poll that stays away for so many times its usual pause has ended. An Envoy waits for one to two `refresh_delay`s.
const PAUSES: u32 = 4;

/// How many polls are remembered, and how many bytes all that is remembered of them takes, about.
const MOST: usize = 4096;
const MOST_BYTES: usize = 16 << 20;

/// What a poll takes beside its texts, and a name beside its letters: a text of its own, and an entry in a table.
const BESIDE_POLL: usize = 512;
const BESIDE_NAME: usize = 128;

/// The longest version that is kept of what a client says it has, in bytes. Those that it is sent have some dozen.
const LONGEST_VERSION: usize = 1024;

/// A poll that was answered.
#[derive(Debug)]
pub(crate) struct Poll {
    pub(crate) node: NodeName,
    pub(crate) kind: Kind,
    /// None means all.
    pub(crate) names: Vec<String>,
    /// What it said it has: to a client that polls, that is to acknowledge it.
    pub(crate) has: String,
    pub(crate) sent: Version,
    /// What it said of the last response, if it refused it.
    pub(crate) error: Option<(i32, String)>,
}

/// What a poll said of the answer before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    Nothing,
    /// For the first time, that it has it.
    Taken,
    Refused,
}

/// The polls of all nodes. An Envoy polls for each of its clusters on its own, so a node may have many of one type.
#[derive(Debug, Default)]
pub(super) struct Pollers {
    nodes: BTreeMap<NodeName, BTreeMap<Kind, Polls>>,
    /// How many polls there are, and what they take.
    count: usize,
    bytes: usize,
}

/// The polls of one node for one type, by the names that they ask for.
type Polls = BTreeMap<BTreeSet<String>, Seen>;

#[derive(Debug)]
struct Seen {
    at: Instant,
    /// How long it stayed away before it came last.
    pause: Option<Duration>,
    sent: Version,
    acknowledged: Option<String>,
    /// With when it came.
    nack: Option<(Instant, Nack)>,
    /// What is remembered of it, in bytes, about.
    bytes: usize,
}

#[derive(Debug, Clone)]
struct Nack {
    version: Version,
    code: i32,
    message: String,
}

impl Pollers {
    pub(super) fn polled(&mut self, poll: Poll, now: Instant) -> Said {
        let names: BTreeSet<String> = poll.names.into_iter().collect();
        let before = self.polls(&poll.node, poll.kind).and_then(|polls| polls.get(&names));
        let said = match (&poll.error, before) {
            (Some(_), _) => Said::Refused,
            (None, Some(before))
                if before.sent.to_string() == poll.has && before.acknowledged.as_ref() != Some(&poll.has) =>
            {
                Said::Taken
            }
            (None, _) => Said::Nothing,
        };
        let nack = match poll.error {
            Some((code, message)) => Some((
                now,
                Nack {
                    // It speaks of what it was sent before this poll.
                    version: before.map_or(poll.sent, |before| before.sent),
                    code,
                    message: cut(&message, LONGEST_MESSAGE).to_owned(),
                },
            )),
            None => before.and_then(|before| before.nack.clone()),
        };
        let pause = before.map(|before| now.duration_since(before.at));
        let has = cut(&poll.has, LONGEST_VERSION);
        let of_nack = nack.as_ref().map_or(0, |(_, nack)| nack.message.len());
        let of_names: usize = names.iter().map(|name| name.len() + BESIDE_NAME).sum();
        let of_node = poll.node.id.len() + poll.node.cluster.len();
        let bytes = BESIDE_POLL + of_node + of_names + has.len() + of_nack;
        let seen = Seen {
            at: now,
            pause,
            sent: poll.sent,
            acknowledged: (!has.is_empty()).then(|| has.to_owned()),
            nack,
            bytes,
        };
        let (count_before, bytes_before) = before.map_or((0, 0), |before| (1, before.bytes));
        if self.has_room(1 - count_before, bytes.saturating_sub(bytes_before), now) {
            let polls = self.nodes.entry(poll.node).or_default().entry(poll.kind).or_default();
            // What was there may just have been forgotten.
            if let Some(before) = polls.insert(names, seen) {
                self.count -= 1;
                self.bytes -= before.bytes;
            }
            self.count += 1;
            self.bytes += bytes;
        }
        said
    }

    fn polls(&self, node: &NodeName, kind: Kind) -> Option<&Polls> {
        self.nodes.get(node)?.get(&kind)
    }

    /// Whether so many more may be remembered, with so many bytes.
    fn has_room(&mut self, polls: usize, bytes: usize, now: Instant) -> bool {
        let is_full = |pollers: &Self| pollers.count + polls > MOST || pollers.bytes + bytes > MOST_BYTES;
        if is_full(self) {
            self.forget(now);
        }
        !is_full(self)
    }

    /// One report for each node.
    pub(super) fn report(&mut self, world: &World, now: Instant) -> Vec<ClientReport> {
        self.forget(now);
        let report = |(node, kinds): (&NodeName, &BTreeMap<Kind, Polls>)| {
            let view = world.view(&node.cluster);
            let types = kinds
                .iter()
                .map(|(kind, polls)| (kind.plural().to_owned(), type_report(*kind, polls, view)));
            ClientReport {
                node: node.clone(),
                transport: Transport::Rest.name(),
                peer: None,
                types: types.collect(),
            }
        };
        self.nodes.iter().map(report).collect()
    }

    /// Forgets the polls that have ended.
    fn forget(&mut self, now: Instant) {
        let (mut count, mut bytes) = (0, 0);
        self.nodes.retain(|_, kinds| {
            kinds.retain(|_, polls| {
                polls.retain(|_, seen| {
                    let stays = now.duration_since(seen.at) < seen.memory();
                    if stays {
                        count += 1;
                        bytes += seen.bytes;
                    }
                    stays
                });
                !polls.is_empty()
            });
            !kinds.is_empty()
        });
        (self.count, self.bytes) = (count, bytes);
    }
}

/// What a node polls of one type. Several polls are told together and each.
fn type_report(kind: Kind, polls: &Polls, view: View<'_>) -> TypeReport {
    let reports: Vec<PollReport> = polls
        .iter()
        .map(|(names, seen)| seen.report(kind, names, view))
        .collect();
    let together = |of: fn(&PollReport) -> Option<&String>| -> Option<String> {
        let versions: Vec<&str> = reports
            .iter()
            .map(|report| of(report).map(String::as_str))
            .collect::<Option<_>>()?;
        Some(match *versions {
            [version] => version.to_owned(),
            _ => Version::of_bytes(versions.join("\n").as_bytes()).to_string(),
        })
    };
    let names: BTreeSet<String> = polls.keys().flatten().cloned().collect();
    let nack = polls
        .values()
        .filter_map(|seen| seen.nack.as_ref())
        .max_by_key(|(at, _)| *at);
    TypeReport {
        wildcard: reports
            .iter()
            .any(|report| report.names.is_empty() || report.names.iter().any(|name| name == "*")),
        names: names.into_iter().collect(),
        version_intended: together(|report| Some(&report.version_intended)).unwrap_or_default(),
        version_sent: together(|report| Some(&report.version_sent)),
        version_acknowledged: together(|report| report.version_acknowledged.as_ref()),
        last_nack: nack.map(|(_, nack)| nack.report()),
        polls: if reports.len() > 1 { reports } else { Vec::new() },
    }
}

impl Seen {
    fn memory(&self) -> Duration {
        self.pause.map_or(LONGEST_MEMORY, |pause| {
            (pause * PAUSES).clamp(SHORTEST_MEMORY, LONGEST_MEMORY)
        })
    }

    fn report(&self, kind: Kind, names: &BTreeSet<String>, view: View<'_>) -> PollReport {
        let names: Vec<String> = names.iter().cloned().collect();
        let intended = crate::discovery::wanted(view, kind, &names);
        let intended = Version::of_set(intended.iter().map(|(name, resource)| (*name, resource.version)));
        PollReport {
            names,
            version_intended: intended.to_string(),
            version_sent: self.sent.to_string(),
            version_acknowledged: self.acknowledged.clone(),
            last_nack: self.nack.as_ref().map(|(_, nack)| nack.report()),
        }
    }
}

impl Nack {
    fn report(&self) -> NackReport {
        NackReport {
            version: self.version.to_string(),
            code: self.code,
            message: self.message.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poll(node: &str, name: &str) -> Poll {
        Poll {
            node: NodeName {
                id: node.to_owned(),
                cluster: String::new(),
            },
            kind: Kind::Endpoints,
            names: vec![name.to_owned()],
            has: String::new(),
            sent: Version::of_bytes(name.as_bytes()),
            error: None,
        }
    }

    fn names(pollers: &mut Pollers, now: Instant) -> Vec<String> {
        let reports = pollers.report(&World::new(), now);
        reports
            .into_iter()
            .flat_map(|report| report.types["endpoints"].names.clone())
            .collect()
    }

    #[test]
    fn a_poll_that_stays_away_is_forgotten_and_the_others_of_its_node_are_not() {
        let mut pollers = Pollers::default();
        let begin = Instant::now();
        let after = |seconds| begin + Duration::from_secs(seconds);
        for second in 0..=6 {
            pollers.polled(poll("envoy-a", "pet"), after(second));
            if second < 2 {
                pollers.polled(poll("envoy-a", "ended"), after(second));
            }
        }
        assert_eq!(names(&mut pollers, after(5)), ["ended", "pet"]);
        assert_eq!(names(&mut pollers, after(6)), ["pet"]);
        // It came once, and may come seldom.
        pollers.polled(poll("envoy-a", "seldom"), after(6));
        assert_eq!(names(&mut pollers, after(65)), ["seldom"]);
        assert_eq!(names(&mut pollers, after(66)), [""; 0]);
    }

    #[test]
    fn no_more_is_remembered_than_there_is_room_for() {
        let mut pollers = Pollers::default();
        let now = Instant::now();
        for number in 0..MOST + 10 {
            pollers.polled(poll(&format!("envoy-{}", number % 7), &number.to_string()), now);
        }
        assert_eq!(names(&mut pollers, now).len(), MOST);
        // What is known is still heard, and what has ended makes room.
        assert_eq!(
            pollers.polled(
                Poll {
                    error: Some((3, "no".to_owned())),
                    ..poll("envoy-0", "0")
                },
                now
            ),
            Said::Refused
        );
        let later = now + LONGEST_MEMORY;
        pollers.polled(poll("envoy-a", "pet"), later);
        assert_eq!(names(&mut pollers, later), ["pet"]);

        let long = "x".repeat(MOST_BYTES / 2 - 2048);
        for name in [format!("{long}1"), long.clone(), format!("{long}2")] {
            pollers.polled(poll("envoy-b", &name), later);
        }
        assert_eq!(names(&mut pollers, later).len(), 3);
        // What is beside the names counts, too.
        let much = later + LONGEST_MEMORY;
        let long = "x".repeat(1 << 20);
        for number in 0..MOST {
            pollers.polled(
                Poll {
                    node: NodeName::new(&format!("{number}{long}"), &long),
                    has: long.clone(),
                    error: Some((3, long.clone())),
                    ..poll("", "pet")
                },
                much,
            );
        }
        let reports = serde_json::to_string(&pollers.report(&World::new(), much)).unwrap();
        assert!(pollers.count > 1000 && pollers.bytes <= MOST_BYTES);
        assert!(reports.len() < 2 * MOST_BYTES, "{} bytes", reports.len());
        pollers.forget(much + LONGEST_MEMORY);
        assert_eq!((pollers.count, pollers.bytes), (0, 0));
    }
}
