//! The view of what goes on, on a terminal that is kept in memory.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::model::{Buffer, case, failure, finished, started};
use indicatif::{InMemoryTerm, ProgressDrawTarget};
use meshkat_model::event::Event;
use meshkat_model::results::Status;
use meshkat_report::{Look, Reporter as _, Terminal};

/// Waits until the screen is so; it is drawn when its own clock says.
fn until(screen: &InMemoryTerm, is: impl Fn(&str) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !is(&screen.contents()) {
        assert!(Instant::now() < deadline, "{}", screen.contents());
        thread::yield_now();
    }
}

#[test]
fn it_shows_what_runs_and_tells_only_of_trouble() {
    let passed = case("routing/host", Status::Passed);
    let mut failed = case("eds/outage[pets=3]", Status::Failed);
    failed.failure = Some(failure("shoppers saw errors", "errors: 0", "errors: 3"));

    let screen = InMemoryTerm::new(20, 100);
    let view = ProgressDrawTarget::term_like_with_hz(Box::new(screen.clone()), 255);
    let told = Buffer::default();
    let look = Look {
        color: false,
        width: 100,
        wraps: false,
    };
    let mut terminal = Terminal::new(Box::new(told.clone()), look, Path::new("reports/latest"), Some(view));
    let mut feed = |events: &[Event]| events.iter().for_each(|event| terminal.event(event).unwrap());

    let events = started(&[passed.clone(), failed.clone()]);
    feed(&events[..2]);
    until(&screen, |seen| seen.contains("starting petshop"));
    feed(&events[2..]);

    let events = finished(&passed, vec![]);
    feed(&events[..2]);
    until(&screen, |seen| {
        seen.contains("routing/host  1/3 scale pet to 3") && seen.contains("0/2 cases")
    });
    until(&screen, |seen| !seen.contains("starting petshop"));
    feed(&events[2..]);
    assert!(!told.text().contains("passed"), "{}", told.text());

    feed(&finished(&failed, vec![]));
    until(&screen, |seen| {
        seen.contains("2/2 cases  1 failed") && !seen.contains("scale pet")
    });
    let line = "failed   eds/outage[pets=3]  840 ms  scenarios/eds/outage.yaml:31: shoppers saw errors\n";
    assert!(told.text().contains(line), "{}", told.text());

    terminal
        .event(&Event::RunFinished {
            duration_ms: 2_000,
            interrupted: false,
        })
        .unwrap();
    terminal.finish().unwrap();
    assert_eq!(screen.contents(), "");
    assert!(
        told.text()
            .ends_with("2 cases: 1 passed, 1 failed in 2.0 s (20 checks, 200 requests, 1 mesh)\n")
    );
}
