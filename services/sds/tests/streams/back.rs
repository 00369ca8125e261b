//! Clients that come back on another stream.

use std::collections::HashMap;

use envoy_types::pb::envoy::service::discovery::v3::DeltaDiscoveryRequest;

use serde_json::json;

use crate::client::{Delta, Sotw};
use crate::setting::settings;

#[tokio::test]
async fn a_client_that_comes_back_is_answered_whatever_it_says_it_has() {
    for setting in settings().await {
        setting.put("a", 1).await;
        let mut stream = Sotw::open(&setting).await;
        stream.send(&["a"], "", None);
        let (_, before) = stream.answer().await;
        for (version, nonce) in [(&*before.version_info, &*before.nonce), ("7", "of-another"), ("", "")] {
            let mut stream = Sotw::open(&setting).await;
            stream.send_with_version(&["a"], version, nonce);
            let (names, response) = stream.answer().await;
            assert_eq!(names, ["a"]);
            assert_eq!(response.version_info, before.version_info);
            assert_ne!(response.nonce, before.nonce);
            stream.send(&["a"], &response.nonce, None);
            stream.quiet().await;
        }
    }
}

#[tokio::test]
async fn a_client_that_comes_back_is_told_only_what_it_does_not_have() {
    for setting in settings().await {
        for name in ["changed", "gone", "same"] {
            setting.put(name, 1).await;
        }
        let mut stream = Delta::open(&setting).await;
        let names = ["changed", "gone", "new", "same"];
        stream.want(&names, &[]);
        let response = stream.taken(&["changed", "gone", "same"], &["new"]).await;
        drop(stream);
        setting.put("changed", 2).await;
        setting.delete("gone").await;
        setting.put("new", 1).await;

        let versions = response
            .resources
            .into_iter()
            .map(|resource| (resource.name, resource.version));
        let mut versions: HashMap<_, _> = versions.collect();
        let back = |names: &[&str], versions: &HashMap<String, String>| DeltaDiscoveryRequest {
            resource_names_subscribe: names.iter().map(|&name| name.to_owned()).collect(),
            initial_resource_versions: versions.clone(),
            ..Default::default()
        };
        for names in [&names[..], &["*"]] {
            let mut stream = Delta::open(&setting).await;
            stream.send(back(names, &versions));
            stream.taken(&["changed", "new"], &["gone"]).await;
            stream.quiet().await;
        }
        versions.retain(|name, _| name == "same");
        let mut stream = Delta::open(&setting).await;
        stream.send(back(&["same"], &versions));
        stream.quiet().await;
        setting.put("same", 2).await;
        stream.taken(&["same"], &[]).await;
        versions.insert("same".to_owned(), "of another server".to_owned());
        let mut stream = Delta::open(&setting).await;
        stream.send(back(&["same"], &versions));
        stream.taken(&["same"], &[]).await;
    }
}

#[tokio::test]
async fn a_client_that_comes_back_with_everything_is_told_nothing_and_seen_to_be_whole() {
    for setting in settings().await {
        setting.put("a", 1).await;
        let mut stream = Delta::open(&setting).await;
        stream.want(&["a"], &[]);
        let before = stream.taken(&["a"], &[]).await;
        drop(stream);
        let mut stream = Delta::open(&setting).await;
        stream.send(DeltaDiscoveryRequest {
            resource_names_subscribe: vec!["a".to_owned()],
            initial_resource_versions: [("a".to_owned(), before.resources[0].version.clone())].into(),
            // Of the stream that is gone.
            response_nonce: before.nonce,
            ..Default::default()
        });
        stream.quiet().await;
        let (_, topic) = setting.youngest_client().await;
        assert_eq!(topic["version_intended"], before.system_version_info);
        assert_eq!(topic["version_sent"], before.system_version_info);
        assert_eq!(topic["version_acknowledged"], before.system_version_info);
        // What came with no version is sent again, and what is not wanted is not spoken of.
        let mut stream = Delta::open(&setting).await;
        stream.send(DeltaDiscoveryRequest {
            resource_names_subscribe: vec!["a".to_owned()],
            initial_resource_versions: [("b".to_owned(), "1".to_owned()), ("a".to_owned(), String::new())].into(),
            ..Default::default()
        });
        stream.taken(&["a"], &[]).await;
        stream.quiet().await;
    }
}

#[tokio::test]
async fn a_client_that_comes_back_from_another_server_is_told_what_is_not_here() {
    for setting in settings().await {
        let mut stream = Delta::open(&setting).await;
        stream.send(DeltaDiscoveryRequest {
            resource_names_subscribe: vec!["*".to_owned()],
            initial_resource_versions: [("a".to_owned(), "of another server".to_owned())].into(),
            ..Default::default()
        });
        stream.taken(&[], &["a"]).await;
        // A nonce of another stream, with the number of one that waits for its answer, answers nothing on this one.
        setting.put("b", 1).await;
        let own = stream.next().await.nonce;
        let number = own.split_once('-').unwrap().1;
        stream.refuse(&format!("0-{number}"));
        stream.quiet().await;
        assert_eq!(setting.client().await.1["last_nack"], json!(null));
        stream.refuse(&own);
        stream.quiet().await;
        assert_ne!(setting.client().await.1["last_nack"], json!(null));
    }
}
