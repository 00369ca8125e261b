//! How requests were split.

use indexmap::IndexMap;

use super::{step, surroundings};
use crate::{
    observation::{EnvoyView, Served, Window},
    scenario::verb::{envoy::EnvoyStep, expect::ExpectStep, request::RequestStep},
    verdict::{Check, envoy, took_part, window},
};

/// Two pods of the group `pet` served so many, behind a petstore, and a third one.
fn served(one: u64, two: u64, three: u64) -> Served {
    let mut served = Served::default();
    for (pod, number) in [("pet-1", one), ("pet-2", two), ("pet-3", three)] {
        if number > 0 {
            served.add(["petstore-1", pod], number);
        }
    }
    served
}

#[track_caller]
fn check(split: &str, served: &Served) -> Check {
    check_of("status: 200\n", split, served)
}

/// The same, of a step that says more.
#[track_caller]
fn check_of(more: &str, split: &str, served: &Served) -> Check {
    let step: RequestStep = step(&format!("get: /stores/1\ntimes: 3000\nsplit: {split}\n{more}"));
    let mut checks = took_part(&step, served, &surroundings());
    assert_eq!(checks.len(), 1);
    checks.remove(0)
}

#[test]
fn a_split_holds_within_what_chance_brings() {
    let split = "{pet-1: 90, pet-2: 10}";
    let right = check(split, &served(2_700, 300, 0));
    assert_eq!((right.passed, right.line), (true, 3), "{right:?}");
    let told = "of 3000 requests pet-1 90% (2617 to 2777), pet-2 10% (223 to 383); a right split fails with a probability of \
                9.3e-7, one that is off by 5 percentage points passes with 2.6e-4 or less";
    assert_eq!(
        (right.expected.as_str(), right.actual.as_str()),
        (told, "of 3000 requests pet-1 2700, pet-2 300")
    );
    // The ends themselves, and one beyond each.
    for (one, passed) in [(2_617, true), (2_616, false), (2_777, true), (2_778, false)] {
        assert_eq!(check(split, &served(one, 3_000 - one, 0)).passed, passed, "{one}");
    }
    let wrong = check(split, &served(2_550, 450, 0));
    assert_eq!(
        (wrong.passed, wrong.message.as_str()),
        (false, "the requests were not split as they should be")
    );
    // Parts are compared with one another, whatever they sum up to.
    assert!(check("{pet-1: 9, pet-2: 1}", &served(2_700, 300, 0)).passed);
}

#[test]
fn too_few_requests_never_hold() {
    let few = check("{pet-1: 90, pet-2: 10}", &served(900, 100, 0));
    assert_eq!(
        (few.passed, few.message.as_str()),
        (false, "too few requests to judge the split")
    );
    assert!(
        few.actual.starts_with("needs 2728 requests, had 1000; "),
        "{}",
        few.actual
    );
    let none = check("{pet-1: 90, pet-2: 10}", &Served::default());
    assert!(
        none.actual.starts_with("needs 2728 requests, had 0; "),
        "{}",
        none.actual
    );
    let strict = "{pet-1: 90, pet-2: 10}\nmisses: {shift: 20, at: 0.01}\nfalse-alarm: 0.001";
    assert!(check(strict, &served(135, 15, 0)).passed, "a larger shift needs fewer");
    assert!(!check(strict, &served(30, 3, 0)).passed);
}

#[test]
fn whoever_should_get_something_and_gets_nothing_is_told_first() {
    let nothing = check("{pet-1: 99.9, pet-2: 0.1}", &served(200, 0, 0));
    assert_eq!(
        (nothing.passed, nothing.message.as_str()),
        (false, "`pet-2` served nothing")
    );
    assert!(check("{pet-1: 100, pet-2: 0}", &served(3_000, 0, 0)).passed);
    assert!(!check("{pet-1: 100, pet-2: 0}", &served(2_999, 1, 0)).passed);
}

#[test]
fn who_has_no_part_in_it_breaks_it() {
    let other = check("{pet-1: 90, pet-2: 10}", &served(2_700, 300, 1));
    assert!(
        !other.passed && other.actual.ends_with("; 1 by nobody of these, 0 by several"),
        "{other:?}"
    );
    let several = check("{petstore: 50, pet: 50}", &served(1_500, 1_500, 0));
    assert!(
        !several.passed && several.actual.ends_with("; 0 by nobody of these, 3000 by several"),
        "{several:?}"
    );
}

#[test]
fn the_pods_of_a_group_share_evenly() {
    let group: Vec<String> = surroundings()
        .groups
        .into_iter()
        .filter(|(_, group)| group == "pet")
        .map(|(pod, _)| pod)
        .collect();
    let mut all = Served::default();
    group.iter().for_each(|pod| all.add([pod.as_str()], 4_000));
    assert!(
        check("{pet: evenly}", &all).passed,
        "{:?}",
        check("{pet: evenly}", &all)
    );
    all.add([group[0].as_str()], 1_000);
    assert!(!check("{pet: evenly}", &all).passed);
}

#[test]
fn a_window_of_a_load_is_judged_in_the_same_way() {
    let step: ExpectStep = step("expect: shoppers\nsplit: {pet-1: 90, pet-2: 10}\n");
    let seen = |chains: Served| Window {
        requests: 3_000,
        statuses: IndexMap::from([(200, 3_000)]),
        chains,
        ..Window::default()
    };
    let passed = |chains| window(&step, &seen(chains), &surroundings())[0].passed;
    assert!(passed(served(2_700, 300, 0)));
    assert!(!passed(served(2_400, 600, 0)));
    assert!(!passed(served(90, 10, 0)), "a window with too few requests is no proof");
}

#[test]
fn what_part_a_counter_is_of_another_is_judged_in_the_same_way() {
    let step: EnvoyStep = step(
        "envoy: ingress\nsince: before\nshare: {part: cluster.pet.rq, of: cluster.echo.rq, is: 25%}\nmisses: {shift: 8}\n",
    );
    let view = |part: f64, of: f64| EnvoyView {
        ready: "LIVE".to_owned(),
        stats: IndexMap::from([("cluster.pet.rq".to_owned(), part), ("cluster.echo.rq".to_owned(), of)]),
        ..EnvoyView::default()
    };
    let before = view(1_000.0, 10.0);
    let check = |part, of| {
        let mut checks = envoy(&step, "ingress", &view(part, of), Some(&before), &surroundings());
        assert_eq!(checks.len(), 1);
        checks.remove(0)
    };
    // 550 of 2,200, and not 1,550 of 2,210.
    let right = check(1_550.0, 2_210.0);
    assert_eq!((right.passed, right.line), (true, 3), "{right:?}");
    assert_eq!(right.actual, "of 2200 requests cluster.pet.rq 550, the rest 1650");
    assert!(!check(1_374.0, 2_210.0).passed, "17 of 100");
    assert!(!check(1_726.0, 2_210.0).passed, "33 of 100");
    assert!(
        check(1_025.0, 110.0).actual.starts_with("needs "),
        "a hundred are too few"
    );
    let more = check(3_000.0, 110.0);
    assert_eq!(
        more.message,
        "`cluster.pet.rq` counted more than all (the Envoy of ingress)"
    );
    let none = EnvoyView {
        ready: "unreachable".to_owned(),
        ..EnvoyView::default()
    };
    assert!(
        !envoy(&step, "ingress", &none, Some(&before), &surroundings())[0].passed,
        "who cannot be asked proves nothing"
    );
}

#[test]
fn what_nobody_served_breaks_a_split_unless_something_is_said_of_it() {
    let (split, half) = ("{pet-1: 1, pet-2: 1}", served(1_400, 1_400, 0));
    let strict = "misses: {shift: 10}\n";
    let told = check_of(strict, split, &half);
    assert!(!told.passed && told.actual.contains("200 by nobody"), "{told:?}");
    assert!(check_of(&format!("{strict}status: [200, 503]\n"), split, &half).passed);
    assert!(check_of(strict, split, &served(1_500, 1_500, 0)).passed);
}
