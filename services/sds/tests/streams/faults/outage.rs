//! Answers that are late, refused, or never come.

use std::time::{Duration, Instant};

use meshkat_kit::testing::{Binary, DEADLINE};
use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::Code;

use super::{begin, end, metric, poll, polled, settings, struck, subscribed, transport, until, whole};
use crate::client::{Delta, Sotw};
use crate::common::{ask, client};
use crate::setting::Setting;

#[tokio::test]
async fn a_delayed_answer_is_so_much_late() {
    const DELAY: Duration = Duration::from_millis(120);
    for setting in settings().await {
        setting.put("a", 1).await;
        let (mut sotw, mut delta) = subscribed(&setting).await;
        begin(&setting, json!({"delay": "120ms"})).await;
        let begun = Instant::now();
        polled(&setting).await;
        assert!(begun.elapsed() >= DELAY);
        let begun = Instant::now();
        setting.put("a", 2).await;
        sotw.taken(&["a"], &["a"]).await;
        assert!(begun.elapsed() >= DELAY);
        delta.taken(&["a"], &[]).await;
        assert!(begun.elapsed() >= DELAY);
        // A new stream is answered late too.
        let begun = Instant::now();
        let mut late = Sotw::open(&setting).await;
        late.send(&["a"], "", None);
        late.taken(&["a"], &["a"]).await;
        assert!(begun.elapsed() >= DELAY);
        for of in ["Rest", transport(&setting, true)] {
            assert_eq!(struck(&setting, "Delay", of).await, 1, "{of}");
        }
        assert_eq!(struck(&setting, "Delay", transport(&setting, false)).await, 2);
    }
}

#[tokio::test]
async fn what_is_late_does_not_queue_and_comes_when_the_fault_ends() {
    for setting in settings().await {
        setting.put("a", 1).await;
        let (mut sotw, mut delta) = subscribed(&setting).await;
        // Far beyond the deadline of everything here.
        begin(&setting, json!({"delay": "1h"})).await;
        for content in 2..=4 {
            setting.put("a", content).await;
        }
        end(&setting).await;
        whole(&setting, &mut sotw, &mut delta).await;
    }
}

/// All that is due over an aggregated stream is late once, and not each after the other.
#[tokio::test]
async fn types_are_late_together() {
    let mut settings = settings().await;
    settings.retain(|setting| setting.aggregated && setting.kind.is_whole());
    for mut setting in settings {
        let clusters = setting.kind;
        setting.put("a", 1).await;
        setting.kind = crate::setting::Kind::Routes;
        setting.put("a", 1).await;
        begin(&setting, json!({"delay": "1h"})).await;
        let begun = Instant::now();
        let mut stream = Sotw::open(&setting).await;
        let routes = std::mem::replace(&mut stream.type_url, clusters.type_url());
        stream.send(&[], "", None);
        stream.type_url.clone_from(&routes);
        stream.send(&["a"], "", None);
        until("both are due", async || {
            let (client, _) = setting.client().await;
            client["types"].as_object().unwrap().len() == 2
        })
        .await;
        let delay = begun.elapsed() + Duration::from_millis(300);
        begin(&setting, json!({"delay": format!("{}ms", delay.as_millis())})).await;
        stream.next().await;
        // The other's time has come as well, so this does not hold it back.
        begin(&setting, json!({"delay": "1h"})).await;
        let response = stream.next().await;
        assert_eq!(response.type_url, routes);
    }
}

#[tokio::test]
async fn what_is_refused_ends_and_begins_again_when_the_fault_is_over() {
    for setting in settings().await {
        setting.put("a", 1).await;
        let (mut sotw, mut delta) = subscribed(&setting).await;
        begin(&setting, json!({"refuse": 429})).await;
        for status in [sotw.ended().await, delta.ended().await] {
            assert_eq!(status.code(), Code::Unavailable);
            assert!(status.message().contains("on purpose (429"), "{status}");
        }
        assert_eq!(Sotw::open(&setting).await.ended().await.code(), Code::Unavailable);
        assert_eq!(Delta::open(&setting).await.ended().await.code(), Code::Unavailable);
        assert_eq!(poll(&setting).await.unwrap().0, 429);
        for of in [transport(&setting, false), transport(&setting, true)] {
            assert_eq!(struck(&setting, "Refuse", of).await, 2, "{of}");
        }
        end(&setting).await;
        subscribed(&setting).await;
        polled(&setting).await;
    }
}

#[tokio::test]
async fn what_hangs_is_answered_in_the_end_with_what_is_true_then() {
    for setting in settings().await {
        setting.put("a", 1).await;
        let (mut sotw, mut delta) = subscribed(&setting).await;
        // Somebody who is not meant, to see that a change is there.
        setting.put("b?node_cluster=other", 1).await;
        begin(&setting, json!({"hang": true, "node_clusters": ["demo"]})).await;
        let mut hanging = std::pin::pin!(polled(&setting));
        for of in [transport(&setting, false), transport(&setting, true)] {
            until("the streams hang", async || struck(&setting, "Hang", of).await == 1).await;
        }
        tokio::select! {
            answer = &mut hanging => panic!("{answer}"),
            () = until("the poll hangs", async || struck(&setting, "Hang", "Rest").await == 1) => {}
        }
        // A stream that begins now is taken, and hangs.
        let mut new = Sotw::open(&setting).await;
        new.send(&["a"], "", None);
        let of = transport(&setting, false);
        until("the new stream hangs", async || struck(&setting, "Hang", of).await == 2).await;
        for content in 2..=4 {
            setting.put("a", content).await;
            seen(&setting).await;
        }
        end(&setting).await;
        let version = polled(&setting).await["version_info"].clone();
        assert_eq!(hanging.await["version_info"], version);
        assert_eq!(json!(new.answer().await.1.version_info), version);
        whole(&setting, &mut sotw, &mut delta).await;
    }
}

/// Somebody who is not meant has been told what is true now.
async fn seen(setting: &Setting) {
    let url = setting.sds.url(&format!("/v3/discovery:{}", setting.kind.plural()));
    let body = json!({"node": {"id": "envoy-b", "cluster": "other"}, "resource_names": ["a"]}).to_string();
    assert_eq!(ask(url, Method::POST, &body).await.0, 200);
}

#[tokio::test]
async fn a_cut_closes_what_is_open_and_whatever_asks() {
    for setting in settings().await {
        setting.put("a", 1).await;
        let (mut sotw, mut delta) = subscribed(&setting).await;
        // A connection on which somebody has polled, and does not at the moment.
        let mut idle = TcpStream::connect(setting.sds.address()).await.unwrap();
        let path = format!("/v3/discovery:{}", setting.kind.plural());
        let ask = format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{{}}");
        idle.write_all(ask.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        idle.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200");

        begin(&setting, json!({"cut": true})).await;
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(DEADLINE, idle.read_to_end(&mut rest));
        // The rest of the answer, and then the end; a reset is an end too.
        let _ = ended.await.unwrap();
        for status in [sotw.ended().await, delta.ended().await] {
            assert!(std::error::Error::source(&status).is_some(), "an answer: {status}");
        }
        assert_eq!(poll(&setting).await, None);
        for attempt in [
            Sotw::try_open(&setting).await.map(Ended::Sotw),
            Delta::try_open(&setting).await.map(Ended::Delta),
        ] {
            let status = match attempt {
                Ok(Ended::Sotw(mut stream)) => stream.ended().await,
                Ok(Ended::Delta(mut stream)) => stream.ended().await,
                Err(status) => status,
            };
            assert!(std::error::Error::source(&status).is_some(), "an answer: {status}");
        }
        for of in [transport(&setting, false), transport(&setting, true)] {
            let open = format!("sds_streams{{transport=\"{of}\"}}");
            until("no stream is left", async || metric(&setting, &open).await == 0).await;
        }
        end(&setting).await;
        subscribed(&setting).await;
        polled(&setting).await;
    }
}

enum Ended {
    Sotw(Sotw),
    Delta(Delta),
}

#[tokio::test]
async fn a_flap_cuts_and_serves_in_turns() {
    for setting in settings().await {
        setting.put("a", 1).await;
        let (mut sotw, mut delta) = subscribed(&setting).await;
        begin(&setting, json!({"flap": "50ms"})).await;
        sotw.ended().await;
        delta.ended().await;
        for _ in 0..2 {
            until("a poll is answered", async || poll(&setting).await.is_some()).await;
            until("a poll is cut", async || poll(&setting).await.is_none()).await;
        }
        until("a stream is served", async || {
            let Ok(mut stream) = Sotw::try_open(&setting).await else {
                return false;
            };
            stream.send(&["a"], "", None);
            stream.try_next().await.is_ok()
        })
        .await;
        end(&setting).await;
        subscribed(&setting).await;
    }
}

/// Nothing that hangs or is late keeps a service from stopping.
#[tokio::test]
async fn a_service_that_hangs_stops_in_time() {
    for fault in [json!({"hang": true}), json!({"delay": "1h"})] {
        let binary = Binary::start(env!("CARGO_BIN_EXE_sds"), &["--allow-faults"]);
        ask(binary.url("/xds/v3/faults"), Method::PUT, &fault.to_string()).await;
        let poll = client().post(binary.url("/v3/discovery:clusters")).body("{}");
        let poll = tokio::spawn(poll.send());
        if fault["hang"] == true {
            until("the poll hangs", async || {
                let text = client().get(binary.url("/metrics")).send().await.unwrap();
                text.text().await.unwrap().contains("sds_faulted_total{")
            })
            .await;
        }
        binary.terminate();
        let (status, took) = binary.wait().await;
        assert_eq!(status.code(), Some(0));
        assert!(took < Duration::from_secs(1), "{took:?}");
        assert!(poll.await.unwrap().is_err());
    }
}
