//! State of the World.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::json;

use crate::client::{Sotw, refusal};
use crate::common::{ask, client};
use crate::setting::settings;

#[tokio::test]
async fn names_are_answered_and_what_is_missing_comes_later() {
    for setting in settings().await {
        setting.put("a", 1).await;
        setting.put("other", 1).await;
        let mut stream = Sotw::open(&setting).await;
        stream.send(&["a", "b"], "", None);
        stream.taken(&["a", "b"], &["a"]).await;
        stream.quiet().await;
        setting.put("b", 1).await;
        stream.taken(&["a", "b"], &["a", "b"]).await;
        setting.put("other", 2).await;
        stream.quiet().await;
    }
}

#[tokio::test]
async fn a_first_request_is_answered_even_if_there_is_nothing() {
    for setting in settings().await {
        let mut stream = Sotw::open(&setting).await;
        stream.send(&["a"], "", None);
        stream.taken(&["a"], &[]).await;
        setting.put("a", 1).await;
        stream.taken(&["a"], &["a"]).await;
    }
}

#[tokio::test]
async fn no_names_at_first_mean_all_clusters_and_listeners_and_later_mean_none() {
    for setting in settings().await {
        setting.put("a", 1).await;
        let mut stream = Sotw::open(&setting).await;
        stream.send(&[], "", None);
        if !setting.kind.is_whole() {
            stream.taken(&[], &[]).await;
            stream.quiet().await;
            continue;
        }
        stream.taken(&[], &["a"]).await;
        setting.put("b", 1).await;
        stream.taken(&[], &["a", "b"]).await;
        setting.delete("a").await;
        let nonce = stream.taken(&[], &["b"]).await;
        // Still everything: names were never given.
        stream.send(&[], &nonce, None);
        stream.quiet().await;
        setting.put("c", 1).await;
        let nonce = stream.taken(&[], &["b", "c"]).await;
        stream.send(&["b"], &nonce, None);
        stream.send(&[], &nonce, None);
        setting.put("d", 1).await;
        stream.quiet().await;
    }
}

#[tokio::test]
async fn a_star_means_all_of_any_type_and_can_be_given_up() {
    for setting in settings().await {
        setting.put("a", 1).await;
        let mut stream = Sotw::open(&setting).await;
        stream.send(&["*"], "", None);
        stream.taken(&["*"], &["a"]).await;
        setting.put("b", 1).await;
        let nonce = stream.taken(&["*"], &["a", "b"]).await;
        stream.send(&["a"], &nonce, None);
        setting.put("b", 2).await;
        stream.quiet().await;
        setting.put("a", 2).await;
        stream.taken(&["a"], &["a"]).await;
        setting.put("c", 2).await;
        stream.quiet().await;
    }
}

#[tokio::test]
async fn a_name_that_joins_a_star_is_sent_and_stays_when_the_star_goes() {
    for setting in settings().await {
        for name in ["a", "b"] {
            setting.put(name, 1).await;
        }
        let mut stream = Sotw::open(&setting).await;
        let star: &[&str] = if setting.kind.is_whole() { &[] } else { &["*"] };
        stream.send(star, "", None);
        let nonce = stream.taken(star, &["a", "b"]).await;
        // What was everything without a name is the same by its name.
        stream.send(&["*"], &nonce, None);
        stream.quiet().await;
        stream.send(&["*", "a"], &nonce, None);
        let nonce = stream.taken(&["*", "a"], &["a", "b"]).await;
        stream.send(&["a"], &nonce, None);
        setting.put("b", 2).await;
        stream.quiet().await;
        setting.put("a", 2).await;
        let nonce = stream.taken(&["a"], &["a"]).await;
        stream.send(&["a", "*"], &nonce, None);
        let nonce = stream.taken(&["a", "*"], &["a", "b"]).await;
        stream.send(&[], &nonce, None);
        setting.put("a", 3).await;
        stream.quiet().await;
    }
}

#[tokio::test]
async fn an_empty_name_is_none_and_no_wildcard() {
    for setting in settings().await {
        setting.put("a", 1).await;
        let mut stream = Sotw::open(&setting).await;
        stream.send(&["a"], "", None);
        let nonce = stream.taken(&["a"], &["a"]).await;
        stream.send(&[""], &nonce, None);
        setting.put("a", 2).await;
        stream.quiet().await;
        let mut stream = Sotw::open(&setting).await;
        stream.send(&[""], "", None);
        stream.taken(&[""], &[]).await;
        setting.put("a", 3).await;
        stream.quiet().await;
    }
}

#[tokio::test]
async fn a_stale_request_ends_the_wildcard_of_no_names() {
    for setting in settings().await {
        setting.put("a", 1).await;
        let mut stream = Sotw::open(&setting).await;
        stream.send(&[], "", None);
        if !setting.kind.is_whole() {
            continue;
        }
        let stale = stream.taken(&[], &["a"]).await;
        setting.put("a", 2).await;
        let nonce = stream.answer().await.1.nonce;
        stream.send(&["a"], &stale, None);
        // The client wanted one thing and then nothing, and heard of the new answer in between.
        stream.send(&[], &nonce, None);
        setting.put("a", 3).await;
        stream.quiet().await;
        assert_eq!(setting.client().await.1["wildcard"], json!(false));
    }
}

#[tokio::test]
async fn changes_need_not_wait_for_an_ack_and_one_request_may_take_and_want() {
    for setting in settings().await {
        setting.put("a", 1).await;
        let mut stream = Sotw::open(&setting).await;
        stream.send(&["a"], "", None);
        stream.answer().await;
        setting.put("a", 2).await;
        let (_, second) = stream.answer().await;
        setting.put("b", 1).await;
        // It never answered the first, takes the second, and wants more.
        stream.send(&["a", "b"], &second.nonce, None);
        stream.taken(&["a", "b"], &["a", "b"]).await;
        stream.quiet().await;
    }
}

#[tokio::test]
async fn a_subscription_is_narrowed_widened_and_ended() {
    for setting in settings().await {
        for name in ["a", "b"] {
            setting.put(name, 1).await;
        }
        let mut stream = Sotw::open(&setting).await;
        stream.send(&["a", "b"], "", None);
        let nonce = stream.taken(&["a", "b"], &["a", "b"]).await;
        stream.send(&["a"], &nonce, None);
        setting.put("b", 2).await;
        stream.quiet().await;
        // It was given up, so it is sent again, changed or not.
        stream.send(&["a", "b"], &nonce, None);
        let nonce = stream.taken(&["a", "b"], &["a", "b"]).await;
        stream.send(&[], &nonce, None);
        for name in ["a", "b", "c"] {
            setting.put(name, 3).await;
        }
        stream.quiet().await;
        stream.send(&["b"], &nonce, None);
        stream.taken(&["b"], &["b"]).await;
    }
}

#[tokio::test]
async fn what_is_gone_is_left_out() {
    for setting in settings().await {
        for name in ["a", "b"] {
            setting.put(name, 1).await;
        }
        let mut stream = Sotw::open(&setting).await;
        stream.send(&["a", "b"], "", None);
        stream.taken(&["a", "b"], &["a", "b"]).await;
        setting.delete("b").await;
        if setting.kind.is_whole() {
            stream.taken(&["a", "b"], &["a"]).await;
        }
        // Of other types, to leave a resource out says nothing, and there is nothing else to say.
        stream.quiet().await;
        setting.put("b", 1).await;
        stream.taken(&["a", "b"], &["a", "b"]).await;
    }
}

#[tokio::test]
async fn versions_are_of_content_and_nonces_are_unique() {
    for setting in settings().await {
        let mut nonces = BTreeSet::new();
        let mut versions = Vec::new();
        setting.put("a", 1).await;
        for _ in 0..2 {
            let mut stream = Sotw::open(&setting).await;
            stream.send(&["a"], "", None);
            for content in [2, 1] {
                let (_, response) = stream.answer().await;
                assert!(nonces.insert(response.nonce.clone()));
                versions.push(response.version_info);
                stream.send(&["a"], &response.nonce, None);
                setting.put("a", content).await;
            }
            let (_, response) = stream.answer().await;
            versions.push(response.version_info);
            // The same once more is no change.
            setting.put("a", 1).await;
            stream.quiet().await;
        }
        assert_ne!(versions[0], versions[1]);
        assert_eq!(versions[..3], versions[3..]);
        assert_eq!(versions[0], versions[2]);
    }
}

#[tokio::test]
async fn a_stale_nonce_is_ignored() {
    for setting in settings().await {
        for name in ["a", "b"] {
            setting.put(name, 1).await;
        }
        let mut stream = Sotw::open(&setting).await;
        stream.send(&["a"], "", None);
        let stale = stream.taken(&["a"], &["a"]).await;
        setting.put("a", 2).await;
        let nonce = stream.taken(&["a"], &["a"]).await;
        stream.send(&["a", "b"], &stale, refusal());
        stream.send(&["b"], "never-sent", None);
        stream.quiet().await;
        let (_, topic) = setting.client().await;
        assert_eq!((&topic["names"], &topic["last_nack"]), (&json!(["a"]), &json!(null)));
        stream.send(&["a", "b"], &nonce, None);
        stream.taken(&["a", "b"], &["a", "b"]).await;
    }
}

#[tokio::test]
async fn acks_and_nacks_are_recorded_and_a_nack_is_not_answered() {
    for setting in settings().await {
        setting.put("a", 1).await;
        let mut stream = Sotw::open(&setting).await;
        stream.send(&["a"], "", None);
        let (_, good) = stream.answer().await;
        stream.send(&["a"], &good.nonce, None);
        setting.put("a", 2).await;
        let (_, bad) = stream.answer().await;
        stream.send(&["a"], &bad.nonce, refusal());
        stream.quiet().await;

        let (client, topic) = setting.client().await;
        assert_eq!(client["node"], json!({"id": "envoy-a", "cluster": "demo"}));
        assert_eq!(client["transport"], if setting.aggregated { "ads" } else { "grpc" });
        assert_eq!(
            topic,
            json!({
                "wildcard": false,
                "names": ["a"],
                "version_intended": bad.version_info,
                "version_sent": bad.version_info,
                "version_acknowledged": good.version_info,
                "last_nack": {"version": bad.version_info, "code": 13, "message": "this will not do"},
            })
        );
        setting.put("a", 3).await;
        let (_, response) = stream.answer().await;
        stream.send(&["a"], &response.nonce, None);
        stream.quiet().await;
        assert_eq!(setting.client().await.1["version_acknowledged"], response.version_info);

        let text = client_metrics(&setting.sds.url("/metrics")).await;
        let transport = if setting.aggregated { "Ads" } else { "Grpc" };
        let labels = format!(r#"{{transport="{transport}",resources="{:?}"}}"#, setting.kind);
        for line in [
            format!("sds_streams{{transport=\"{transport}\"}} 1"),
            format!("sds_pushes_total{labels} 3"),
            format!("sds_acks_total{labels} 2"),
            format!("sds_nacks_total{labels} 1"),
            format!("sds_change_to_ack_seconds_count{{transport=\"{transport}\"}} 1"),
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        assert!(!text.contains(&format!("sds_push_bytes_total{labels} 0")));
    }
}

async fn client_metrics(url: &str) -> String {
    client().get(url).send().await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn a_nodes_own_resources_come_before_those_for_all() {
    for setting in settings().await {
        setting.put("a", 1).await;
        let mut stream = Sotw::open(&setting).await;
        stream.send(&["a"], "", None);
        let (_, general) = stream.answer().await;
        stream.send(&["a"], &general.nonce, None);
        setting.put("a?node_cluster=elsewhere", 2).await;
        stream.quiet().await;
        setting.put("a?node_cluster=demo", 3).await;
        let (_, own) = stream.answer().await;
        assert_ne!(own.resources, general.resources);
        setting.delete("a?node_cluster=demo").await;
        let (_, again) = stream.answer().await;
        assert_eq!(again.resources, general.resources);
    }
}

#[tokio::test]
async fn a_client_that_is_gone_is_not_listed() {
    for setting in settings().await {
        let mut stream = Sotw::open(&setting).await;
        stream.send(&["a"], "", None);
        stream.taken(&["a"], &[]).await;
        setting.client().await;
        drop(stream);
        let begun = std::time::Instant::now();
        loop {
            let (_, told) = ask(setting.sds.url("/xds/v3/clients"), Method::GET, "").await;
            if told == json!({"clients": []}) {
                break;
            }
            assert!(begun.elapsed() < meshkat_kit::testing::DEADLINE, "{told}");
        }
    }
}
