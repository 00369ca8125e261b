//! Windows of loads.

use super::*;
use crate::{
    observation::{BEHIND, Latency, Window},
    scenario::verb::expect::ExpectStep,
};

fn seen() -> Window {
    let counts = |all: &[(&str, u64)]| {
        all.iter()
            .map(|(name, n)| ((*name).to_owned(), *n))
            .collect::<IndexMap<_, _>>()
    };
    let ms = Duration::from_millis;
    Window {
        requests: 100,
        errors: 3,
        statuses: IndexMap::from([(200, 97), (503, 2)]),
        served_by: counts(&[("petstore-1", 97), ("pet-1", 50), ("pet-2", 47)]),
        answered_by: counts(&[("petstore-1", 97)]),
        chains: Served::default(),
        failures: counts(&[("503: no healthy upstream", 2), ("no answer: timeout", 1)]),
        latency: Latency {
            p50: ms(2),
            p95: ms(10),
            p99: ms(50),
            max: ms(90),
        },
        ..Window::default()
    }
}

/// A machine whose timers were all so late.
fn late(each: u64) -> Disturbance {
    Disturbance::new(vec![Duration::from_millis(each); 100], None)
}

fn undecided(expectation: &str, seen: &Window, disturbance: &Disturbance) -> Option<String> {
    let step: ExpectStep = step(&format!("expect: shoppers\n{expectation}\n"));
    let checks = window(&step, seen, &surroundings());
    window_undecided(&step, seen, &checks, disturbance, &surroundings()).map(|undecided| undecided.why)
}

#[test]
fn a_latency_that_the_machine_may_have_made_decides_nothing() {
    // Twelve waits of 2 ms each make 24 ms, and 5 ms of them are what a machine at rest takes.
    for (expectation, is_void) in [
        ("p99: < 40ms", true),
        ("p99: < 20ms", false),
        ("p99: < 60ms", false),
        ("p99: \">= 40ms\"", true),
        ("p99: \">= 20ms\"", false),
        ("that: p99_ms < 40", true),
        ("that: p99_ms < 60", false),
        ("max: < 75ms", true),
        ("errors: 0", false),
        ("errors: < 5%", false),
    ] {
        assert_eq!(
            undecided(expectation, &seen(), &late(2)).is_some(),
            is_void,
            "{expectation}"
        );
        assert_eq!(undecided(expectation, &seen(), &late(0)), None, "{expectation}");
    }
}

#[test]
fn what_was_not_sent_in_time_proves_nothing_and_a_failure_of_the_mesh_stays_one() {
    let behind = Window {
        late: 6,
        send_delay: Duration::from_millis(80),
        ..seen()
    };
    assert!(undecided("errors: < 5%", &behind, &late(0)).is_some(), "passed");
    assert!(
        undecided("errors: 0", &behind, &late(0)).is_none(),
        "three errors are three errors"
    );
    let few = Window { late: 5, ..seen() };
    assert_eq!(undecided("errors: < 5%", &few, &late(0)), None);
}

#[test]
fn what_was_never_sent_is_the_machines_failure() {
    let unsent = Window {
        requests: 100,
        errors: 10,
        failures: IndexMap::from([(BEHIND.to_owned(), 10)]),
        unsent: 10,
        late: 10,
        ..seen()
    };
    let why = undecided("errors: 0", &unsent, &late(0)).unwrap();
    assert!(
        why.contains("10 of the 100 requests") || why.contains("judged the other way"),
        "{why}"
    );
}

const WINDOW: &str = "100 requests, 3 errors; 2 × 503: no healthy upstream; 1 × no answer: timeout; served by petstore-1 97, pet-1 \
                      50, pet-2 47; p50 2.0ms, p99 50.0ms, max 90.0ms";

fn of_load(expectation: &str, seen: &Window) -> Check {
    let mut checks = window(
        &step(&format!("expect: shoppers\n{expectation}\n")),
        seen,
        &surroundings(),
    );
    assert_eq!(checks.len(), 1, "{checks:?}");
    checks.remove(0)
}

#[test]
fn a_window_of_a_load() {
    for fine in [
        "errors: 3",
        "errors: < 4%",
        "errors: '>= 1'",
        "requests: 100",
        "requests: '> 50'",
        "statuses: {200: 97}",
        "statuses: {503: <= 2%}",
        "statuses: {404: 0}",
        "p50: < 3ms",
        "p95: <= 10ms",
        "p99: < 51ms",
        "max: < 100ms",
        "served-by: petstore",
        "served-by: petstore-1",
        "served-by: [ingress, petstore]",
        "distinct: {pet: 2}",
        "distinct: {petstore: 1}",
        "that: requests == 100 && errors == 3 && statuses['200'] == 97 && served_by['pet-1'] == 50",
        "that: p50_ms < 3.0 && p95_ms == 10.0 && p99_ms == 50.0 && max_ms > 89.0",
        "that: failures.exists(text, text.contains('upstream'))",
    ] {
        let check = of_load(fine, &seen());
        assert!(check.passed, "{fine}: {check:?}");
        assert_eq!(check.line, 2);
    }
    for (broken, expected, actual) in [
        ("errors: 0", "0 errors", WINDOW.to_owned()),
        ("errors: < 3%", "< 3% errors", WINDOW.to_owned()),
        ("requests: < 100", "< 100 requests", WINDOW.to_owned()),
        (
            "statuses: {200: 100%}",
            "100% answers with status 200",
            format!("97; {WINDOW}"),
        ),
        (
            "statuses: {404: '> 0'}",
            "> 0 answers with status 404",
            format!("0; {WINDOW}"),
        ),
        ("p50: < 2ms", "p50 < 2ms", format!("p50 2.0ms; {WINDOW}")),
        ("p95: < 10ms", "p95 < 10ms", format!("p95 10.0ms; {WINDOW}")),
        ("p99: <= 49ms", "p99 <= 49ms", format!("p99 50.0ms; {WINDOW}")),
        ("max: < 90ms", "max < 90ms", format!("max 90.0ms; {WINDOW}")),
        (
            "served-by: pet",
            "all served by pet",
            format!("also by petstore-1; {WINDOW}"),
        ),
        (
            "distinct: {pet: 3}",
            "3 different pods of `pet`",
            "2: pet-1, pet-2".to_owned(),
        ),
        (
            "that: errors == 0",
            "errors == 0",
            format!("3 == 0 is false; seen: {WINDOW}"),
        ),
    ] {
        let check = of_load(broken, &seen());
        assert_eq!(
            (check.passed, check.line, check.expected.as_str()),
            (false, 2, expected),
            "{broken}"
        );
        assert_eq!(check.actual, actual, "{broken}");
    }
}

#[test]
fn a_window_without_requests_holds_nothing() {
    for expectation in [
        "errors: 0",
        "errors: < 5%",
        "statuses: {503: 0}",
        "statuses: {200: 100%}",
        "p50: < 1s",
        "p95: < 1s",
        "p99: < 1s",
        "max: < 1s",
        "served-by: petstore",
        "requests: '> 0'",
        "distinct: {pet: 1}",
        "that: requests > 0",
    ] {
        let check = of_load(expectation, &Window::default());
        assert!(!check.passed, "{expectation}: {check:?}");
    }
    // That there were none can be asked for in so many words.
    assert!(of_load("requests: 0", &Window::default()).passed);
}

#[test]
fn a_load_that_nobody_answered_was_served_by_nobody() {
    let unanswered = Window {
        requests: 5,
        errors: 5,
        ..Window::default()
    };
    assert!(!of_load("served-by: petstore", &unanswered).passed);
    assert!(of_load("errors: 100%", &unanswered).passed);
}

/// Regression: nothing that was answered has a latency of nothing, which is below every bound.
#[test]
fn where_nothing_was_answered_no_latency_is_promised() {
    let none = Window {
        requests: 50,
        errors: 50,
        failures: IndexMap::from([("the connection was refused".to_owned(), 50)]),
        ..Window::default()
    };
    for expectation in [
        "p50: < 200ms",
        "p99: < 300ms",
        "max: < 1s",
        "that: p99_ms == 0.0",
        "that: max_ms < 5.0",
    ] {
        let step: ExpectStep = step(&format!("expect: shoppers\n{expectation}\n"));
        let checks = window(&step, &none, &surroundings());
        assert!(checks.iter().any(|check| !check.passed), "{expectation}");
    }
    assert!(!none.summary().contains("p50"), "{}", none.summary());
    let step: ExpectStep = step("expect: shoppers\np99: < 300ms\n");
    assert!(window(&step, &seen(), &surroundings()).iter().all(|check| check.passed));
}
