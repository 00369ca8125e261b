//! Clients that do not read, and a service that stops.

use std::time::{Duration, Instant};

use meshkat_kit::testing::{Binary, DEADLINE};
use reqwest::Method;
use sds::Store;
use serde_json::json;
use tonic::Code;
use tonic::transport::Endpoint;

use crate::client::{Delta, Sotw};
use crate::common::{ask, client, start};
use crate::setting::{Kind, Setting};

/// An assignment that is far larger than what a connection takes in unread.
pub(crate) async fn put_large(setting: &Setting, port: u16) {
    let host = |index: u32| json!({"ip_address": format!("10.{}.{}.{}", index >> 16, (index >> 8) & 255, index & 255), "port": port});
    let hosts: Vec<_> = (0..4000).map(host).collect();
    let body = json!({"hosts": hosts}).to_string();
    let (status, _) = ask(setting.sds.url("/edsservice/large"), Method::PUT, &body).await;
    assert!(status == 200 || status == 201);
}

async fn pushes(setting: &Setting) -> u64 {
    let text = client()
        .get(setting.sds.url("/metrics"))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let counts = text.lines().filter(|line| line.starts_with("sds_pushes_total{"));
    counts
        .map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap())
        .sum()
}

async fn endpoints() -> Setting {
    Setting {
        sds: start(Store::in_memory()).await,
        kind: Kind::Endpoints,
        aggregated: true,
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_costs_a_few_responses_and_then_gets_the_last() {
    const CHANGES: u16 = 30;
    let setting = endpoints().await;
    put_large(&setting, 1).await;
    let (mut sotw, mut delta) = (Sotw::open(&setting).await, Delta::open(&setting).await);
    sotw.send(&["large"], "", None);
    delta.want(&["large"], &[]);
    for port in 2..=CHANGES {
        put_large(&setting, port).await;
    }
    let made = pushes(&setting).await;
    assert!(
        made < u64::from(CHANGES) / 2,
        "{made} responses for {CHANGES} changes that nobody read"
    );

    let mut probe = Sotw::open(&setting).await;
    probe.send(&["large"], "", None);
    let last = probe.answer().await.1.resources;
    let begun = Instant::now();
    while sotw.answer().await.1.resources != last {
        assert!(begun.elapsed() < DEADLINE);
    }
    while delta.next().await.resources.remove(0).resource.as_ref() != last.first() {
        assert!(begun.elapsed() < DEADLINE);
    }
}

#[tokio::test]
async fn a_service_that_stops_ends_its_streams_at_once() {
    let binary = Binary::start(env!("CARGO_BIN_EXE_sds"), &[]);
    let channel = Endpoint::from_shared(binary.url("")).unwrap().connect().await.unwrap();
    let (send, requests) = futures::channel::mpsc::unbounded();
    let mut client = envoy_types::pb::envoy::service::discovery::v3::aggregated_discovery_service_client
        ::AggregatedDiscoveryServiceClient::new(channel);
    let mut responses = client.stream_aggregated_resources(requests).await.unwrap().into_inner();
    send.unbounded_send(envoy_types::pb::envoy::service::discovery::v3::DiscoveryRequest {
        type_url: Kind::Clusters.type_url(),
        ..Default::default()
    })
    .unwrap();
    responses.message().await.unwrap().unwrap();
    binary.terminate();
    let ended = tokio::time::timeout(DEADLINE, responses.message()).await.unwrap();
    assert_eq!(ended.unwrap_err().code(), Code::Unavailable);
    let (status, took) = binary.wait().await;
    assert_eq!(status.code(), Some(0));
    assert!(took < Duration::from_millis(800), "{took:?}");
}

#[tokio::test]
async fn an_aggregated_stream_has_to_say_its_type_and_may_not_make_up_types_without_end() {
    let setting = endpoints().await;
    let mut stream = Sotw::open(&setting).await;
    stream.type_url = String::new();
    stream.send(&["a"], "", None);
    assert_eq!(stream.ended().await.code(), Code::InvalidArgument);

    let mut stream = Sotw::open(&setting).await;
    for number in 0..65 {
        stream.type_url = format!("type.googleapis.com/made.Up{number}");
        stream.send(&["a"], "", None);
    }
    assert_eq!(stream.ended().await.code(), Code::InvalidArgument);
}
