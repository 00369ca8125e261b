//! Two thousand clients that mean it ill, of every kind, and a hundred that mean well. The real binary.

use std::time::{Duration, Instant};

use envoy_types::pb::envoy::service::discovery::v3::aggregated_discovery_service_client::AggregatedDiscoveryServiceClient;
use envoy_types::pb::envoy::service::discovery::v3::{DiscoveryRequest, DiscoveryResponse};
use futures::channel::mpsc::{UnboundedSender, unbounded};
use futures::future::join_all;
use meshkat_kit::MOST_CONNECTIONS;
use meshkat_kit::testing::Binary;
use meshkat_kit::testing::siege::{Kind, Siege};
use reqwest::Client;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tonic::Streaming;
use tonic::transport::Endpoint;

const BINARY: &str = env!("CARGO_BIN_EXE_sds");
const ENDPOINTS: &str = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment";
const GOOD: usize = 100;
const HOSTILE: usize = 2000;
const CHANGES: u16 = 10;
const NEWCOMERS: usize = 5;
const MB: u64 = 1 << 20;
/// 125 to 149 MB were measured, with a build for tests, and 150 are the goal, which `just bench --only xds-hostile` is held against.
/// How many of them hold all that they may in one moment is up to chance, so this fails only for what is more than that.
const MOST_MEMORY: u64 = 192 * MB;
/// How long anything may take here: how soon it is done is not what is asked.
const PATIENCE: Duration = Duration::from_secs(120);

struct Stream {
    requests: UnboundedSender<DiscoveryRequest>,
    responses: Streaming<DiscoveryResponse>,
}

impl Stream {
    async fn open(binary: &Binary) -> Self {
        let channel = Endpoint::from_shared(binary.url("")).unwrap().connect().await.unwrap();
        let (requests, receive) = unbounded();
        let mut client = AggregatedDiscoveryServiceClient::new(channel);
        let responses = client.stream_aggregated_resources(receive).await.unwrap().into_inner();
        let mut stream = Self { requests, responses };
        stream.ask("");
        stream.taken().await;
        stream
    }

    fn ask(&self, nonce: &str) {
        let request = DiscoveryRequest {
            type_url: ENDPOINTS.to_owned(),
            resource_names: vec!["pet".to_owned()],
            response_nonce: nonce.to_owned(),
            ..Default::default()
        };
        self.requests.unbounded_send(request).unwrap();
    }

    /// The next response, which is taken.
    async fn taken(&mut self) -> DiscoveryResponse {
        let message = tokio::time::timeout(PATIENCE, self.responses.message());
        let response = message.await.expect("a response in time").unwrap().unwrap();
        self.ask(&response.nonce);
        response
    }

    /// Takes responses until there is one with this port.
    async fn until(&mut self, port: u16) {
        loop {
            let response = self.taken().await;
            if format!("{:?}", assignment(&response)).contains(&format!("PortValue({port})")) {
                return;
            }
        }
    }
}

fn assignment(response: &DiscoveryResponse) -> envoy_types::pb::envoy::config::endpoint::v3::ClusterLoadAssignment {
    prost::Message::decode(&*response.resources[0].value).unwrap()
}

async fn put(client: &Client, binary: &Binary, port: u16) {
    let body = json!({"hosts": [{"ip_address": "10.0.0.1", "port": port}]}).to_string();
    let put = client.put(binary.url("/edsservice/pet")).body(body);
    assert!(put.send().await.unwrap().status().is_success());
}

/// The memory that a process has in use, in bytes.
fn resident(binary: &Binary) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", binary.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

fn open_files(binary: &Binary) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", binary.id())).unwrap().count()
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn allow_many_files() {
    let limit = getrlimit(Resource::Nofile).maximum;
    let raised = Rlimit {
        current: limit,
        maximum: limit,
    };
    setrlimit(Resource::Nofile, raised).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_means_well_is_served_amid_many_who_do_not() {
    allow_many_files();
    let binary = Binary::start(BINARY, &[]);
    let client = Client::builder().no_proxy().build().unwrap();
    put(&client, &binary, 1).await;
    let mut good = Vec::new();
    for _ in 0..GOOD {
        good.push(Stream::open(&binary).await);
    }
    let before = resident(&binary);

    let siege = Siege::begin(binary.address(), HOSTILE, &Kind::ALL);
    until("all have come", || siege.connects() >= HOSTILE as u64).await;
    let (mut most, mut files) = (0, 0);
    for port in 2..=CHANGES {
        put(&client, &binary, port).await;
        join_all(good.iter_mut().map(|stream| stream.until(port))).await;
        most = most.max(resident(&binary));
        files = files.max(open_files(&binary));
    }
    // Who comes now is a stranger like them, and from the same address.
    for _ in 0..NEWCOMERS {
        good.push(Stream::open(&binary).await);
        most = most.max(resident(&binary));
    }
    let connects = siege.connects();
    siege.end().await;
    eprintln!("{before} bytes before, {most} at the most, {files} files, {connects} times somebody connected");
    assert!(most <= MOST_MEMORY, "{most} bytes");
    assert!(files <= MOST_CONNECTIONS + 64, "{files} files");
    // Those who broke the rules were cut off, and came again.
    assert!(connects > HOSTILE as u64, "nobody was cut off");
    until("what they held is given back", || resident(&binary) <= before + 24 * MB).await;
    until("their connections are closed", || open_files(&binary) <= GOOD + 64).await;
    put(&client, &binary, 9999).await;
    join_all(good.iter_mut().map(|stream| stream.until(9999))).await;
}

#[tokio::test]
async fn there_are_so_many_connections_and_who_asks_for_nothing_makes_room() {
    allow_many_files();
    let binary = Binary::start_with_few_files(BINARY, &[], 256);
    let mut asking = Stream::open_after(&binary).await;
    let mut idle = Vec::new();
    for _ in 0..400 {
        idle.push(TcpStream::connect(binary.address()).await.unwrap());
    }
    // The first that came is closed, and the service serves on.
    let mut byte = [0];
    let closed = tokio::time::timeout(PATIENCE, idle[0].read(&mut byte)).await.unwrap();
    assert!(closed.is_err() || closed.is_ok_and(|read| read == 0));
    let client = Client::builder().no_proxy().build().unwrap();
    put(&client, &binary, 2).await;
    asking.until(2).await;
    assert!(open_files(&binary) <= 256);
}

impl Stream {
    /// Once there is something to be told.
    async fn open_after(binary: &Binary) -> Self {
        put(&Client::builder().no_proxy().build().unwrap(), binary, 1).await;
        Self::open(binary).await
    }
}
