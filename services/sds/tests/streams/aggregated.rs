//! Several types on one stream, and types that a stream does not serve.

use envoy_types::pb::envoy::service::discovery::v3::{DeltaDiscoveryRequest, DiscoveryRequest};
use envoy_types::pb::envoy::service::endpoint::v3::endpoint_discovery_service_client::EndpointDiscoveryServiceClient;
use sds::Store;

use crate::client::{Delta, Sotw, name_of};
use crate::common::start;
use crate::load::put_large;
use crate::setting::{Kind, Setting, settings};

/// A server, and an aggregated stream.
async fn aggregated() -> Setting {
    Setting {
        sds: start(Store::in_memory()).await,
        kind: Kind::Clusters,
        aggregated: true,
    }
}

impl Setting {
    /// The same server, spoken to about another type.
    fn about(&mut self, kind: Kind) -> &Self {
        self.kind = kind;
        self
    }
}

#[tokio::test]
async fn each_type_has_its_own_subscription_version_and_order() {
    let mut setting = aggregated().await;
    for kind in Kind::ALL {
        setting.about(kind).put("a", 1).await;
    }
    let mut sotw = Sotw::open(&setting).await;
    let mut delta = Delta::open(&setting).await;
    let (mut nonces, mut versions) = (Vec::new(), Vec::new());
    for kind in Kind::ALL.into_iter().rev() {
        sotw.type_url = kind.type_url();
        sotw.send(&["a"], "", None);
        let (names, response) = sotw.answer().await;
        assert_eq!(names, ["a"]);
        sotw.send(&["a"], &response.nonce, None);
        nonces.push(response.nonce);
        versions.push(response.version_info);
        delta.type_url = kind.type_url();
        delta.want(&["a"], &[]);
        nonces.push(delta.taken(&["a"], &[]).await.nonce);
    }
    nonces.sort();
    nonces.dedup();
    assert_eq!(nonces.len(), 8);
    for (index, kind) in Kind::ALL.into_iter().enumerate() {
        setting.about(kind).put("a", 2).await;
        sotw.type_url = kind.type_url();
        let (_, response) = sotw.answer().await;
        assert_ne!(response.version_info, versions[3 - index]);
        // The ACK of another type says nothing of this one.
        let own = std::mem::replace(&mut sotw.type_url, Kind::ALL[(index + 1) % 4].type_url());
        sotw.send(&[], &response.nonce, None);
        sotw.type_url = own;
        sotw.send(&["a"], &response.nonce, None);
        sotw.quiet().await;
        delta.type_url = kind.type_url();
        delta.taken(&["a"], &[]).await;
        delta.quiet().await;
    }
}

/// Makes what points at a cluster point at another, and takes the first away, while a client does not read.
async fn repoint(setting: &mut Setting) {
    // Far more than a connection takes in unread, so that what comes after it comes as one change.
    for port in 1..4 {
        put_large(setting, port).await;
    }
    setting.about(Kind::Routes).put("to", 2).await;
    setting.about(Kind::Listeners).put("in", 2).await;
    setting.about(Kind::Clusters).put("new", 1).await;
    setting.about(Kind::Clusters).delete("old").await;
    setting.about(Kind::Clusters).put("last", 1).await;
}

async fn pointing() -> Setting {
    let mut setting = aggregated().await;
    put_large(&setting, 9).await;
    for (kind, name) in [(Kind::Clusters, "old"), (Kind::Listeners, "in"), (Kind::Routes, "to")] {
        setting.about(kind).put(name, 1).await;
    }
    setting
}

const POINTING: [(Kind, &str); 4] = [
    (Kind::Clusters, "*"),
    (Kind::Endpoints, "large"),
    (Kind::Listeners, "in"),
    (Kind::Routes, "to"),
];

#[tokio::test]
async fn what_is_pointed_at_comes_first_and_goes_last() {
    let mut setting = pointing().await;
    let mut stream = Sotw::open(&setting).await;
    for (kind, name) in POINTING {
        stream.type_url = kind.type_url();
        stream.send(&[name], "", None);
        stream.answer().await;
    }
    repoint(&mut setting).await;
    let (mut pointed, mut is_over) = (0, false);
    while !is_over {
        let response = stream.next().await;
        let names: Vec<_> = response.resources.iter().map(name_of).collect();
        if response.type_url == Kind::Clusters.type_url() {
            let has = |name: &str| names.iter().any(|found| found == name);
            assert!(has("old") || pointed == 2, "it went too early: {names:?}");
            is_over = has("last") && !has("old");
        } else if response.type_url != Kind::Endpoints.type_url() {
            pointed += 1;
        }
    }
    assert_eq!(pointed, 2);
}

#[tokio::test]
async fn what_is_pointed_at_comes_first_and_goes_last_in_delta() {
    let mut setting = pointing().await;
    let mut stream = Delta::open(&setting).await;
    for (kind, name) in POINTING {
        stream.type_url = kind.type_url();
        stream.want(&[name], &[]);
        stream.next().await;
    }
    repoint(&mut setting).await;
    let (mut pointed, mut has_new, mut is_gone) = (0, false, false);
    while pointed < 2 || !has_new || !is_gone {
        let response = stream.next().await;
        if response.type_url == Kind::Clusters.type_url() {
            has_new |= response.resources.iter().any(|resource| resource.name == "last");
            is_gone |= response.removed_resources == ["old"];
            assert!(!is_gone || pointed == 2, "it went too early");
        } else if response.type_url != Kind::Endpoints.type_url() {
            pointed += 1;
        }
    }
}

#[tokio::test]
async fn a_type_that_is_not_served_is_answered_with_nothing() {
    for setting in settings().await {
        let other = if setting.kind == Kind::Clusters {
            Kind::Routes
        } else {
            Kind::Clusters
        };
        setting.put("a", 1).await;
        let mut types = vec!["type.googleapis.com/envoy.service.runtime.v3.Runtime".to_owned()];
        if !setting.aggregated {
            types.push(other.type_url());
        }
        let (mut sotw, mut delta) = (Sotw::open(&setting).await, Delta::open(&setting).await);
        for type_url in types {
            sotw.type_url.clone_from(&type_url);
            sotw.send(&["a"], "", None);
            let nonce = sotw.taken(&["a"], &[]).await;
            sotw.send(&["a"], &nonce, None);
            sotw.quiet().await;
            delta.type_url = type_url;
            delta.want(&["a"], &[]);
            delta.taken(&[], &["a"]).await;
            delta.quiet().await;
        }
        // The stream goes on.
        sotw.type_url = setting.kind.type_url();
        sotw.send(&["a"], "", None);
        sotw.taken(&["a"], &["a"]).await;
        delta.type_url = setting.kind.type_url();
        delta.want(&["a"], &[]);
        delta.taken(&["a"], &[]).await;
    }
}

#[tokio::test]
async fn a_stream_of_one_type_need_not_be_told_it() {
    for setting in settings().await.into_iter().filter(|setting| !setting.aggregated) {
        setting.put("a", 1).await;
        let mut sotw = Sotw::open(&setting).await;
        sotw.raw(DiscoveryRequest {
            resource_names: vec!["a".to_owned()],
            ..Default::default()
        });
        sotw.taken(&["a"], &["a"]).await;
        let mut delta = Delta::open(&setting).await;
        delta.raw(DeltaDiscoveryRequest {
            resource_names_subscribe: vec!["a".to_owned()],
            ..Default::default()
        });
        delta.taken(&["a"], &[]).await;
    }
}

#[tokio::test]
async fn a_fetch_is_one_question_and_one_answer() {
    let mut setting = aggregated().await;
    setting.about(Kind::Endpoints).put("a", 1).await;
    let mut client = EndpointDiscoveryServiceClient::connect(setting.sds.url(""))
        .await
        .unwrap();
    let mut ask = async |type_url: &str, name: &str| {
        let request = DiscoveryRequest {
            type_url: type_url.to_owned(),
            resource_names: vec![name.to_owned()],
            ..Default::default()
        };
        client.fetch_endpoints(request).await.map(tonic::Response::into_inner)
    };
    let found = ask("", "a").await.unwrap();
    assert_eq!(found.resources.iter().map(name_of).collect::<Vec<_>>(), ["a"]);
    assert_eq!(ask(&Kind::Endpoints.type_url(), "missing").await.unwrap().resources, []);
    assert_eq!(ask(&Kind::Clusters.type_url(), "a").await.unwrap().resources, []);
}

#[tokio::test]
async fn a_stream_of_one_type_has_nothing_of_another() {
    let mut setting = aggregated().await;
    setting.aggregated = false;
    setting.about(Kind::Clusters).put("a", 1).await;
    setting.about(Kind::Endpoints).put("a", 1).await;
    let mut sotw = Sotw::open(&setting).await;
    sotw.type_url = Kind::Clusters.type_url();
    sotw.send(&["a"], "", None);
    let (names, response) = sotw.answer().await;
    assert_eq!((names, response.type_url), (Vec::new(), Kind::Clusters.type_url()));
    let mut delta = Delta::open(&setting).await;
    delta.type_url = Kind::Clusters.type_url();
    delta.want(&["a"], &[]);
    let response = delta.taken(&[], &["a"]).await;
    assert_eq!(response.type_url, Kind::Clusters.type_url());
    // And its own it has all the same.
    sotw.type_url = Kind::Endpoints.type_url();
    sotw.send(&["a"], "", None);
    assert_eq!(sotw.answer().await.0, ["a"]);
    delta.type_url = Kind::Endpoints.type_url();
    delta.want(&["a"], &[]);
    delta.taken(&["a"], &[]).await;
}
