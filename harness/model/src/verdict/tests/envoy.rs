//! What Envoys say of themselves.

use super::*;
use crate::observation::EnvoyView;

fn view() -> EnvoyView {
    let endpoints = |all: &[&str]| all.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    EnvoyView {
        life: None,
        ready: "LIVE".to_owned(),
        stats: IndexMap::from([
            ("server.live".to_owned(), 1.0),
            ("cluster.pet.update_success".to_owned(), 7.0),
        ]),
        endpoints: IndexMap::from([
            ("pet".to_owned(), endpoints(&["pet-1", "pet-2"])),
            ("echo".to_owned(), endpoints(&[])),
            ("sds".to_owned(), endpoints(&["127.0.0.9:8080"])),
        ]),
    }
}

fn of_envoy(expectation: &str, seen: &EnvoyView, since: Option<&EnvoyView>) -> Check {
    let step = step(&format!("envoy: petstore-1\n{expectation}\n"));
    let mut checks = envoy(&step, "petstore-1", seen, since, &surroundings());
    assert_eq!(checks.len(), 1, "{checks:?}");
    checks.remove(0)
}

#[test]
fn what_an_envoy_says() {
    for fine in [
        "ready: LIVE",
        "endpoints: {pet: 2}",
        "endpoints: {pet: [pet-2, pet-1]}",
        "endpoints: {pet: [pet]}",
        "endpoints: {echo: []}",
        "endpoints: {echo: 0}",
        "endpoints: {sds: ['127.0.0.9:8080']}",
        "stats: {server.live: 1}",
        "stats: {cluster.pet.update_success: '>= 7'}",
        "stats: {cluster.pet.upstream_rq_503: 0}",
        "that: ready == 'LIVE' && stats['server.live'] == 1 && endpoints.pet.size() == 2",
    ] {
        let check = of_envoy(fine, &view(), None);
        assert!(check.passed, "{fine}: {check:?}");
        assert_eq!(check.line, 2);
    }
    for (broken, expected, actual) in [
        ("ready: DRAINING", "DRAINING", "LIVE"),
        ("endpoints: {pet: 3}", "3 endpoints", "pet-1, pet-2"),
        ("endpoints: {pet: [pet-1]}", "pet-1", "pet-1, pet-2"),
        (
            "endpoints: {pet: [pet-1, pet-2, pet-3]}",
            "pet-1, pet-2, pet-3",
            "pet-1, pet-2",
        ),
        ("endpoints: {pet: []}", "no endpoints", "pet-1, pet-2"),
        ("endpoints: {echo: 1}", "1 endpoints", "no endpoints"),
        (
            "endpoints: {cat: 0}",
            "0 endpoints",
            "no cluster `cat`; there are: pet, echo, sds",
        ),
        (
            "endpoints: {cat: []}",
            "no endpoints",
            "no cluster `cat`; there are: pet, echo, sds",
        ),
        ("stats: {server.live: 0}", "0", "1"),
        (
            "stats: {cluster.pet.upstream_rq_503: 1}",
            "1",
            "0 (Envoy has not made `cluster.pet.upstream_rq_503` yet)",
        ),
        (
            "that: ready == 'DRAINING'",
            "ready == 'DRAINING'",
            "\"LIVE\" == \"DRAINING\" is false",
        ),
    ] {
        let check = of_envoy(broken, &view(), None);
        assert!(!check.passed, "{broken}: {check:?}");
        assert_eq!(
            (check.line, check.expected.as_str(), check.actual.as_str()),
            (2, expected, actual),
            "{broken}"
        );
    }
    assert!(
        of_envoy("ready: DRAINING", &view(), None)
            .message
            .contains("petstore-1")
    );
}

#[test]
fn counters_are_compared_with_what_was_kept() {
    let mut before = view();
    before.stats.insert("cluster.pet.update_success".to_owned(), 5.0);
    before.stats.insert("cluster.pet.gone".to_owned(), 4.0);
    before.stats.shift_remove("server.live");
    let since = |text: &str| of_envoy(text, &view(), Some(&before));
    assert!(since("stats: {cluster.pet.update_success: 2}").passed);
    assert!(
        since("stats: {server.live: 1}").passed,
        "a counter that was not there was 0"
    );
    assert!(
        !since("stats: {cluster.pet.nowhere: 0}").passed,
        "it never had one of this name"
    );
    assert!(since("stats: {cluster.pet.upstream_rq_503: 0}").passed);
    let check = since("stats: {cluster.pet.update_success: 0}");
    assert_eq!((check.passed, check.actual.as_str()), (false, "2 (from 5 to 7)"));
    assert!(
        !since("stats: {cluster.pet.gone: 0}").passed,
        "an Envoy that began anew counts from 0"
    );
}

#[test]
fn a_counter_that_fell_holds_no_bound_and_a_gauge_may_fall() {
    let mut before = view();
    let mut now = view();
    for name in ["cluster.pet.update_success", "cluster.pet.membership_healthy"] {
        before.stats.insert(name.to_owned(), 9.0);
        now.stats.insert(name.to_owned(), 2.0);
    }
    let since = |text: &str| of_envoy(text, &now, Some(&before));
    let check = since("stats: {cluster.pet.update_success: '< 1'}");
    assert_eq!(
        (check.passed, check.actual.as_str()),
        (false, "it fell from 9 to 2: it was reset, or the Envoy began again")
    );
    assert!(since("stats: {cluster.pet.membership_healthy: '< 1'}").passed);
}

/// Regression: an Envoy that began again and counted as far as before has grown by nothing, as if nothing had come.
#[test]
fn what_another_life_of_an_envoy_counted_is_not_taken_from_what_this_one_has() {
    let of = |life: &str, counted: f64| {
        let mut view = view();
        view.life = Some(life.to_owned());
        view.stats.insert("cluster.pet.update_success".to_owned(), counted);
        view
    };
    let (before, same, other) = (of("1", 3.0), of("1", 5.0), of("2", 5.0));
    assert!(of_envoy("stats: {cluster.pet.update_success: 2}", &same, Some(&before)).passed);
    for expectation in [
        "stats: {cluster.pet.update_success: 2}",
        "stats: {cluster.pet.update_success: '>= 0'}",
        "stats: {cluster.pet.update_success: 5}",
    ] {
        let check = of_envoy(expectation, &other, Some(&before));
        assert!(!check.passed && check.actual.contains("began again"), "{check:?}");
    }
    assert!(of_envoy("stats: {cluster.pet.update_success: 5}", &other, None).passed);
}

#[test]
fn an_envoy_that_cannot_be_reached_says_nothing() {
    let gone = EnvoyView {
        ready: "unreachable".to_owned(),
        ..EnvoyView::default()
    };
    assert!(of_envoy("ready: unreachable", &gone, None).passed);
    for expectation in [
        "ready: LIVE",
        "stats: {server.live: 0}",
        "endpoints: {pet: 0}",
        "endpoints: {pet: []}",
    ] {
        let check = of_envoy(expectation, &gone, None);
        assert!(!check.passed, "{expectation}");
        assert!(
            check.actual.contains("reached") || check.actual == "unreachable",
            "{check:?}"
        );
    }
}
