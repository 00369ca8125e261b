//! Answers that are not the truth: one response when it begins, one when it ends, and none in between.

use prost::Message as _;
use serde_json::{Value, json};

use super::{begin, end, poll, polled, settings, struck, subscribed, transport, whole};
use crate::client::{name_of, refusal};
use crate::setting::{Kind, Setting};
use envoy_types::pb::envoy::config::cluster::v3::Cluster;
use envoy_types::pb::envoy::config::endpoint::v3::ClusterLoadAssignment;
use envoy_types::pb::envoy::config::listener::v3::Listener;
use envoy_types::pb::envoy::config::route::v3::RouteConfiguration;
use envoy_types::pb::envoy::service::discovery::v3::DeltaDiscoveryRequest;
use envoy_types::pb::google::protobuf::Any;

fn parses(kind: Kind, any: &Any) -> bool {
    match kind {
        Kind::Clusters => Cluster::decode(&*any.value).is_ok(),
        Kind::Endpoints => ClusterLoadAssignment::decode(&*any.value).is_ok(),
        Kind::Listeners => Listener::decode(&*any.value).is_ok(),
        Kind::Routes => RouteConfiguration::decode(&*any.value).is_ok(),
    }
}

/// Both variants are told something else once, refuse it, are told of a change, refuse that, and get the truth.
async fn refused(setting: &Setting, kind: &str, fault: Value, check: impl Fn(&Any)) {
    setting.put("a", 1).await;
    let (mut sotw, mut delta) = subscribed(setting).await;
    let truth = polled(setting).await["version_info"].clone();
    begin(setting, fault).await;
    let mut versions = vec![truth.clone()];
    for content in [1, 2] {
        if content == 2 {
            setting.put("a", 2).await;
        }
        let response = sotw.next().await;
        check(&response.resources[0]);
        assert!(!versions.contains(&json!(response.version_info)));
        sotw.send(&["a"], &response.nonce, refusal());
        sotw.quiet().await;
        let then = delta.next().await;
        assert_eq!((&*then.resources[0].name, then.removed_resources.len()), ("a", 0));
        check(then.resources[0].resource.as_ref().unwrap());
        delta.send(DeltaDiscoveryRequest {
            response_nonce: then.nonce,
            error_detail: refusal(),
            ..Default::default()
        });
        delta.quiet().await;
        assert_eq!(then.system_version_info, response.version_info);
        versions.push(json!(response.version_info));
    }
    for delta in [false, true] {
        assert_eq!(struck(setting, kind, transport(setting, delta)).await, 2);
    }
    end(setting).await;
    whole(setting, &mut sotw, &mut delta).await;
    setting.put("a", 1).await;
    assert_eq!(polled(setting).await["version_info"], truth);
    whole(setting, &mut sotw, &mut delta).await;
}

#[tokio::test]
async fn garbage_does_not_parse() {
    for setting in settings().await {
        let kind = setting.kind;
        refused(&setting, "Garbage", json!({"garbage": true}), |any| {
            assert_eq!(any.type_url, kind.type_url());
            assert!(!parses(kind, any));
        })
        .await;
        begin(&setting, json!({"garbage": true})).await;
        let (status, body) = poll(&setting).await.unwrap();
        assert_eq!(status, 200);
        assert!(serde_json::from_str::<Value>(&body).is_err(), "{body}");
        assert_eq!(struck(&setting, "Garbage", "Rest").await, 1);
    }
}

#[tokio::test]
async fn what_is_invalid_parses_and_keeps_its_name() {
    for setting in settings().await {
        let kind = setting.kind;
        refused(&setting, "Invalid", json!({"invalid": true}), |any| {
            assert_eq!(name_of(any), "a");
            assert!(parses(kind, any));
        })
        .await;
        let truth = polled(&setting).await;
        begin(&setting, json!({"invalid": true})).await;
        let told = polled(&setting).await;
        let resource = &told["resources"][0];
        assert_ne!(told["version_info"], truth["version_info"]);
        let broken = match kind {
            Kind::Clusters => ("/connect_timeout", json!("0s")),
            Kind::Endpoints => ("/endpoints/1/priority", json!(129)),
            Kind::Listeners => ("/connection_balance_config", json!({})),
            Kind::Routes => ("/virtual_hosts/0/name", json!("invalid-on-purpose")),
        };
        assert_eq!(resource.pointer(broken.0), Some(&broken.1), "{resource}");
    }
}

#[tokio::test]
async fn empty_keeps_the_names_of_endpoints_and_withdraws_everything_else() {
    for setting in settings().await {
        setting.put("a", 1).await;
        let (mut sotw, mut delta) = subscribed(&setting).await;
        begin(&setting, json!({"empty": true})).await;
        let told = polled(&setting).await;
        if setting.kind == Kind::Endpoints {
            let nothing = ClusterLoadAssignment {
                cluster_name: "a".to_owned(),
                ..Default::default()
            };
            let (names, response) = sotw.answer().await;
            assert_eq!(names, ["a"]);
            assert_eq!(response.resources[0].value, nothing.encode_to_vec());
            sotw.send(&["a"], &response.nonce, None);
            let response = delta.taken(&["a"], &[]).await;
            let any = response.resources[0].resource.as_ref().unwrap();
            assert_eq!(any.value, nothing.encode_to_vec());
            assert_eq!(told["resources"], json!([{"@type": any.type_url, "cluster_name": "a"}]));
            // There is nothing else to tell of a change.
            setting.put("a", 2).await;
        } else {
            if setting.kind.is_whole() {
                sotw.taken(&["a"], &[]).await;
            }
            delta.taken(&[], &["a"]).await;
            assert_eq!(told["resources"], json!([]));
            setting.put("a", 2).await;
        }
        sotw.quiet().await;
        delta.quiet().await;
        end(&setting).await;
        whole(&setting, &mut sotw, &mut delta).await;
    }
}

/// A stream that begins in a fault is told the same as one that was there before.
#[tokio::test]
async fn a_new_stream_is_lied_to_as_well() {
    for setting in settings().await {
        setting.put("a", 1).await;
        begin(&setting, json!({"garbage": true})).await;
        let mut sotw = crate::client::Sotw::open(&setting).await;
        sotw.send(&["a"], "", None);
        let response = sotw.next().await;
        assert!(!parses(setting.kind, &response.resources[0]));
        let mut delta = crate::client::Delta::open(&setting).await;
        delta.want(&["a"], &[]);
        let response = delta.next().await;
        assert!(!parses(setting.kind, response.resources[0].resource.as_ref().unwrap()));
        end(&setting).await;
        whole(&setting, &mut sotw, &mut delta).await;
    }
}
