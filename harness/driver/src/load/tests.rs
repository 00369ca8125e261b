//! Loads and their limits.

use indexmap::IndexMap;
use tokio::net::TcpListener;

use super::*;
use crate::Route;

/// Longer than any test may take.
const FOR_EVER: Duration = Duration::from_secs(3600);

/// Somebody who takes connections and says nothing.
async fn silent() -> (TcpListener, Request) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let route = Route {
        socket: listener.local_addr().unwrap(),
        host: None,
    };
    let request = Request::new("GET", &route, "/", &IndexMap::<String, String>::new(), FOR_EVER).unwrap();
    (listener, request)
}

async fn due(load: &Load, number: u64) {
    while load.progress().due < number {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_loads_of_a_case_share_what_may_be_open() {
    let (_listener, request) = silent().await;
    let client = Client::new().with_limits(10, Client::MOST_KEPT);
    let loads = [1, 2].map(|_| Load::start(&client, vec![request.clone()], Pace::Open(Schedule::constant(2000.0))));
    for load in &loads {
        due(load, 100).await;
    }
    let sent: u64 = loads.iter().map(Load::requests).sum();
    assert_eq!(sent, 10, "no more than these were sent");
    Load::end_all(&loads).await;
    let mut told = IndexMap::new();
    for load in &loads {
        let window = load.window(Duration::ZERO, Duration::from_millis(10)).await;
        assert_eq!(window.requests, window.errors, "nothing was answered");
        for (text, count) in window.failures {
            *told.entry(text).or_insert(0) += count;
        }
    }
    let texts: Vec<&str> = told.keys().map(String::as_str).collect();
    assert!(texts.contains(&"not sent: 4000 requests are open"), "{texts:?}");
}

#[tokio::test]
async fn what_a_case_may_send_has_an_end_and_from_then_on_its_loads_fail() {
    let (_listener, request) = silent().await;
    let client = Client::new().with_limits(1000, 25);
    let load = Load::start(&client, vec![request], Pace::Open(Schedule::constant(1000.0)));
    due(&load, 100).await;
    assert_eq!(load.requests(), 25);
    Load::end_all([&load]).await;
    let until = Duration::from_millis(100);
    let window = load.window(Duration::ZERO, until).await;
    assert_eq!((window.requests, window.errors), (100, 100));
    assert_eq!(
        window.failures["not sent: the loads of a case send up to 10000000 requests"],
        75
    );
}
