//! What a delta client is told of what it refused, and of what it gave up, step by step.

use envoy_types::pb::envoy::service::discovery::v3::DeltaDiscoveryRequest;

use super::{INVALID, client::refusal, put};
use crate::protocol::{Delta, Scope, weight::Weight};
use crate::resources::Kind;
use crate::store::{Layer, Store};

/// A stream of routes, and what there is.
struct Stream {
    store: Store,
    stream: Delta,
}

impl Stream {
    fn new(subscribe: &[&str]) -> Self {
        let mut stream = Self {
            store: Store::in_memory(),
            stream: Delta::new(Scope::One(Kind::Routes), 1),
        };
        stream.want(subscribe, &[]);
        stream
    }

    fn put(&self, name: &str, content: u8) {
        put(&self.store, Kind::Routes, Layer::Written, name, content);
    }

    fn delete(&self, name: &str) {
        self.store.remove(Kind::Routes, Layer::Written, name).unwrap();
    }

    fn want(&mut self, subscribe: &[&str], unsubscribe: &[&str]) {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let request = DeltaDiscoveryRequest {
            resource_names_subscribe: owned(subscribe),
            resource_names_unsubscribe: owned(unsubscribe),
            ..Default::default()
        };
        self.stream.receive(request).unwrap();
    }

    /// The next response as text, as in `a b -c`, and its nonce.
    fn next(&mut self) -> (String, String) {
        let world = self.store.world();
        let Some(push) = self.stream.next(world.view("")) else {
            return Default::default();
        };
        let added = push.response.resources.iter().map(|resource| resource.name.clone());
        let removed = push.response.removed_resources.iter().map(|name| format!("-{name}"));
        let all: Vec<_> = added.chain(removed).collect();
        (all.join(" "), push.response.nonce)
    }

    fn answer(&mut self, nonce: String, is_refused: bool) {
        let request = DeltaDiscoveryRequest {
            response_nonce: nonce,
            error_detail: is_refused.then(refusal),
            ..Default::default()
        };
        self.stream.receive(request).unwrap();
    }

    fn taken(&mut self, expected: &str) {
        let (found, nonce) = self.next();
        assert_eq!(found, expected);
        self.answer(nonce, false);
    }

    fn refused(&mut self, expected: &str) {
        let (found, nonce) = self.next();
        assert_eq!(found, expected);
        self.answer(nonce, true);
    }

    fn quiet(&mut self) {
        assert_eq!(self.next().0, "");
    }

    fn is_whole(&self) -> bool {
        let world = self.store.world();
        let topics = self.stream.topics(world.view(""));
        topics
            .iter()
            .all(|topic| topic.exchange.acknowledged == Some(topic.intended))
    }
}

#[test]
fn what_changes_arrives_even_if_it_is_not_what_was_wrong() {
    let mut stream = Stream::new(&["a", "b", "c"]);
    for (name, content) in [("a", 1), ("b", INVALID), ("c", 1)] {
        stream.put(name, content);
    }
    stream.refused("a b c");
    stream.quiet();
    stream.put("a", 2);
    stream.taken("a");
    // Each of the others alone: the one that is wrong keeps none back.
    stream.refused("b");
    assert!(!stream.is_whole());
    stream.taken("c");
    stream.quiet();
    assert!(!stream.is_whole());
    stream.put("a", 3);
    stream.taken("a");
    stream.quiet();
    stream.put("b", 1);
    stream.taken("b");
    stream.quiet();
    assert!(stream.is_whole());
}

#[test]
fn a_share_that_is_not_answered_is_not_acknowledged() {
    let mut stream = Stream::new(&["a", "b"]);
    stream.put("a", INVALID);
    stream.put("b", 1);
    stream.refused("a b");
    stream.put("a", 1);
    let (first, second) = (stream.next(), stream.next());
    assert_eq!((&*first.0, &*second.0), ("a", "b"));
    stream.answer(first.1, false);
    assert!(!stream.is_whole());
    stream.answer(second.1, false);
    assert!(stream.is_whole());
}

#[test]
fn one_of_many_that_is_wrong_costs_few_responses() {
    let mut stream = Stream::new(&["*"]);
    for number in 0..400 {
        stream.put(&format!("r{number:03}"), 1);
    }
    stream.put("wrong", INVALID);
    let (_, nonce) = stream.next();
    stream.answer(nonce, true);
    stream.put("wrong", 1);
    stream.taken("wrong");
    let mut names = 0;
    for _ in 0..16 {
        let (found, nonce) = stream.next();
        names += found.split(' ').filter(|name| !name.is_empty()).count();
        stream.answer(nonce, false);
    }
    assert_eq!(names, 400);
    stream.quiet();
    assert!(stream.is_whole());
}

#[test]
fn what_a_refused_response_took_away_is_taken_away_again() {
    let mut stream = Stream::new(&["*"]);
    stream.put("a", 1);
    stream.put("gone", 1);
    stream.put("back", 1);
    stream.taken("a back gone");
    stream.delete("gone");
    stream.delete("back");
    stream.put("a", INVALID);
    stream.refused("a -back -gone");
    stream.quiet();
    // It is there again, and needs nothing of what was refused.
    stream.put("back", 1);
    stream.taken("back");
    stream.put("a", 2);
    stream.taken("a");
    stream.taken("-gone");
    stream.quiet();
    // That was taken, and is told no more.
    stream.put("a", INVALID);
    stream.refused("a");
    stream.put("a", 1);
    stream.taken("a");
    stream.quiet();
}

#[test]
fn to_give_up_or_to_ask_again_puts_right_too() {
    for again in [false, true] {
        let mut stream = Stream::new(&["a", "b"]);
        stream.put("a", 1);
        stream.put("b", INVALID);
        stream.refused("a b");
        if again {
            stream.want(&["b"], &[]);
            stream.refused("b");
        } else {
            stream.want(&[], &["b"]);
        }
        stream.taken("a");
        stream.quiet();
    }
}

#[test]
fn what_may_still_be_read_by_a_client_that_wants_everything_again_is_told_to_be_gone() {
    for again in [false, true] {
        let mut stream = Stream::new(&["a"]);
        stream.put("a", 1);
        // This is under way while all of the following happens.
        assert_eq!(stream.next().0, "a");
        if again {
            stream.want(&["a"], &[]);
        }
        stream.want(&[], &["a"]);
        stream.want(&["*"], &[]);
        stream.delete("a");
        stream.taken("-a");
        stream.quiet();
    }
}

/// Most of the names that a stream may want.
fn many(start: &str) -> Vec<String> {
    (0..15_000).map(|number| format!("{start}{number}")).collect()
}

/// A first request that wants everything of a type, and says that it has these.
fn having(type_url: &str, names: Vec<String>) -> DeltaDiscoveryRequest {
    DeltaDiscoveryRequest {
        type_url: type_url.to_owned(),
        resource_names_subscribe: vec!["*".to_owned()],
        initial_resource_versions: names.into_iter().map(|name| (name, String::new())).collect(),
        ..Default::default()
    }
}

#[test]
fn what_a_client_says_that_it_has_counts_until_it_is_told_that_it_is_gone() {
    let store = Store::in_memory();
    let mut stream = Delta::new(Scope::Aggregated, 1);
    stream.receive(having("a", many("x"))).unwrap();
    assert_eq!(stream.weight(), Weight::of(many("x").iter().map(String::as_str)));
    stream.receive(having("b", many("x"))).unwrap_err();
    let push = stream.next(store.world().view("")).unwrap();
    assert_eq!(push.response.removed_resources.len(), 15_000);
    // As long as it has not answered, it is remembered.
    stream.receive(having("b", many("x"))).unwrap_err();
    stream
        .receive(DeltaDiscoveryRequest {
            type_url: "a".to_owned(),
            response_nonce: push.response.nonce,
            ..Default::default()
        })
        .unwrap();
    assert_eq!(stream.weight(), Weight::default());
    stream.receive(having("b", many("x"))).unwrap();
}

#[test]
fn what_a_client_gives_up_is_not_remembered_unless_it_was_sent() {
    let mut stream = Delta::new(Scope::Aggregated, 1);
    stream.receive(having("a", many("x"))).unwrap();
    stream
        .receive(DeltaDiscoveryRequest {
            type_url: "a".to_owned(),
            resource_names_unsubscribe: vec!["*".to_owned()],
            ..Default::default()
        })
        .unwrap();
    assert_eq!(stream.weight(), Weight::default());
    // To want everything again brings none of them back.
    stream
        .receive(DeltaDiscoveryRequest {
            type_url: "a".to_owned(),
            resource_names_subscribe: vec!["*".to_owned()],
            ..Default::default()
        })
        .unwrap();
    assert_eq!(stream.weight(), Weight::default());
}

#[test]
fn names_that_are_given_up_beside_everything_count_until_they_are_told() {
    let mut stream = Stream::new(&["*"]);
    let names = many("x");
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    stream.want(&names, &[]);
    stream.want(&[], &names);
    assert_eq!(stream.stream.weight(), Weight::of(names));
    let (_, nonce) = stream.next();
    stream.answer(nonce, false);
    assert_eq!(stream.stream.weight(), Weight::default());
}

#[test]
fn what_a_client_has_that_is_there_does_not_count() {
    let store = Store::in_memory();
    put(&store, Kind::Routes, Layer::Written, "a", 1);
    let world = store.world();
    let version = world.view("").all(Kind::Routes)["a"].version.to_string();
    let mut stream = Delta::new(Scope::One(Kind::Routes), 1);
    stream
        .receive(DeltaDiscoveryRequest {
            initial_resource_versions: [("a".to_owned(), version)].into(),
            ..having("", Vec::new())
        })
        .unwrap();
    assert_eq!(stream.weight(), Weight::of(["a"]));
    assert!(stream.next(world.view("")).is_none());
    assert_eq!(stream.weight(), Weight::default());
}
