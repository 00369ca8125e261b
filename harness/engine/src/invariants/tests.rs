//! Each invariant, held against moments that were made up.

use std::{collections::BTreeMap, path::Path};

use meshkat_driver::Sent;
use meshkat_runtime::{InstanceId, Usage};

use meshkat_model::{invariant::Invariant, scenario::verb::Cause};

use super::{breach::*, error_log, judge::breaches};
use crate::mesh::seen::{Counts, Remark, Seen, SeenContainer, SeenNack, SeenPod};

fn container(pid: u32) -> SeenContainer {
    SeenContainer {
        instance: Some(InstanceId::process(pid)),
        usage: Some(Usage {
            files: 10,
            memory: 1 << 20,
        }),
        ..SeenContainer::default()
    }
}

/// An edge alone, which has counted seven requests.
fn seen() -> Seen {
    let edge = SeenPod {
        group: "ingress".to_owned(),
        application: None,
        envoy: Some(container(1)),
        counts: Some(Counts {
            rejected: BTreeMap::from([("cluster.pet.update_rejected".to_owned(), 2)]),
            requests: Some(7),
            open: BTreeMap::new(),
            wrong: BTreeMap::new(),
        }),
        sent: Sent::default(),
        is_edge: true,
        owed: 0,
    };
    Seen {
        pods: BTreeMap::from([("ingress".to_owned(), edge)]),
        ..Seen::default()
    }
}

fn edge(seen: &mut Seen) -> &mut SeenPod {
    seen.pods.get_mut("ingress").unwrap()
}

fn counts(seen: &mut Seen) -> &mut Counts {
    edge(seen).counts.as_mut().unwrap()
}

fn envoy(seen: &mut Seen) -> &mut SeenContainer {
    edge(seen).envoy.as_mut().unwrap()
}

/// What broke between the moment before and one in which something is otherwise, and its evidence.
fn broken_by(causes: &[Cause], before: &Seen, change: impl FnOnce(&mut Seen)) -> Vec<(Invariant, String)> {
    let mut after = before.clone();
    change(&mut after);
    let between = Between {
        before,
        after: &after,
        causes,
        most_open: 2,
    };
    let found = breaches(&between).into_iter();
    found.map(|breach| (breach.invariant, breach.evidence)).collect()
}

fn broken(change: impl FnOnce(&mut Seen)) -> Vec<(Invariant, String)> {
    broken_by(&[], &seen(), change)
}

#[test]
fn nothing_is_broken_where_nothing_happened() {
    assert_eq!(broken(|_| ()), []);
}

#[test]
fn an_end_is_a_crash_and_another_life_is_one_unless_a_step_made_it() {
    let ended = broken(|seen| {
        *envoy(seen) = SeenContainer {
            crash: Some("it ended".to_owned()),
            ..SeenContainer::default()
        };
        edge(seen).counts = None;
    });
    assert_eq!(ended, [(Invariant::Crash, "it ended".to_owned())]);
    let anew = |seen: &mut Seen| {
        *envoy(seen) = container(2);
        counts(seen).rejected.clear();
        counts(seen).requests = Some(0);
    };
    let told = "the envoy of ingress began anew: process 1 before the case, process 2 after it";
    assert_eq!(broken(anew), [(Invariant::Crash, told.to_owned())]);
    let restart = |name: &str| [Cause::Restart(vec![name.to_owned()])];
    assert_eq!(broken_by(&restart("ingress"), &seen(), anew), []);
    assert_eq!(broken_by(&restart("pet"), &seen(), anew).len(), 1);
}

#[test]
fn an_update_that_was_refused_is_told_with_what_was_said_of_it() {
    let refused = |seen: &mut Seen| {
        counts(seen)
            .rejected
            .insert("cluster.pet.update_rejected".to_owned(), 3);
        seen.nacks.insert(SeenNack {
            node: "ingress".to_owned(),
            transport: "grpc".to_owned(),
            kind: "endpoints".to_owned(),
            version: "9".to_owned(),
            message: "weight\n".to_owned(),
        });
    };
    let told = "the envoy of ingress refused an update: cluster.pet.update_rejected was 2 before the case and 3 after it; over grpc it \
                said of endpoints 9: weight";
    assert_eq!(broken(refused), [(Invariant::Nack, told.to_owned())]);
    assert_eq!(broken_by(&[Cause::Nack(Vec::new())], &seen(), refused), []);
    assert_eq!(
        broken_by(&[Cause::Nack(vec!["pet".to_owned()])], &seen(), refused).len(),
        1
    );
    // One of which nothing was known before.
    let mut before = seen();
    edge(&mut before).counts = None;
    let now = |now: &mut Seen| edge(now).counts = edge(&mut seen()).counts.clone();
    assert_eq!(broken_by(&[], &before, now), []);
    // Another life counts from nothing.
    let restart = [Cause::Restart(vec!["ingress".to_owned()])];
    let found = broken_by(&restart, &seen(), |seen| *envoy(seen) = container(2));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].1.contains("was 0 before the case and 2 after it"), "{found:?}");
}

#[test]
fn each_line_of_an_error_and_each_panic_is_told() {
    let remark = |is_panic, text: &str| Remark {
        is_panic,
        text: text.to_owned(),
    };
    let found = broken(|seen| envoy(seen).remarks = vec![remark(false, "[error] a"), remark(true, "panicked at b")]);
    let expected = [
        (Invariant::Panic, "the envoy of ingress wrote: panicked at b".to_owned()),
        (Invariant::ErrorLog, "the envoy of ingress wrote: [error] a".to_owned()),
    ];
    assert_eq!(found, expected);
}

#[test]
fn what_was_answered_was_counted_and_what_the_edge_counted_was_sent() {
    let of = |owed, counted: u64, requests, answered, is_edge| {
        let mut before = seen();
        edge(&mut before).owed = owed;
        let found = broken_by(&[], &before, |seen| {
            counts(seen).requests = Some(7 + counted);
            edge(seen).sent = Sent { requests, answered };
            edge(seen).is_edge = is_edge;
        });
        found.into_iter().map(|(invariant, _)| invariant).collect::<Vec<_>>()
    };
    assert_eq!(of(0, 10, 10, 10, true), []);
    assert_eq!(of(0, 9, 10, 10, true), [Invariant::Miscount], "one is lost");
    assert_eq!(of(0, 11, 10, 10, true), [Invariant::Miscount], "one is nobody's");
    assert_eq!(of(0, 11, 10, 10, false), [], "others send as well");
    assert_eq!(of(1, 11, 10, 10, true), [], "one of the case before was late");
    for counted in 8..=10 {
        assert_eq!(of(0, counted, 10, 8, true), [], "two were given up");
    }
    assert_eq!(of(0, 7, 10, 8, true), [Invariant::Miscount]);
}

#[test]
fn an_envoy_that_does_not_count_all_is_not_held_to_it() {
    let sent = Sent {
        requests: 5,
        answered: 5,
    };
    let not_counted = broken(|seen| {
        counts(seen).requests = None;
        edge(seen).sent = sent;
    });
    assert_eq!(not_counted, []);
}

#[test]
fn a_request_that_is_open_is_told_by_its_gauge() {
    let gauge = "http.ingress_http.downstream_rq_active";
    let found = broken(|seen| counts(seen).open.extend([(gauge.to_owned(), 1)]));
    let told = format!("the envoy of ingress has requests open 10 s after the case has ended: {gauge} is 1");
    assert_eq!(found, [(Invariant::Hang, told)]);
}

#[test]
fn files_and_memory_are_borne_up_to_their_bounds() {
    use meshkat_model::invariant::{FILES, FILES_OF_A_REQUEST, MEMORY, MEMORY_OF_A_REQUEST};
    let with = |files, memory| {
        broken(|seen| {
            let used = envoy(seen).usage.as_mut().unwrap();
            used.files += files;
            used.memory += memory;
        })
    };
    // Two requests were open at once.
    let (files, memory) = (FILES + 2 * FILES_OF_A_REQUEST, MEMORY + 2 * MEMORY_OF_A_REQUEST);
    assert_eq!(with(files, memory), []);
    let leaked = with(files + 1, 0);
    let told = "the envoy of ingress had 10 files open before the case and 91 after it, and 80 more are borne";
    assert_eq!(leaked, [(Invariant::Growth, told.to_owned())]);
    let grown = with(0, memory + 1);
    let told =
        "the envoy of ingress had 1 MiB of its own before the case and 65 MiB after it, and 64 MiB more are borne";
    assert_eq!(grown, [(Invariant::Growth, told.to_owned())]);
    // Another life begins with nothing.
    let restart = [Cause::Restart(vec!["ingress".to_owned()])];
    let anew = broken_by(&restart, &seen(), |seen| {
        *envoy(seen) = container(2);
        counts(seen).rejected.clear();
        envoy(seen).usage = Some(Usage {
            files: 9_999,
            memory: 0,
        });
    });
    assert_eq!(anew, []);
}

#[test]
fn the_reference_lists_the_lines_that_are_harmless() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/invariants.md");
    let page = std::fs::read_to_string(page).expect("the page is there");
    let written: Vec<&str> = page
        .lines()
        .skip_while(|line| !line.starts_with("| in the line |"))
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .collect();
    let listed = error_log::HARMLESS
        .iter()
        .map(|(text, why)| format!("| `{text}` | {why} |"));
    assert_eq!(written, listed.collect::<Vec<_>>());
}
