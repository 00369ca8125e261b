//! Loads that this machine or the other side cannot keep up with.

use std::time::Duration;

use meshkat_driver::{Client, Load, Pace, Schedule};

use crate::servers::{get, serve};

/// Longer than any test may take: a request that is never answered is open for so long.
const FOR_EVER: Duration = Duration::from_secs(3600);
/// Longer than any wait of these tests takes on the slowest machine, and far shorter than what they would wait for.
const LIMIT: Duration = Duration::from_secs(120);

fn client() -> Client {
    Client::new()
}

/// Waits until something is so.
async fn until(is_so: impl Fn() -> bool) {
    let look = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LIMIT, look).await.expect("it becomes so");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loads_of_a_case_that_has_ended_send_nothing_more_and_wait_for_nobody() {
    let (address, seen) = serve(|connection| async move {
        std::future::pending::<()>().await;
        drop(connection);
    })
    .await;
    let client = client();
    let loads: Vec<Load> = (0..4)
        .map(|_| {
            Load::start(
                &client,
                vec![get(address, FOR_EVER)],
                Pace::Open(Schedule::constant(1000.0)),
            )
        })
        .collect();
    until(|| loads.iter().all(|load| load.requests() > 20)).await;
    tokio::time::timeout(LIMIT, Load::end_all(&loads))
        .await
        .expect("nobody is waited for");
    let sent: u64 = loads.iter().map(Load::requests).sum();
    // All that the server ever sees was sent before.
    until(|| loads.iter().all(|load| load.now() > Duration::from_millis(50))).await;
    assert_eq!(loads.iter().map(Load::requests).sum::<u64>(), sent);
    assert!(seen.requests() as u64 <= sent, "{} of {sent}", seen.requests());
    for load in &loads {
        assert_eq!(load.progress().open, 0, "each was answered or given up");
    }
}

#[tokio::test]
async fn a_load_that_is_stopped_while_it_is_behind_counts_every_request_that_was_due() {
    let (address, _) = serve(|mut connection| async move {
        connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    })
    .await;
    let load = Load::start(
        &client(),
        vec![get(address, FOR_EVER)],
        Pace::Open(Schedule::constant(5000.0)),
    );
    // Nobody else has a turn in between: as many are due, and none was sent.
    while load.progress().due < 2500 {
        std::hint::spin_loop();
    }
    load.stop().await;
    let progress = load.progress();
    let window = load.window(Duration::ZERO, load.now()).await;
    assert!(progress.due >= 2500);
    assert_eq!(window.requests, progress.due, "{progress:?}; {}", window.summary());
    assert_eq!(
        window.requests - window.errors,
        window.statuses.get(&200).copied().unwrap_or_default()
    );
}

#[tokio::test]
async fn a_load_that_is_dropped_gives_up_what_is_open() {
    let (address, seen) = serve(|mut connection| async move {
        // Until the client is gone.
        let mut beat = tokio::time::interval(Duration::from_millis(5));
        while connection.send(b"HTTP/1.1 103 Early Hints\r\n\r\n").await {
            beat.tick().await;
        }
        connection.gone();
    })
    .await;
    let load = Load::start(
        &client(),
        vec![get(address, FOR_EVER)],
        Pace::Open(Schedule::constant(100.0)),
    );
    until(|| seen.requests() > 3).await;
    drop(load);
    until(|| seen.gone() >= 3).await;
}

#[tokio::test]
async fn bodies_without_end_are_errors_of_a_load_and_are_not_kept() {
    let (address, _) = serve(|mut connection| async move {
        connection
            .send(b"HTTP/1.1 200 OK\r\ncontent-length: 10000000000\r\n\r\n")
            .await;
        while connection.send(&[b'x'; 0x10000]).await {}
    })
    .await;
    let load = Load::start(
        &client(),
        vec![get(address, FOR_EVER)],
        Pace::Open(Schedule::constant(20.0)),
    );
    let window = load.window(Duration::ZERO, Duration::from_millis(300)).await;
    assert_eq!((window.requests, window.errors), (6, 6), "{}", window.summary());
    let told: Vec<&String> = window.failures.keys().collect();
    assert_eq!(told, ["the answer, a 200, was given up: its body is longer than 4 MiB"]);
}

#[tokio::test]
async fn a_rate_of_nearly_nothing_sends_one_request() {
    let (address, seen) = serve(|mut connection| async move {
        connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    })
    .await;
    let load = Load::start(
        &client(),
        vec![get(address, FOR_EVER)],
        Pace::Open(Schedule::constant(f64::MIN_POSITIVE)),
    );
    until(|| seen.requests() == 1).await;
    load.stop().await;
    let window = load.window(Duration::ZERO, load.now()).await;
    assert_eq!((window.requests, window.errors), (1, 0));
}
