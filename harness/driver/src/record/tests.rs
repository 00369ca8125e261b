use indexmap::IndexMap;
use meshkat_model::observation::{Answer, NoAnswer, NoAnswerKind, Window};

use super::*;

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn answer(status: u16, by: &str) -> Response {
    let headers = IndexMap::from([("x-served-by".to_owned(), by.to_owned())]);
    Response {
        outcome: Ok(Answer {
            status,
            headers,
            text: "gone".to_owned(),
            ..Answer::default()
        }),
        took: ms(1),
    }
}

/// A request each 10 ms; these have ended, each a millisecond later than the one before.
fn record(responses: &[Response]) -> Record {
    let mut record = Record::new(Some(Schedule::constant(100.0)));
    for (more, response) in responses.iter().enumerate() {
        let number = record.begin(Duration::ZERO);
        record.sent();
        record.ended(number, ms(10 * more as u64 + 1), response);
    }
    record
}

fn window(record: &mut Record, from: u64, until: u64) -> Window {
    let pin = record.pin(ms(from), ms(until));
    let window = record.window(pin);
    record.let_go(pin);
    window
}

#[test]
fn a_window_has_what_was_due_in_it() {
    let lost = Response {
        outcome: Err(NoAnswer {
            kind: Some(NoAnswerKind::Timeout),
            message: "nothing".to_owned(),
        }),
        took: ms(5),
    };
    let mut record = record(&[answer(200, "a"), answer(503, "b"), lost, answer(200, "a")]);
    let seen = window(&mut record, 10, 31);
    assert_eq!((seen.requests, seen.errors), (3, 2));
    assert_eq!(seen.statuses, IndexMap::from([(200, 1), (503, 1)]));
    assert_eq!(seen.answered_by.get("a"), Some(&1));
    assert_eq!(seen.failures.keys().collect::<Vec<_>>(), ["503: gone", "nothing"]);
    assert_eq!(seen.latency.max, ms(31));
    let none = Window {
        gap: ms(100),
        ..Window::default()
    };
    assert_eq!(window(&mut record, 100, 200), none);
}

#[test]
fn a_window_is_complete_when_nothing_due_in_it_is_open() {
    let mut record = Record::new(Some(Schedule::constant(100.0)));
    let first = record.begin(Duration::ZERO);
    assert!(record.is_complete(ms(0)));
    assert!(!record.is_complete(ms(1)));
    record.ended(first, ms(1), &answer(200, "a"));
    assert!(record.is_complete(ms(10)));
    assert!(!record.is_complete(ms(11)), "what was due at 10 ms was not sent yet");
    let (second, third) = (record.begin(Duration::ZERO), record.begin(Duration::ZERO));
    record.ended(third, ms(1), &answer(200, "a"));
    assert!(!record.is_complete(ms(30)), "the second is open");
    record.ended(second, ms(1), &answer(200, "a"));
    assert!(record.is_complete(ms(30)) && !record.is_complete(ms(31)));
}

#[test]
fn what_was_due_and_not_sent_is_told_and_counts_as_failed() {
    let mut record = record(&[answer(200, "a"), answer(200, "a")]);
    assert_eq!(window(&mut record, 0, 20).errors, 0);
    record.over(Some(ms(95)), "not sent: it ended");
    assert!(record.is_complete(ms(10_000)), "there is nothing to wait for");
    let seen = window(&mut record, 0, 10_000);
    assert_eq!((seen.requests, seen.errors), (10, 8), "ten were due until 95 ms");
    assert_eq!(seen.failures, IndexMap::from([("not sent: it ended".to_owned(), 8)]));
    assert_eq!(seen.statuses, IndexMap::from([(200, 2)]));
    let seen = window(&mut record, 50, 80);
    assert_eq!((seen.requests, seen.errors), (3, 3));
    assert_eq!(
        record.progress(ms(500)),
        Progress {
            due: 10,
            sent: 2,
            open: 0
        }
    );
}

#[test]
fn a_load_that_may_send_no_more_fails_for_as_long_as_it_is_due() {
    let mut record = record(&[answer(200, "a")]);
    record.over(None, "not sent: too many");
    assert_eq!(window(&mut record, 0, 1000).errors, 99);
    record.over(Some(ms(500)), "not sent: it ended");
    let seen = window(&mut record, 0, 1000);
    assert_eq!(seen.failures, IndexMap::from([("not sent: too many".to_owned(), 49)]));
}

#[test]
fn texts_without_end_are_not_kept_and_who_answered_is_never_made_up() {
    let mut record = Record::new(Some(Schedule::constant(1000.0)));
    for more in 0..3 * MOST_OUTCOMES {
        let number = record.begin(Duration::ZERO);
        let mut response = answer(if more % 2 == 0 { 200 } else { 503 }, &format!("pod-{more}"));
        if let Ok(answer) = &mut response.outcome {
            answer.text = format!("error number {more}");
        }
        record.ended(number, ms(1), &response);
    }
    assert!(record.outcomes.len() <= MOST_OUTCOMES + 2, "{}", record.outcomes.len());
    let seen = window(&mut record, 0, 1_000_000);
    assert_eq!(seen.requests, 3 * MOST_OUTCOMES as u64);
    // Half were errors; of the rest, those that are not told apart are.
    assert_eq!(seen.errors, 1500 + 1000);
    assert_eq!(seen.served_by.len(), MOST_OUTCOMES);
    assert_eq!(seen.statuses, IndexMap::from([(200, 1500), (503, 1500)]));
}

#[test]
fn what_a_load_keeps_does_not_grow_with_time() {
    let mut record = Record::new(Some(Schedule::constant(5000.0)));
    let (mut most, mut last) = (0, Duration::ZERO);
    let pin = record.pin(ms(50_000), ms(60_000));
    for number in 0..1_000_000_usize {
        record.begin(Duration::ZERO);
        let failed = (400_000..400_050).contains(&number);
        record.ended(number, ms(3), &answer(if failed { 503 } else { 200 }, "a"));
        last = record.due(number);
        most = most.max(record.samples.len());
        if number == 350_000 {
            let seen = record.window(pin);
            assert_eq!((seen.requests, seen.errors), (50_000, 0), "those of 50 to 60 s");
            record.judged(ms(60_000));
            record.let_go(pin);
        }
    }
    // What the pinned window kept, and then ten seconds.
    assert!(most <= 350_000 - 300_000 + 60_000, "{most}");
    assert!(record.samples.len() <= 50_100, "{}", record.samples.len());
    let all = window(&mut record, 0, 200_000);
    assert_eq!((all.requests, all.errors, all.latency.p99), (1_000_000, 50, ms(3)));
    let failed = all.error_window.expect("some have failed");
    assert_eq!(
        (failed.first, failed.last),
        (ms(80_000), ms(80_009) + Duration::from_micros(800))
    );
    let since = window(&mut record, 60_000, 200_000);
    assert_eq!(
        (since.requests, since.errors),
        (700_000, 50),
        "since the one that was judged"
    );
    let latest = window(&mut record, 195_000, 200_000);
    assert_eq!(latest.requests, 25_000);
    assert!(last < ms(200_000));
}

#[test]
fn what_is_held_is_not_summed_up() {
    let mut record = Record::new(Some(Schedule::constant(100.0)));
    record.hold(Some(ms(5_000)));
    for number in 0..6_000 {
        record.begin(Duration::ZERO);
        record.ended(number, ms(1), &answer(200, "a"));
    }
    assert_eq!(window(&mut record, 5_000, 6_000).requests, 100);
    record.hold(None);
    record.begin(Duration::ZERO);
    record.ended(6_000, ms(1), &answer(200, "a"));
    assert!(record.samples.len() <= 1_002, "{}", record.samples.len());
}

#[test]
fn requests_of_clients_are_due_when_they_are_sent() {
    let mut record = Record::new(None);
    for (number, at) in [0, 5, 5, 3, 40].into_iter().enumerate() {
        assert_eq!(record.begin(ms(at)), number);
    }
    assert_eq!(record.first_due_from(ms(6)), 4, "never before the one before");
    for number in 0..4 {
        record.ended(number, ms(2), &answer(200, "a"));
    }
    assert!(record.is_complete(ms(40)) && !record.is_complete(ms(41)));
    assert_eq!(window(&mut record, 0, 40).requests, 4);
    record.over(Some(ms(50)), "it ended");
    assert_eq!(
        window(&mut record, 0, 1000).errors,
        0,
        "nobody says how many there were to be"
    );
}

#[test]
fn where_a_request_waited_is_told_apart() {
    let mut record = Record::new(Some(Schedule::constant(100.0)));
    for number in 0..100 {
        record.begin(Duration::ZERO);
        record.leaves(number, ms(1));
        let mut answer = answer(200, "a");
        if let Ok(answer) = &mut answer.outcome {
            answer.exchange.queued = ms(if number < 90 { 0 } else { 20 });
        }
        record.ended(number, ms(30), &answer);
    }
    let seen = window(&mut record, 0, 1000);
    assert_eq!(
        (seen.queue.p50, seen.queue.p99, seen.queue.max),
        (ms(1), ms(21), ms(21))
    );
    assert_eq!(seen.latency.p50, ms(30));
}
