//! Many connections that want nothing, and some that are slow on purpose: nobody else may notice. The real binary.

use std::time::Duration;

use envoy_types::pb::envoy::config::core::v3::Node;
use envoy_types::pb::envoy::service::discovery::v3::aggregated_discovery_service_client::AggregatedDiscoveryServiceClient;
use envoy_types::pb::envoy::service::discovery::v3::{DiscoveryRequest, DiscoveryResponse};
use futures::channel::mpsc::{UnboundedSender, unbounded};
use meshkat_kit::testing::{Binary, DEADLINE};
use reqwest::Client;
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tonic::Streaming;
use tonic::transport::Endpoint;

const BINARY: &str = env!("CARGO_BIN_EXE_sds");
const ENDPOINTS: &str = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment";
/// As little as HTTP/2 begins with.
const WINDOW: u32 = 65_535;

/// A stream that has asked for the endpoints of a service.
struct Stream {
    requests: UnboundedSender<DiscoveryRequest>,
    responses: Streaming<DiscoveryResponse>,
}

impl Stream {
    async fn open(binary: &Binary, service: &str) -> Self {
        let endpoint = Endpoint::from_shared(binary.url("")).unwrap();
        let endpoint = endpoint
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(WINDOW);
        let channel = endpoint.connect().await.unwrap();
        let (requests, receive) = unbounded();
        let mut client = AggregatedDiscoveryServiceClient::new(channel).max_decoding_message_size(usize::MAX);
        let responses = client.stream_aggregated_resources(receive).await.unwrap().into_inner();
        let stream = Self { requests, responses };
        stream.ask(service, "");
        stream
    }

    /// The same of a node of this name.
    async fn open_as(binary: &Binary, service: &str, node: &str) -> Self {
        let channel = Endpoint::from_shared(binary.url("")).unwrap().connect().await.unwrap();
        let (requests, receive) = unbounded();
        let request = DiscoveryRequest {
            node: Some(Node {
                id: node.to_owned(),
                ..Default::default()
            }),
            type_url: ENDPOINTS.to_owned(),
            resource_names: vec![service.to_owned()],
            ..Default::default()
        };
        requests.unbounded_send(request).unwrap();
        let mut client = AggregatedDiscoveryServiceClient::new(channel);
        let responses = client.stream_aggregated_resources(receive).await.unwrap().into_inner();
        Self { requests, responses }
    }

    fn ask(&self, service: &str, nonce: &str) {
        let request = DiscoveryRequest {
            type_url: ENDPOINTS.to_owned(),
            resource_names: vec![service.to_owned()],
            response_nonce: nonce.to_owned(),
            ..Default::default()
        };
        self.requests.unbounded_send(request).unwrap();
    }

    /// The next response, which is taken.
    async fn taken(&mut self, service: &str) -> DiscoveryResponse {
        let message = tokio::time::timeout(DEADLINE, self.responses.message());
        let response = message.await.expect("a response in time").unwrap().unwrap();
        self.ask(service, &response.nonce);
        response
    }
}

/// Connects anew each time, as somebody does who has nothing open yet.
fn client() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

async fn put(binary: &Binary, service: &str, hosts: u32, port: u16) {
    let host = |index: u32| json!({"ip_address": format!("10.0.{}.{}", index >> 8, index & 255), "port": port});
    let body = json!({"hosts": (0..hosts).map(host).collect::<Vec<_>>()}).to_string();
    let put = client().put(binary.url(&format!("/edsservice/{service}"))).body(body);
    assert!(put.send().await.unwrap().status().is_success());
}

/// The memory that a process has in use, in bytes.
fn resident(binary: &Binary) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", binary.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

#[tokio::test]
async fn idle_and_slow_connections_keep_nobody_waiting() {
    // With the limit of open files that a shell gives: the service has to raise it by itself.
    let binary = Binary::start_limited(BINARY, &[], 256);
    put(&binary, "pet", 1, 1).await;
    put(&binary, "large", 4000, 1).await;
    let mut healthy = Stream::open(&binary, "pet").await;
    healthy.taken("pet").await;

    let connect = async || TcpStream::connect(binary.address()).await.unwrap();
    let mut idle = Vec::new();
    for _ in 0..1000 {
        idle.push(connect().await);
    }
    // Half of them begin a head a byte at a time, the others a body.
    let mut slow = Vec::new();
    for number in 0..50 {
        slow.push(connect().await);
        if number % 2 == 0 {
            let head = b"PUT /edsservice/x HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n";
            slow[number].write_all(head).await.unwrap();
        }
    }
    let drip = async {
        loop {
            for stream in &mut slow {
                // Those whose time is over are closed.
                let _ = stream.write_all(b"x").await;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    // And these open a stream and never read what they are sent.
    let mut deaf = Vec::new();
    for _ in 0..50 {
        deaf.push(Stream::open(&binary, "large").await);
    }
    let work = async {
        for port in 2..=50 {
            put(&binary, "large", 4000, port).await;
            put(&binary, "pet", 1, port).await;
            let response = healthy.taken("pet").await;
            assert_eq!(response.resources.len(), 1);
            assert_eq!(client().get(binary.url("/healthz")).send().await.unwrap().status(), 200);
        }
    };
    tokio::select! {
        () = work => {}
        () = drip => {}
    }
    drop((idle, deaf));
}

/// What one stream that is never read may hold of what it is sent: the response that is written, once as the bytes that
/// wait for the window and once as it was put together; what tonic gathers before it writes (32 KiB); and the window that
/// HTTP/2 begins with, whose bytes are on their way.
fn held(response: u64) -> u64 {
    2 * response + (32 << 10) + u64::from(WINDOW)
}

#[tokio::test]
async fn a_client_that_never_reads_does_not_grow_memory() {
    const STREAMS: u64 = 40;
    const CHANGES: u16 = 2000;
    const HOSTS: u32 = 500;
    // Memory that is free again is used again, whichever thread wants some: what is in use is what is held.
    let binary = Binary::start_in(BINARY, &[], &[("MALLOC_ARENA_MAX", "1")]);
    put(&binary, "small", 1, 1).await;
    // Streams that are as any other at first.
    let mut deaf = Vec::new();
    for _ in 0..STREAMS {
        let mut stream = Stream::open(&binary, "small").await;
        stream.taken("small").await;
        deaf.push(stream);
    }
    // Until there is room for what a change needs for a moment, and more is not taken for it.
    for port in 1..200 {
        put(&binary, "large", HOSTS, port).await;
    }
    let before = resident(&binary);
    for stream in &deaf {
        stream.ask("large", "");
    }
    let mut grown = Vec::new();
    for port in 1..=CHANGES {
        put(&binary, "large", HOSTS, port).await;
        if port % (CHANGES / 4) == 0 {
            grown.push(resident(&binary).saturating_sub(before));
        }
    }
    let mut probe = Stream::open(&binary, "large").await;
    let response = probe.taken("large").await;
    let size = response.resources.iter().map(|any| any.value.len() as u64).sum();
    let bound = STREAMS * held(size);
    eprintln!(
        "{STREAMS} streams, {CHANGES} changes of {size} bytes: {grown:?} bytes more than {before}, at most {bound}"
    );
    assert!(grown.iter().all(|grown| *grown <= bound), "{grown:?}, and not {bound}");
}

#[tokio::test]
async fn a_stream_that_wants_too_many_names_ends_and_one_that_wants_many_is_served() {
    let binary = Binary::start(BINARY, &[]);
    put(&binary, "name-0", 1, 1).await;
    for (names, refused) in [(20_000_u16, false), (20_001, true)] {
        let mut stream = Stream::open(&binary, "name-0").await;
        let first = stream.taken("name-0").await;
        let request = DiscoveryRequest {
            type_url: ENDPOINTS.to_owned(),
            resource_names: (0..names).map(|name| format!("name-{name}")).collect(),
            response_nonce: first.nonce,
            ..Default::default()
        };
        stream.requests.unbounded_send(request).unwrap();
        // Only the first name is that of a service: what is new is told once it changes.
        put(&binary, "name-0", 1, names).await;
        let end = async {
            loop {
                match stream.responses.message().await {
                    Err(status) => return Some(status.message().to_owned()),
                    Ok(Some(response)) if format!("{response:?}").contains(&first.version_info) => {}
                    Ok(_) if refused => {}
                    Ok(_) => return None,
                }
            }
        };
        let end = tokio::time::timeout(DEADLINE, end).await.unwrap();
        assert_eq!(
            end.is_some_and(|told| told.contains("20000 names")),
            refused,
            "{names} names"
        );
    }
}

#[tokio::test]
async fn a_head_that_no_envoy_has_is_refused() {
    let binary = Binary::start(BINARY, &[]);
    let client = client();
    let ask = async |filler: usize| {
        let request = client
            .get(binary.url("/edsservice"))
            .header("x-filler", "a".repeat(filler));
        request.send().await.map(|answer| answer.status().as_u16())
    };
    assert_eq!(ask(14 << 10).await.unwrap(), 200);
    // It may be cut off before it has sent all of it.
    let answer = ask(200 << 10).await;
    assert!(answer.as_ref().is_err() || answer.is_ok_and(|status| status == 431));
}

#[tokio::test]
async fn what_a_client_calls_itself_and_what_it_asks_for_takes_no_memory() {
    const LONG: usize = 1 << 20;
    let binary = Binary::start(BINARY, &[]);
    let before = resident(&binary);
    let long = "x".repeat(LONG);
    // Types that nobody serves.
    let stream = Stream::open(&binary, "pet").await;
    let mut responses = stream.responses;
    let request = DiscoveryRequest {
        type_url: format!("type.googleapis.com/{long}"),
        ..Default::default()
    };
    stream.requests.unbounded_send(request).unwrap();
    let status = loop {
        // What it asked for before it may be answered first.
        let answer = tokio::time::timeout(DEADLINE, responses.message()).await.unwrap();
        if let Err(status) = answer {
            break status;
        }
    };
    assert!(
        status.message().contains("type_url: it has more than 256 bytes"),
        "{status}"
    );
    // Names of nodes, on streams and in polls, and what is refused.
    let mut streams = Vec::new();
    for number in 0..50 {
        let stream = Stream::open_as(&binary, "pet", &format!("{number}{long}")).await;
        streams.push(stream);
    }
    let client = client();
    for number in 0..50 {
        let node = format!("{number}{}", &long[..LONG / 5]);
        let poll = json!({
            "node": {"id": node, "cluster": node}, "resource_names": [], "version_info": node,
            "error_detail": {"code": 3, "message": node}
        });
        let poll = client
            .post(binary.url("/v3/discovery:endpoints"))
            .body(poll.to_string());
        assert_eq!(poll.send().await.unwrap().status(), 200);
    }
    let names: Vec<String> = (0..20_001).map(|name| name.to_string()).collect();
    let poll = client.post(binary.url("/v3/discovery:endpoints"));
    let poll = poll.body(json!({ "resource_names": names }).to_string());
    assert_eq!(poll.send().await.unwrap().status(), 400);
    let clients = client
        .get(binary.url("/xds/v3/clients"))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(clients.len() < 1 << 20, "{} bytes are told of them", clients.len());
    let now = resident(&binary);
    assert!(now < before + (60 << 20), "{before} bytes before, {now} bytes now");
    drop(streams);
}
