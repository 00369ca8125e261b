//! Delta.

use std::collections::BTreeSet;

use envoy_types::pb::envoy::service::discovery::v3::DeltaDiscoveryRequest;
use serde_json::json;

use crate::client::{Delta, refusal};
use crate::setting::settings;

#[tokio::test]
async fn names_are_answered_and_only_what_changes_comes_later() {
    for setting in settings().await {
        for name in ["a", "b", "other"] {
            setting.put(name, 1).await;
        }
        let mut stream = Delta::open(&setting).await;
        stream.want(&["a", "b"], &[]);
        stream.taken(&["a", "b"], &[]).await;
        stream.quiet().await;
        setting.put("b", 2).await;
        stream.taken(&["b"], &[]).await;
        setting.put("other", 2).await;
        stream.quiet().await;
    }
}

#[tokio::test]
async fn what_is_missing_is_told_once_and_comes_later() {
    for setting in settings().await {
        setting.put("a", 1).await;
        let mut stream = Delta::open(&setting).await;
        stream.want(&["a", "b"], &[]);
        stream.taken(&["a"], &["b"]).await;
        setting.put("a", 2).await;
        stream.taken(&["a"], &[]).await;
        setting.put("b", 1).await;
        stream.taken(&["b"], &[]).await;
        setting.delete("b").await;
        stream.taken(&[], &["b"]).await;
        stream.quiet().await;
        setting.put("b", 1).await;
        stream.taken(&["b"], &[]).await;
    }
}

#[tokio::test]
async fn no_names_at_first_mean_all_clusters_and_listeners() {
    for setting in settings().await {
        setting.put("a", 1).await;
        let mut stream = Delta::open(&setting).await;
        stream.want(&[], &[]);
        if !setting.kind.is_whole() {
            stream.taken(&[], &[]).await;
            setting.put("b", 1).await;
            stream.quiet().await;
            continue;
        }
        stream.taken(&["a"], &[]).await;
        // This adds to what there is, and takes nothing away; what is named is told again.
        stream.want(&["a"], &[]);
        stream.taken(&["a"], &[]).await;
        setting.put("b", 1).await;
        stream.taken(&["b"], &[]).await;
        setting.delete("b").await;
        stream.taken(&[], &["b"]).await;
        stream.want(&[], &["*"]);
        setting.put("b", 1).await;
        stream.quiet().await;
        setting.put("a", 2).await;
        stream.taken(&["a"], &[]).await;
        stream.want(&[], &["a"]);
        setting.put("a", 3).await;
        stream.quiet().await;
    }
}

#[tokio::test]
async fn nothing_at_first_is_answered_too() {
    for setting in settings().await {
        let mut stream = Delta::open(&setting).await;
        stream.want(&["*"], &[]);
        stream.taken(&[], &[]).await;
        setting.put("a", 1).await;
        stream.taken(&["a"], &[]).await;
    }
}

#[tokio::test]
async fn a_subscription_is_ended_and_begun_anew() {
    for setting in settings().await {
        for name in ["a", "b"] {
            setting.put(name, 1).await;
        }
        let mut stream = Delta::open(&setting).await;
        stream.want(&["a", "b"], &[]);
        stream.taken(&["a", "b"], &[]).await;
        stream.want(&[], &["b"]);
        setting.put("b", 2).await;
        stream.quiet().await;
        stream.want(&[], &["a", "never-wanted"]);
        for name in ["a", "b", "c"] {
            setting.put(name, 3).await;
        }
        stream.quiet().await;
        stream.want(&["a"], &[]);
        stream.taken(&["a"], &[]).await;
        // The client may have dropped it meanwhile, so asking again is answered again.
        stream.want(&["a"], &[]);
        stream.taken(&["a"], &[]).await;
    }
}

#[tokio::test]
async fn a_name_that_is_given_up_under_a_star_is_told_once_more() {
    for setting in settings().await {
        setting.put("a", 1).await;
        let mut stream = Delta::open(&setting).await;
        stream.want(&["*", "a", "missing"], &[]);
        stream.taken(&["a"], &["missing"]).await;
        stream.want(&[], &["a", "missing"]);
        stream.taken(&["a"], &["missing"]).await;
        stream.quiet().await;
        setting.put("missing", 1).await;
        stream.taken(&["missing"], &[]).await;
    }
}

#[tokio::test]
async fn an_empty_name_is_none_and_no_wildcard() {
    for setting in settings().await {
        setting.put("a", 1).await;
        let mut stream = Delta::open(&setting).await;
        stream.want(&[""], &[]);
        stream.taken(&[], &[]).await;
        setting.put("a", 2).await;
        stream.quiet().await;
        stream.want(&["a"], &[""]);
        stream.taken(&["a"], &[]).await;
        stream.quiet().await;
    }
}

#[tokio::test]
async fn changes_need_not_wait_for_an_ack_and_one_request_may_take_and_want() {
    for setting in settings().await {
        setting.put("a", 1).await;
        setting.put("b", 1).await;
        let mut stream = Delta::open(&setting).await;
        stream.want(&["a"], &[]);
        stream.next().await;
        setting.put("a", 2).await;
        let second = stream.next().await;
        // It never answered the first, takes the second, wants more and less.
        stream.send(DeltaDiscoveryRequest {
            response_nonce: second.nonce,
            resource_names_subscribe: vec!["b".to_owned()],
            resource_names_unsubscribe: vec!["a".to_owned()],
            ..Default::default()
        });
        stream.taken(&["b"], &[]).await;
        setting.put("a", 3).await;
        stream.quiet().await;
    }
}

#[tokio::test]
async fn versions_are_of_content_and_nonces_are_unique() {
    for setting in settings().await {
        setting.put("a", 1).await;
        setting.put("b", 1).await;
        let mut stream = Delta::open(&setting).await;
        stream.want(&["a", "b"], &[]);
        let first = stream.taken(&["a", "b"], &[]).await;
        setting.put("a", 2).await;
        let second = stream.taken(&["a"], &[]).await;
        setting.put("a", 1).await;
        let third = stream.taken(&["a"], &[]).await;
        assert_ne!(first.resources[0].version, second.resources[0].version);
        assert_eq!(first.resources[0], third.resources[0]);
        let nonces: BTreeSet<_> = [first.nonce, second.nonce, third.nonce].into();
        assert_eq!(nonces.len(), 3);
        setting.put("a", 1).await;
        stream.quiet().await;
    }
}

#[tokio::test]
async fn acks_and_nacks_are_recorded_and_a_nack_is_not_answered() {
    for setting in settings().await {
        setting.put("a", 1).await;
        let mut stream = Delta::open(&setting).await;
        stream.want(&["a"], &[]);
        let good = stream.taken(&["a"], &[]).await;
        setting.put("a", 2).await;
        let bad = stream.next().await;
        stream.refuse(&bad.nonce);
        stream.quiet().await;
        let (client, topic) = setting.client().await;
        assert_eq!(client["node"], json!({"id": "envoy-a", "cluster": "demo"}));
        assert_eq!(
            client["transport"],
            if setting.aggregated { "delta-ads" } else { "delta-grpc" }
        );
        assert_eq!(
            topic,
            json!({
                "wildcard": false,
                "names": ["a"],
                "version_intended": bad.system_version_info,
                "version_sent": bad.system_version_info,
                "version_acknowledged": good.system_version_info,
                "last_nack": {"version": bad.system_version_info, "code": 13, "message": "this will not do"},
            })
        );
        setting.put("a", 3).await;
        let whole = stream.taken(&["a"], &[]).await;
        stream.quiet().await;
        assert_eq!(
            setting.client().await.1["version_acknowledged"],
            whole.system_version_info
        );
    }
}

#[tokio::test]
async fn what_a_stale_nonce_says_is_ignored_and_what_it_wants_counts() {
    for setting in settings().await {
        setting.put("a", 1).await;
        setting.put("b", 1).await;
        let mut stream = Delta::open(&setting).await;
        stream.want(&["a"], &[]);
        stream.taken(&["a"], &[]).await;
        stream.send(DeltaDiscoveryRequest {
            response_nonce: "never-sent".to_owned(),
            error_detail: refusal(),
            resource_names_subscribe: vec!["b".to_owned()],
            ..Default::default()
        });
        stream.taken(&["b"], &[]).await;
        stream.quiet().await;
        assert_eq!(setting.client().await.1["last_nack"], json!(null));
    }
}

#[tokio::test]
async fn a_nodes_own_resources_come_before_those_for_all() {
    for setting in settings().await {
        setting.put("a", 1).await;
        let mut stream = Delta::open(&setting).await;
        stream.want(&["a"], &[]);
        let general = stream.taken(&["a"], &[]).await;
        setting.put("a?node_cluster=elsewhere", 2).await;
        stream.quiet().await;
        setting.put("a?node_cluster=demo", 3).await;
        stream.taken(&["a"], &[]).await;
        setting.delete("a?node_cluster=demo").await;
        assert_eq!(stream.taken(&["a"], &[]).await.resources, general.resources);
    }
}
