//! The client against a real discovery service.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use meshkat_discovery::{DiscoveryClient, DiscoveryError, Host, Kind, Node, Service};
use meshkat_kit::{Guard, Identity, Token, testing::Running};
use sds::{Options, Store};
use serde_json::json;

const LIMIT: Duration = Duration::from_secs(10);
const TOKEN: &str = "0123456789abcdef0123456789abcdef";

async fn start(token: Option<&str>) -> (Running, DiscoveryClient) {
    let identity = Identity::new("sds", "sds-1").unwrap();
    let identity = match token {
        Some(token) => identity.guarded(Guard::of_token(Token::new(token).unwrap())),
        None => identity,
    };
    let options = Options { allow_faults: true };
    let store = Arc::new(Store::in_memory());
    let sds = Running::start(|listener, shutdown| sds::run_with(listener, identity, store, options, shutdown)).await;
    let client = DiscoveryClient::new(sds.address(), LIMIT).unwrap();
    (sds, client)
}

fn host(last: u8) -> Host {
    Host::new(SocketAddr::from((Ipv4Addr::new(10, 0, 0, last), 10_000)))
}

#[tokio::test]
async fn services_are_put_told_replaced_and_deleted() {
    let (_sds, client) = start(None).await;
    client.ready().await.unwrap();
    assert_eq!(client.service("pet").await.unwrap(), None);
    let mut heavy = host(2);
    heavy.tags.load_balancing_weight = Some(7);
    let pets: Service = [host(1), heavy].into_iter().collect();
    client.put_service("pet", &pets).await.unwrap();
    let told = client.service("pet").await.unwrap().unwrap();
    let of = |host: &Host| (host.socket(), host.tags.load_balancing_weight);
    let expected = [(host(1).socket(), Some(1)), (host(2).socket(), Some(7))];
    assert_eq!(told.hosts.iter().map(of).collect::<Vec<_>>(), expected);
    client.put_service("pet", &Service::default()).await.unwrap();
    let services = client.services().await.unwrap();
    assert_eq!(
        services.into_iter().collect::<Vec<_>>(),
        [("pet".to_owned(), Service::default())]
    );
    client.delete_service("pet").await.unwrap();
    assert!(client.services().await.unwrap().is_empty());
    assert!(client.metrics().await.unwrap().contains("sds_registry_changes_total"));
}

#[tokio::test]
async fn resources_are_put_polled_and_deleted_and_who_polled_is_told() {
    let (_sds, client) = start(None).await;
    let resource = |timeout: &str| json!({"name": "a/b ?", "connect_timeout": timeout});
    client
        .put_resource(Kind::Clusters, "a/b ?", None, &resource("1s"))
        .await
        .unwrap();
    client
        .put_resource(Kind::Clusters, "a/b ?", Some("shop"), &resource("2s"))
        .await
        .unwrap();
    let poll = async |cluster: &str| {
        let node = Node {
            id: format!("of-{cluster}"),
            cluster: cluster.to_owned(),
        };
        client.poll(&node, Kind::Clusters, &["a/b ?"]).await.unwrap()
    };
    assert_eq!(poll("other").await.resources[0]["connect_timeout"], "1s");
    let told = poll("shop").await;
    assert_eq!(told.resources[0]["connect_timeout"], "2s");
    client
        .delete_resource(Kind::Clusters, "a/b ?", Some("shop"))
        .await
        .unwrap();
    assert_eq!(poll("shop").await.resources[0]["connect_timeout"], "1s");

    let clients = client.clients().await.unwrap();
    assert_eq!(clients.node_cluster("of-shop"), Some("shop"));
    let [polled] = &*clients
        .clients
        .iter()
        .filter(|client| client.node.id == "of-other")
        .collect::<Vec<_>>()
    else {
        panic!("{clients:?}");
    };
    let progress = &polled.types["clusters"];
    assert_eq!(
        (&*polled.transport, &progress.names),
        ("rest", &vec!["a/b ?".to_owned()])
    );
    assert_eq!(progress.version_sent.as_ref(), Some(&progress.version_intended));
}

#[tokio::test]
async fn faults_begin_and_end() {
    let (_sds, client) = start(None).await;
    assert!(client.fault().await.unwrap().is_empty());
    client.put_fault(&json!({"refuse": 503})).await.unwrap();
    assert_eq!(client.fault().await.unwrap()["refuse"], 503);
    let refused = client.poll(&Node::default(), Kind::Endpoints, &[]).await.unwrap_err();
    assert!(
        matches!(&refused, DiscoveryError::Refused { status, .. } if status.as_u16() == 503),
        "{refused}"
    );
    client.delete_fault().await.unwrap();
    client.poll(&Node::default(), Kind::Endpoints, &[]).await.unwrap();
}

#[tokio::test]
async fn only_who_has_the_token_changes_anything() {
    let (_sds, client) = start(Some(TOKEN)).await;
    let refused = client.put_service("pet", &Service::default()).await.unwrap_err();
    assert!(
        refused
            .to_string()
            .starts_with("failed to PUT `pet` in the registry: sds answered 401"),
        "{refused}"
    );
    assert!(refused.help().is_some_and(|help| help.contains("token")));
    let client = client.authorized(Some(&format!("Bearer {TOKEN}")));
    client.put_service("pet", &Service::default()).await.unwrap();
    client.put_fault(&json!({"refuse": 503})).await.unwrap();
    client.delete_fault().await.unwrap();
    client.delete_service("pet").await.unwrap();
}

#[tokio::test]
async fn what_is_not_done_is_told_with_its_cause_and_a_way_out() {
    let (sds, client) = start(None).await;
    let unknown = client.delete_service("pet").await.unwrap_err();
    let told = "failed to DELETE `pet` in the registry: sds answered 404 Not Found: ";
    assert!(unknown.to_string().starts_with(told), "{unknown}");
    let odd = client
        .put_resource(Kind::Routes, "r", None, &json!({"nme": "r"}))
        .await
        .unwrap_err();
    assert!(
        odd.to_string()
            .starts_with("failed to PUT `r` among the routes: sds answered 400"),
        "{odd}"
    );
    assert!(odd.to_string().contains("nme"), "{odd}");

    let address = sds.address();
    sds.stop().await.unwrap().unwrap();
    let gone = client.clients().await.unwrap_err();
    let told = format!("failed to ask sds at {address}: sds cannot be reached (");
    assert!(gone.to_string().starts_with(&told), "{gone}");
    assert!(gone.to_string().contains("refused"), "{gone}");
    assert!(std::error::Error::source(&gone).is_some() && gone.help().is_some());
}

/// Somebody who takes the connection and says nothing, or no JSON.
#[tokio::test]
async fn silence_and_nonsense_are_told_apart() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = DiscoveryClient::new(silent.local_addr().unwrap(), Duration::from_millis(50)).unwrap();
    let late = client.services().await.unwrap_err();
    assert!(
        late.to_string().ends_with("sds cannot be reached (no answer in time)"),
        "{late}"
    );

    let (sds, _client) = start(None).await;
    let answer = reqwest::Client::builder().no_proxy().build().unwrap();
    let client = DiscoveryClient::with_client(sds.address(), answer);
    client.put_fault(&json!({"garbage": true})).await.unwrap();
    let odd = client.poll(&Node::default(), Kind::Clusters, &[]).await.unwrap_err();
    assert!(matches!(odd, DiscoveryError::Unreadable { .. }), "{odd}");
}
