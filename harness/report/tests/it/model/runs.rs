//! Whole runs.

use indexmap::IndexMap;
use meshkat_model::culprit::{Attempt, Cause, Certainty, Culprit, Smallest, Trial, Unsteady, Why};
use meshkat_model::event::{Artifact, Event};
use meshkat_model::planned::PlannedCase;
use meshkat_model::results::{CaseResult, RunInfo, Status, Totals};
use meshkat_model::round::{Round, Rounds};

use super::{Fixture, case, failure};

pub(super) fn all() -> Vec<Fixture> {
    vec![
        all_passed(),
        one_failed(),
        every_status(),
        skipped(),
        rounds(),
        nothing_started(),
        interrupted(),
        killed(),
        nothing_ran(),
        culprits(),
        hostile(),
        many(),
        failed_fast(),
    ]
}

pub(crate) fn run() -> RunInfo {
    RunInfo {
        id: "20300102-030405-abcd".to_owned(),
        seed: 7,
        started: "2030-01-02T03:04:05Z".to_owned(),
        duration_ms: 0,
        runtime: "process".to_owned(),
        meshkat: "0.1.0".to_owned(),
        envoy: vec!["1.40.0".to_owned()],
        coverage: "pairwise".to_owned(),
        shard: None,
        rounds: None,
        stress: None,
        interrupted: false,
    }
}

pub(crate) fn planned(case: &CaseResult) -> PlannedCase {
    PlannedCase {
        id: case.id.clone(),
        scenario: case.scenario.clone(),
        promise: case.promise.clone(),
        params: case.params.clone(),
        tags: case.tags.clone(),
    }
}

/// A run of `cases` has started, and so has its one mesh.
pub(crate) fn started(cases: &[CaseResult]) -> Vec<Event> {
    let ids = cases.iter().map(|case| case.id.clone()).collect();
    vec![
        Event::RunStarted {
            run: run(),
            cases: cases.iter().map(planned).collect(),
            meshes: 1,
        },
        Event::MeshStarting {
            mesh: 0,
            name: "petshop".to_owned(),
            cases: ids,
            round: cases.first().and_then(|case| case.round),
        },
        Event::MeshReady {
            mesh: 0,
            took_ms: 1_200,
        },
    ]
}

/// All the events of a case.
pub(crate) fn finished(case: &CaseResult, files: Vec<Artifact>) -> Vec<Event> {
    let (id, round) = (|| case.id.clone(), case.round);
    let mut events = Vec::new();
    for attempt in 1..=case.attempts.clamp(1, 2) {
        let id = id();
        events.push(Event::CaseStarted { id, round, attempt });
    }
    for (index, step) in case.steps.iter().enumerate() {
        events.push(Event::StepStarted {
            id: id(),
            round,
            index,
            of: 3,
            name: step.name.clone(),
        });
        events.push(Event::StepFinished {
            id: id(),
            round,
            step: step.clone(),
        });
    }
    if !files.is_empty() {
        let id = id();
        events.push(Event::Artifacts { id, round, files });
    }
    events.push(Event::CaseFinished {
        case: Box::new(case.clone()),
    });
    events
}

fn whole(cases: &[CaseResult]) -> Vec<Event> {
    let mut events = started(cases);
    events.extend(cases.iter().flat_map(|case| finished(case, Vec::new())));
    events.push(Event::RunFinished {
        duration_ms: 12_345,
        interrupted: false,
    });
    events
}

fn file(path: &str, text: &str) -> Artifact {
    Artifact {
        path: path.to_owned(),
        text: text.to_owned(),
    }
}

fn all_passed() -> Fixture {
    let ids = [
        "eds/outage[outage=hung,pets=1]",
        "eds/outage[outage=killed,pets=3]",
        "routing/host",
    ];
    Fixture {
        name: "all-passed",
        events: whole(&ids.map(|id| case(id, Status::Passed))),
        totals: Totals {
            cases: 3,
            passed: 3,
            checks: 30,
            requests: 300,
            ..Totals::default()
        },
        interrupted: false,
        closing: "3 cases: 3 passed in 12.3 s (30 checks, 300 requests, 1 mesh)",
        explained: vec![],
        bundles: vec![],
    }
}

fn one_failed() -> Fixture {
    let passed = case("routing/host", Status::Passed);
    let mut failed = case("eds/outage[outage=hung,pets=3]", Status::Failed);
    failed.requests = 1_234;
    let actual: Vec<String> = (1..=20).map(|n| format!("{n:>3} errors after {n}00 ms")).collect();
    failed.failure = Some(failure("shoppers saw errors", "errors: 0", &actual.join("\n")));
    let mut events = started(&[passed.clone(), failed.clone()]);
    events.extend(finished(&passed, vec![]));
    let files = vec![
        file("petstore-1/config_dump.json", "{}\n"),
        file("petstore-1/envoy.log", "warming\n"),
    ];
    events.extend(finished(&failed, files));
    events.push(Event::RunFinished {
        duration_ms: 65_000,
        interrupted: false,
    });
    Fixture {
        name: "one-failed",
        events,
        totals: Totals {
            cases: 2,
            passed: 1,
            failed: 1,
            checks: 20,
            requests: 1_334,
            ..Totals::default()
        },
        interrupted: false,
        closing: "2 cases: 1 passed, 1 failed in 1 min 05 s (20 checks, 1,334 requests, 1 mesh)",
        explained: vec!["eds/outage[outage=hung,pets=3]"],
        bundles: vec!["eds/outage[outage=hung,pets=3]"],
    }
}

fn every_status() -> Fixture {
    let passed = case("a/passed", Status::Passed);
    let mut failed = case("a/failed", Status::Failed);
    failed.attempts = 2;
    failed.failure = Some(failure("the status is not 200", "status: 200", "status: 503"));
    failed.earlier_failures = vec![failure("nobody answered", "status: 200", "a timeout after 1 s")];
    let mut errored = case("a/errored", Status::Errored);
    errored.failure = Some(failure("petstore-1 has exited with code 1", "", ""));
    let mut skipped = case("b/skipped", Status::Skipped);
    skipped.skipped = Some(NO_CUT.to_owned());
    let mut flaky = case("b/flaky", Status::Flaky);
    flaky.attempts = 2;
    flaky.earlier_failures = vec![failure("p99 is above 100 ms", "p99: < 100ms", "p99: 140ms")];
    let mut events = whole(&[passed, failed, errored, skipped, flaky]);
    let warning = Event::Warning {
        message: "pet-2 did not stop within 5 s and was killed".to_owned(),
    };
    events.insert(events.len() - 1, warning);
    Fixture {
        name: "every-status",
        events,
        totals: Totals {
            cases: 5,
            passed: 1,
            failed: 1,
            errored: 1,
            skipped: 1,
            flaky: 1,
            voids: 0,
            checks: 40,
            requests: 400,
        },
        interrupted: false,
        closing: "5 cases: 1 passed, 1 failed, 1 errored, 1 skipped, 1 flaky in 12.3 s (40 checks, 400 requests, 1 mesh)",
        explained: vec!["a/failed", "a/errored"],
        bundles: vec!["a/errored", "a/failed", "b/flaky"],
    }
}

const NO_CUT: &str = "needs to cut the network between pods (scenarios/b/cut.yaml:12), which this runtime cannot: its pods share \
                      the machine's loopback interface";

/// Many that were skipped for one reason, one for another, and one as reports of before told it.
fn skipped() -> Fixture {
    let mut cases: Vec<_> = (1..=12)
        .map(|n| case(&format!("b/{}[pets={n}]", ["cut", "off"][n % 2]), Status::Skipped))
        .collect();
    for case in &mut cases {
        case.skipped = Some(NO_CUT.replace("b/cut", &case.scenario));
    }
    let mut slow = case("b/slow", Status::Skipped);
    slow.skipped = Some("needs to delay | lose\nwhat pods send".to_owned());
    let mut old = case("c/old", Status::Skipped);
    old.failure = Some(failure("the docker runtime cannot pause a pod", "", ""));
    cases.extend([slow, old, case("a/passed", Status::Passed)]);
    // They end before any mesh starts, and none of them begins.
    let whole = whole(&cases);
    let ended = cases.iter().filter(|case| case.status == Status::Skipped);
    let ended = ended.map(|case| Event::CaseFinished {
        case: Box::new(case.clone()),
    });
    let rest = whole[1..].iter().filter(|event| match event {
        Event::CaseStarted { id, .. } => id == "a/passed",
        Event::CaseFinished { case } => case.id == "a/passed",
        _ => true,
    });
    Fixture {
        name: "skipped",
        events: whole[..1].iter().cloned().chain(ended).chain(rest.cloned()).collect(),
        totals: Totals {
            cases: 15,
            passed: 1,
            skipped: 14,
            checks: 10,
            requests: 100,
            ..Totals::default()
        },
        interrupted: false,
        closing: "15 cases: 1 passed, 14 skipped in 12.3 s (10 checks, 100 requests, 1 mesh)",
        explained: vec![],
        bundles: vec![],
    }
}

/// Two cases in three rounds beside busy threads, of which one fails in the second; and one that is skipped.
fn rounds() -> Fixture {
    let mut skipped = case("b/skipped", Status::Skipped);
    skipped.skipped = Some("needs to delay what pods send".to_owned());
    let all = [
        case("a/steady", Status::Passed),
        case("a/mixed", Status::Passed),
        skipped.clone(),
    ];
    let mut run = run();
    run.rounds = Some(Rounds {
        of: 3,
        until_failure: false,
    });
    run.stress = Some(4);
    let mut events = vec![Event::RunStarted {
        run,
        cases: all.iter().map(planned).collect(),
        meshes: 1,
    }];
    events.extend(finished(&skipped, vec![]).pop());
    for (mesh, number) in (1..=3).enumerate() {
        let round = Some(Round { number, of: 3 });
        let [mut steady, mut mixed, _] = all.clone();
        (steady.round, mixed.round) = (round, round);
        if number == 2 {
            mixed.status = Status::Failed;
            mixed.failure = Some(failure("the status is not 200", "status: 200", "status: 503"));
        }
        events.push(Event::MeshStarting {
            mesh,
            name: "petshop".to_owned(),
            cases: vec![steady.id.clone(), mixed.id.clone()],
            round,
        });
        events.push(Event::MeshReady { mesh, took_ms: 1_200 });
        events.extend(finished(&steady, vec![]));
        let files = vec![file("petstore-1/envoy.log", "warming\n")];
        events.extend(finished(&mixed, if number == 2 { files } else { vec![] }));
    }
    events.push(Event::RunFinished {
        duration_ms: 12_345,
        interrupted: false,
    });
    Fixture {
        name: "rounds",
        events,
        totals: Totals {
            cases: 7,
            passed: 5,
            failed: 1,
            skipped: 1,
            checks: 60,
            requests: 600,
            ..Totals::default()
        },
        interrupted: false,
        closing: "7 cases in 3 rounds: 5 passed, 1 failed, 1 skipped in 12.3 s (60 checks, 600 requests, 3 meshes)",
        explained: vec!["a/mixed, round 2 of 3"],
        bundles: vec!["a/mixed~round-2"],
    }
}

/// One cause for all: it is told once.
fn nothing_started() -> Fixture {
    let broken = |n: usize| {
        let mut case = case(&format!("eds/outage[pets={n}]"), Status::Errored);
        (case.checks, case.requests, case.duration_ms) = (0, 0, 0);
        case.steps.clear();
        let mut why = failure("no Envoy was found; run `meshkat envoy fetch`", "", "");
        why.step.clear();
        (why.file, why.line) = (String::new(), 0);
        case.failure = Some(why);
        case
    };
    let cases: Vec<_> = (1..=7).map(broken).collect();
    Fixture {
        name: "nothing-started",
        events: whole(&cases),
        totals: Totals {
            cases: 7,
            errored: 7,
            ..Totals::default()
        },
        interrupted: false,
        closing: "7 cases: 0 passed, 7 errored in 12.3 s (0 checks, 0 requests, 1 mesh)",
        explained: vec!["eds/outage[pets=1]"],
        bundles: vec![
            "eds/outage[pets=1]",
            "eds/outage[pets=2]",
            "eds/outage[pets=3]",
            "eds/outage[pets=4]",
            "eds/outage[pets=5]",
            "eds/outage[pets=6]",
            "eds/outage[pets=7]",
        ],
    }
}

fn interrupted() -> Fixture {
    let cases = ["a/one", "a/two", "b/three"].map(|id| case(id, Status::Passed));
    let mut events = started(&cases);
    events.extend(finished(&cases[0], vec![]));
    events.push(Event::CaseStarted {
        id: cases[1].id.clone(),
        round: None,
        attempt: 1,
    });
    events.push(Event::RunFinished {
        duration_ms: 900,
        interrupted: true,
    });
    Fixture {
        name: "interrupted",
        events,
        totals: Totals {
            cases: 1,
            passed: 1,
            checks: 10,
            requests: 100,
            ..Totals::default()
        },
        interrupted: true,
        closing: "interrupted after 1 of 3 cases: 1 passed in 900 ms (10 checks, 100 requests, 1 mesh)",
        explained: vec![],
        bundles: vec![],
    }
}

/// Its end was never told.
fn killed() -> Fixture {
    let Fixture { mut events, totals, .. } = interrupted();
    events.pop();
    Fixture {
        name: "killed",
        events,
        totals,
        interrupted: true,
        closing: "interrupted after 1 of 3 cases: 1 passed (10 checks, 100 requests, 1 mesh)",
        explained: vec![],
        bundles: vec![],
    }
}

fn nothing_ran() -> Fixture {
    Fixture {
        name: "nothing-ran",
        events: vec![
            Event::RunStarted {
                run: run(),
                cases: vec![],
                meshes: 0,
            },
            Event::RunFinished {
                duration_ms: 3,
                interrupted: false,
            },
        ],
        totals: Totals::default(),
        interrupted: false,
        closing: "0 cases: 0 passed in 3 ms (0 checks, 0 requests)",
        explained: vec![],
        bundles: vec![],
    }
}

fn trial(id: &str, why: Why, status: Status) -> Trial {
    Trial {
        id: id.to_owned(),
        why,
        status,
        duration_ms: 2_500,
        failure: None,
    }
}

/// Failures with something in common, found out by running more cases, in six scenarios.
fn culprits() -> Fixture {
    let mut cases = vec![
        case("eds/outage[outage=hung,pets=3]", Status::Failed),
        case("eds/outage[outage=hung,pets=1]", Status::Passed),
    ];
    cases[0].failure = Some(failure("shoppers saw errors", "errors: 0", "errors: 7"));
    let values = IndexMap::from([("outage".to_owned(), "hung".into()), ("pets".to_owned(), 3.into())]);
    let without = IndexMap::from([("pets".to_owned(), 3.into())]);
    let first = Culprit {
        scenario: "eds/outage".to_owned(),
        sentence: "both failures have outage=hung and pets=3; 4 passing cases have one of the two, and none has both"
            .to_owned(),
        certainty: Certainty::Decided,
        causes: vec![Cause {
            values,
            failures: 2,
            near_misses: 4,
            perhaps_also: IndexMap::new(),
        }],
        others: vec![],
        smallest: Some(Smallest {
            id: "eds/outage[outage=hung,pets=3]".to_owned(),
            proven: true,
        }),
        flaky: vec![Unsteady {
            id: "eds/outage[outage=cut,pets=1]".to_owned(),
            attempts: vec![
                Attempt {
                    status: Status::Failed,
                    failure: Some(failure("1 error", "errors: 0", "errors: 1")),
                },
                Attempt {
                    status: Status::Passed,
                    failure: None,
                },
            ],
        }],
        trials: vec![
            trial("eds/outage[outage=cut,pets=1]", Why::Confirm, Status::Passed),
            trial("eds/outage[outage=hung,pets=3]", Why::Confirm, Status::Failed),
            trial("eds/outage[outage=hung,pets=4]", Why::Split { without }, Status::Passed),
            trial("eds/outage[outage=killed,pets=3]", Why::Shrink, Status::Passed),
            trial("eds/outage[outage=killed,pets=4]", Why::Shrink, Status::Errored),
        ],
        cut_short: true,
    };
    let more = (1..6).map(|n| Culprit {
        scenario: format!("eds/other{n}"),
        smallest: None,
        flaky: vec![],
        trials: vec![],
        cut_short: false,
        ..first.clone()
    });
    let mut events = whole(&cases);
    let end = events.pop();
    for culprit in std::iter::once(first.clone()).chain(more) {
        events.push(Event::Trying {
            id: "eds/outage[outage=hung,pets=3]".to_owned(),
            why: Why::Confirm,
        });
        events.push(Event::Culprit {
            culprit: Box::new(culprit),
        });
    }
    events.extend(end);
    Fixture {
        name: "culprits",
        events,
        totals: Totals {
            cases: 2,
            passed: 1,
            failed: 1,
            checks: 20,
            requests: 200,
            ..Totals::default()
        },
        interrupted: false,
        closing: "2 cases: 1 passed, 1 failed in 12.3 s (20 checks, 200 requests, 1 mesh)",
        explained: vec!["eds/outage[outage=hung,pets=3]"],
        bundles: vec!["eds/outage[outage=hung,pets=3]"],
    }
}

/// Text that some report could take for its own.
fn hostile() -> Fixture {
    let mut failed = case("edge/header[value=</td>&\"|x]", Status::Failed);
    failed.promise = "<script>alert(1)</script> | `code` *bold* ]]>".to_owned();
    let actual = "```\n\u{1b}[2J\u{7}\0 ]]> </pre><script>alert(2)</script>\r\n\u{fffe}";
    failed.failure = Some(failure("a | b\n<b>c</b> `d`", "``` fence", actual));
    let mut events = whole(std::slice::from_ref(&failed));
    let culprit = Culprit {
        scenario: "<b>|".to_owned(),
        sentence: "the only failure has value=</td><script>alert(3)</script> and `*x*`\u{1b}[2J".to_owned(),
        certainty: Certainty::Undecided,
        causes: vec![],
        others: vec![],
        smallest: Some(Smallest {
            id: failed.id,
            proven: false,
        }),
        flaky: vec![],
        trials: vec![],
        cut_short: true,
    };
    events.insert(
        events.len() - 1,
        Event::Culprit {
            culprit: Box::new(culprit),
        },
    );
    Fixture {
        name: "hostile",
        events,
        totals: Totals {
            cases: 1,
            failed: 1,
            checks: 10,
            requests: 100,
            ..Totals::default()
        },
        interrupted: false,
        closing: "1 case: 0 passed, 1 failed in 12.3 s (10 checks, 100 requests, 1 mesh)",
        explained: vec!["edge/header[value=</td>&\"|x]"],
        bundles: vec!["edge/header[value=__td_&__x]~537e779c"],
    }
}

/// More than fits on a screen.
fn many() -> Fixture {
    let mut cases = Vec::new();
    for n in 0..60 {
        let folder = ["eds", "edge", "routing"][n % 3];
        cases.push(case(&format!("{folder}/s{n:02}[pets=1]"), Status::Passed));
        cases.push(case(&format!("{folder}/s{n:02}[pets=3]"), Status::Passed));
    }
    for (n, case) in cases.iter_mut().skip(1).step_by(10).enumerate() {
        case.status = Status::Failed;
        case.failure = Some(failure(&format!("{n} errors"), "errors: 0", &format!("errors: {n}")));
    }
    Fixture {
        name: "many",
        events: whole(&cases),
        totals: Totals {
            cases: 120,
            passed: 108,
            failed: 12,
            checks: 1_200,
            requests: 12_000,
            ..Totals::default()
        },
        interrupted: false,
        closing: "120 cases: 108 passed, 12 failed in 12.3 s (1,200 checks, 12,000 requests, 1 mesh)",
        explained: vec![
            "eds/s00[pets=3]",
            "routing/s05[pets=3]",
            "edge/s10[pets=3]",
            "eds/s15[pets=3]",
            "routing/s20[pets=3]",
            "edge/s25[pets=3]",
            "eds/s30[pets=3]",
            "routing/s35[pets=3]",
            "edge/s40[pets=3]",
            "eds/s45[pets=3]",
        ],
        bundles: vec![
            "edge/s10[pets=3]",
            "edge/s25[pets=3]",
            "edge/s40[pets=3]",
            "edge/s55[pets=3]",
            "eds/s00[pets=3]",
            "eds/s15[pets=3]",
            "eds/s30[pets=3]",
            "eds/s45[pets=3]",
            "routing/s05[pets=3]",
            "routing/s20[pets=3]",
            "routing/s35[pets=3]",
            "routing/s50[pets=3]",
        ],
    }
}

/// Most of what was planned never ran.
fn failed_fast() -> Fixture {
    let mut cases: Vec<_> = (0..40).map(|n| case(&format!("eds/s{n:02}"), Status::Passed)).collect();
    cases[3].status = Status::Failed;
    cases[3].failure = Some(failure("the status is not 200", "status: 200", "status: 503"));
    let mut events = started(&cases);
    events.extend(cases[..4].iter().flat_map(|case| finished(case, vec![])));
    events.push(Event::RunFinished {
        duration_ms: 4_000,
        interrupted: true,
    });
    Fixture {
        name: "failed-fast",
        events,
        totals: Totals {
            cases: 4,
            passed: 3,
            failed: 1,
            checks: 40,
            requests: 400,
            ..Totals::default()
        },
        interrupted: true,
        closing: "interrupted after 4 of 40 cases: 3 passed, 1 failed in 4.0 s (40 checks, 400 requests, 1 mesh)",
        explained: vec!["eds/s03"],
        bundles: vec!["eds/s03"],
    }
}
