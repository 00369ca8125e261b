//! What becomes of the watch, and of the API server. Each ends with what was changed meanwhile.

use std::time::{Duration, Instant};

use crate::api::{Api, Mode, ready, slice};
use crate::setting::{HASTY, Setting, until};
use crate::streams::Delta;

fn pet(address: &str) -> serde_json::Value {
    slice("shop", "pet", &ready(&[address]))
}

fn versions(requests: &[String]) -> Vec<&str> {
    let watches = requests.iter().filter(|request| request.contains("watch=true"));
    watches
        .filter_map(|request| request.split("resourceVersion=").nth(1))
        .collect()
}

async fn watched(setting: &Setting, times: usize) {
    until(async || {
        let requests = setting.api.requests();
        (versions(&requests).len() >= times && setting.api.watches() == 1)
            .then_some(())
            .ok_or(requests)
    })
    .await;
}

#[tokio::test]
async fn a_watch_that_is_closed_goes_on_from_where_it_was() {
    let setting = Setting::synced().await;
    let bookmarked = setting.api.bookmark().to_string();
    setting.api.close_watches();
    watched(&setting, 2).await;
    setting.api.put(pet("10.0.0.2"));
    setting.has("pet", Some(&["10.0.0.2"])).await;
    setting.api.close_watches();
    // What is changed while nobody watches is told to the next watch.
    setting.api.put(pet("10.0.0.3"));
    setting.has("pet", Some(&["10.0.0.3"])).await;
    watched(&setting, 3).await;
    let requests = setting.api.requests();
    let lists = requests
        .iter()
        .filter(|request| !request.contains("watch=true"))
        .count();
    assert_eq!(lists, 1, "{requests:?}");
    assert_eq!(versions(&requests)[1..], [bookmarked.as_str(), "112"], "{requests:?}");
    setting.followed().await;
    assert_eq!(setting.metric("sds_kubernetes_watching").await, 1.0);
    assert_eq!(setting.metric("sds_kubernetes_watches_total").await, 3.0);
    assert_eq!(
        setting.metric("sds_kubernetes_errors_total{kind=\"Closed\"}").await,
        2.0
    );
}

#[tokio::test]
async fn watches_that_are_closed_at_once_are_opened_with_pauses() {
    let setting = Setting::synced().await;
    setting.api.mode(Mode::Closing);
    let begun = Instant::now();
    setting.api.close_watches();
    until(async || {
        let watches = versions(&setting.api.requests()).len();
        (watches > 8).then_some(()).ok_or(watches)
    })
    .await;
    // At least half of 10, 20 and 40, and then of 50 ms each; the first of all may have lived long enough for none.
    assert!(begun.elapsed() >= Duration::from_millis(150), "{:?}", begun.elapsed());
    // Between two of them; each is open for a moment.
    setting.says(200, "the API server closed the watch").await;
    setting.has("pet", Some(&["10.0.0.1"])).await;
    setting.api.mode(Mode::Normal);
    setting.api.put(pet("10.0.0.2"));
    setting.has("pet", Some(&["10.0.0.2"])).await;
    setting.followed().await;
}

#[tokio::test]
async fn a_watch_that_breaks_off_or_babbles_is_begun_again() {
    for (harm, kind) in [(Api::cut_watches as fn(&Api), "BrokeOff"), (Api::babble, "Undecodable")] {
        let setting = Setting::synced().await;
        harm(&setting.api);
        setting.api.put(pet("10.0.0.2"));
        setting.has("pet", Some(&["10.0.0.2"])).await;
        setting.followed().await;
        let errors = format!("sds_kubernetes_errors_total{{kind=\"{kind}\"}}");
        assert_eq!(setting.metric(&errors).await, 1.0);
    }
}

/// The old changes are forgotten while the server is away.
fn away(api: &mut Api, as_event: bool, change: impl Fn(&Api)) {
    api.go_away();
    change(api);
    api.compact(as_event);
    api.come_back();
}

/// The old changes are forgotten while a watch is open that does not hear of them.
fn deaf(api: &mut Api, change: impl Fn(&Api)) {
    api.mode(Mode::Hung);
    change(api);
    api.mode(Mode::Normal);
    api.expire();
}

#[tokio::test]
async fn what_is_too_old_is_listed_again_and_what_went_away_meanwhile_is_gone() {
    for harm in ["410 as a status", "410 as an event", "410 in an open watch"] {
        let mut setting = Setting::synced().await;
        setting.api.put(slice("shop", "cat", &ready(&["10.0.1.1"])));
        setting.has("cat", Some(&["10.0.1.1"])).await;
        let mut delta = Delta::subscribed(&setting.sds, false, &["cat", "pet"]).await;
        delta.next().await;
        let change = |api: &Api| {
            api.delete("shop", "cat-x7k2p");
            api.put(pet("10.0.0.2"));
        };
        match harm {
            "410 as a status" => away(&mut setting.api, false, change),
            "410 as an event" => away(&mut setting.api, true, change),
            _ => deaf(&mut setting.api, change),
        }
        setting.has("cat", None).await;
        setting.has("pet", Some(&["10.0.0.2"])).await;
        setting.followed().await;
        // As one change.
        let (told, removed) = delta.next().await;
        assert_eq!(removed, ["cat"], "{harm}");
        assert_eq!(told["pet"], ["10.0.0.2:10000 HEALTHY"], "{harm}");
        assert_eq!(
            setting.metric("sds_kubernetes_errors_total{kind=\"Gone\"}").await,
            1.0,
            "{harm}"
        );
    }
}

#[tokio::test]
async fn an_open_watch_that_is_told_410_lists_again() {
    let setting = Setting::synced().await;
    setting.api.expire();
    watched(&setting, 2).await;
    setting.api.put(pet("10.0.0.2"));
    setting.has("pet", Some(&["10.0.0.2"])).await;
    setting.followed().await;
    assert_eq!(setting.metric("sds_kubernetes_errors_total{kind=\"Gone\"}").await, 1.0);
    assert_eq!(setting.metric("sds_kubernetes_lists_total").await, 2.0);
}

#[tokio::test]
async fn a_410_at_the_start_of_a_watch_lists_again() {
    for as_event in [false, true] {
        let setting = Setting::synced().await;
        setting.api.compact(as_event);
        watched(&setting, 3).await;
        setting.followed().await;
        assert_eq!(setting.metric("sds_kubernetes_errors_total{kind=\"Gone\"}").await, 1.0);
        assert_eq!(setting.metric("sds_kubernetes_lists_total").await, 2.0);
    }
}

#[tokio::test]
async fn an_api_server_that_goes_away_and_comes_back_changes_nothing_but_what_changed() {
    let mut setting = Setting::synced().await;
    let mut delta = Delta::subscribed(&setting.sds, true, &["pet"]).await;
    delta.next().await;
    setting.api.go_away();
    setting.is_stale("the API server cannot be reached: ").await;
    setting.api.put(pet("10.0.0.2"));
    setting.api.come_back();
    setting.followed().await;
    setting.has("pet", Some(&["10.0.0.2"])).await;
    let (told, removed) = delta.next().await;
    assert_eq!(
        (&*told["pet"], removed.len()),
        (&["10.0.0.2:10000 HEALTHY".to_owned()][..], 0)
    );
    assert!(
        setting
            .metric("sds_kubernetes_errors_total{kind=\"Unreachable\"}")
            .await
            >= 1.0
    );
}

#[tokio::test]
async fn a_watch_that_says_nothing_is_taken_for_dead() {
    let api = Api::start();
    api.put(pet("10.0.0.1"));
    let mut pace = HASTY;
    pace.watch = Duration::from_secs(1);
    pace.grace = Duration::from_millis(200);
    pace.answer = Duration::from_millis(500);
    let setting = Setting::start(api, pace).await;
    setting.followed().await;
    setting.api.mode(Mode::Hung);
    setting.api.put(pet("10.0.0.2"));
    setting.is_stale("the API server said nothing for ").await;
    assert!(setting.metric("sds_kubernetes_silence_seconds").await > 0.0);
    setting.api.mode(Mode::Normal);
    setting.has("pet", Some(&["10.0.0.2"])).await;
    setting.followed().await;
}

#[tokio::test]
async fn a_token_is_read_anew_when_it_was_replaced() {
    let setting = Setting::synced().await;
    // The old one is refused before the new one is there.
    setting.api.token("second");
    setting.api.close_watches();
    setting.is_stale("401 Unauthorized: Unauthorized").await;
    setting.api.put(pet("10.0.0.2"));
    setting.write_token("second");
    setting.has("pet", Some(&["10.0.0.2"])).await;
    setting.followed().await;
    assert!(
        setting
            .metric("sds_kubernetes_errors_total{kind=\"Unauthorized\"}")
            .await
            >= 1.0
    );

    // It is there before it is asked for: nothing is refused.
    let refused = setting
        .metric("sds_kubernetes_errors_total{kind=\"Unauthorized\"}")
        .await;
    setting.write_token("third");
    setting.api.token("third");
    setting.api.close_watches();
    setting.api.put(pet("10.0.0.3"));
    setting.has("pet", Some(&["10.0.0.3"])).await;
    assert_eq!(
        setting
            .metric("sds_kubernetes_errors_total{kind=\"Unauthorized\"}")
            .await,
        refused
    );
}

#[tokio::test]
async fn a_token_that_cannot_be_read_is_waited_for() {
    let setting = Setting::synced().await;
    setting.remove_token();
    setting.api.close_watches();
    setting.is_stale("cannot be used: No such file").await;
    setting.write_token("");
    setting.is_stale("cannot be used: it is empty").await;
    setting.api.put(pet("10.0.0.2"));
    setting.write_token(crate::api::TOKEN);
    setting.has("pet", Some(&["10.0.0.2"])).await;
    setting.followed().await;
}

#[tokio::test]
async fn what_is_refused_is_tried_again() {
    for (code, reason, why) in [
        (401, "Unauthorized", "401 Unauthorized: no, not now"),
        (403, "Forbidden", "403 Forbidden: no, not now"),
        (429, "TooManyRequests", "the API server answered 429: no, not now"),
        (500, "InternalError", "the API server answered 500: no, not now"),
    ] {
        let setting = Setting::synced().await;
        setting.api.mode(Mode::Refusing(code, reason));
        setting.api.close_watches();
        setting.is_stale(why).await;
        setting.api.put(pet("10.0.0.2"));
        setting.api.mode(Mode::Normal);
        setting.has("pet", Some(&["10.0.0.2"])).await;
        setting.followed().await;
    }
}
