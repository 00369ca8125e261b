//! Real Envoys on addresses of their own, and what their admin interface tells.

mod support;

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use meshkat_envoy::admin::{Admin, AdminError, Ready};
use support::{Running, address, envoy, rebound, until};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

const SOON: Duration = Duration::from_secs(2);

/// What an application saw: where a request came from, and its first line.
type Seen = Arc<Mutex<Vec<(IpAddr, String)>>>;

/// A server on port 8080 that answers every request with `body`, one request a connection.
async fn serve(at: IpAddr, body: String) -> Seen {
    let seen = Seen::default();
    let listener = TcpListener::bind((at, 8080)).await.unwrap();
    let log = Arc::clone(&seen);
    tokio::spawn(async move {
        loop {
            let (mut stream, peer) = listener.accept().await.unwrap();
            let (log, body) = (Arc::clone(&log), body.clone());
            tokio::spawn(async move {
                let request = read_message(&mut stream).await;
                let first = request.lines().next().unwrap_or_default().to_owned();
                log.lock().unwrap().push((peer.ip(), first));
                let length = body.len();
                let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: application/json";
                let _ = stream
                    .write_all(format!("{head}\r\ncontent-length: {length}\r\n\r\n{body}").as_bytes())
                    .await;
            });
        }
    });
    seen
}

/// Reads a head, and as much after it as `content-length` tells.
async fn read_message(stream: &mut TcpStream) -> String {
    let mut message = Vec::new();
    let mut chunk = [0; 16 * 1024];
    loop {
        let text = String::from_utf8_lossy(&message).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return text;
            }
        }
        match stream.read(&mut chunk).await {
            Ok(count) if count > 0 => message.extend_from_slice(&chunk[..count]),
            _ => return text,
        }
    }
}

/// Sends a request just as it is written (a client would tidy the path) and gives the status and the whole answer.
async fn get(to: SocketAddr, target: &str, host: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(to).await.unwrap();
    stream
        .write_all(format!("GET {target} HTTP/1.1\r\nhost: {host}\r\n\r\n").as_bytes())
        .await
        .unwrap();
    let answer = read_message(&mut stream).await;
    let status = answer
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .unwrap_or(0);
    (status, answer)
}

fn admin(at: IpAddr) -> Admin {
    Admin::new(SocketAddr::new(at, 8081)).unwrap()
}

async fn live(admin: &Admin) {
    until("ready", || async {
        match admin.ready(SOON).await {
            Ready::Live => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
}

/// What the discovery service answers: `pet` is at one address.
fn endpoints_of_pet(at: IpAddr) -> String {
    let type_url = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment";
    format!(
        r#"{{"version_info":"v7","type_url":"{type_url}","resources":[{{"@type":"{type_url}","cluster_name":"pet","endpoints":[{{
           "locality":{{"zone":"b"}},"lb_endpoints":[{{"load_balancing_weight":50,
           "endpoint":{{"address":{{"socket_address":{{"address":"{at}","port_value":10000}}}}}}}}]}}]}}]}}"#
    )
}

#[tokio::test]
async fn a_petstore_reaches_its_pet_through_both_envoys() {
    let (store, pet, sds) = (address(1), address(2), address(3));
    let seen = serve(pet, "[]".to_owned()).await;
    let asked = serve(sds, endpoints_of_pet(pet)).await;
    let store_envoy = Running::start(&rebound("petstore", "petstore-1", store, sds));
    let _pet_envoy = Running::start(&rebound("pet", "pet-1", pet, sds));
    let admin_of_store = admin(store);
    live(&admin_of_store).await;
    live(&admin(pet)).await;

    let (status, answer) = get(SocketAddr::new(store, 9900), "/pets?store=1", "pet").await;
    assert_eq!(status, 200, "{answer}");
    // Every connection comes from its pod's address, whoever makes it.
    assert_eq!(*seen.lock().unwrap(), [(pet, "GET /pets?store=1 HTTP/1.1".to_owned())]);
    let polls = asked.lock().unwrap().clone();
    assert!(
        polls
            .iter()
            .all(|poll| *poll == (store, "POST /v3/discovery:endpoints HTTP/1.1".to_owned())),
        "{polls:?}"
    );

    let clusters = admin_of_store.clusters(SOON).await.unwrap();
    let host = &clusters.get("pet").unwrap().hosts[0];
    assert_eq!(host.socket(), Some(SocketAddr::new(pet, 10000)));
    assert_eq!((host.weight, host.zone(), host.is_healthy()), (50, "b", true));
    assert_eq!(host.stats.get("rq_total"), Some(&1));
    assert_eq!(
        clusters.get("sds").unwrap().hosts[0].socket(),
        Some(SocketAddr::new(sds, 8080))
    );

    let stats = admin_of_store.stats(Some(r"^cluster\.pet\."), SOON).await.unwrap();
    assert_eq!(stats.number("cluster.pet.membership_total"), Some(1));
    assert_eq!(stats.text("cluster.pet.version_text"), Some("v7"));
    assert!(stats.iter().all(|(name, _)| name.starts_with("cluster.pet.")));
    assert!(admin_of_store.stats(None, SOON).await.unwrap().len() > stats.len());

    let dump = admin_of_store.config_dump(SOON).await.unwrap();
    assert!(dump.contains(r#""id": "petstore-1""#) && dump.contains("EndpointsConfigDump"));

    // A name that is no cluster, and an application that is not there.
    assert_eq!(get(SocketAddr::new(store, 9900), "/", "nobody").await.0, 503);
    assert_eq!(get(SocketAddr::new(store, 10000), "/stores", "x").await.0, 503);
    let log = until("the access log", || async {
        let log = store_envoy.stdout();
        if log.lines().count() == 3 { Ok(log) } else { Err(log) }
    })
    .await;
    let lines: Vec<serde_json::Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let fields = |name: &str| lines.iter().map(|line| line[name].clone()).collect::<Vec<_>>();
    assert_eq!(
        fields("listener"),
        ["egress_mesh_http", "egress_mesh_http", "ingress_http"]
    );
    assert_eq!(fields("response_code"), [200, 503, 503]);
    assert_eq!(fields("response_flags"), ["-", "NC", "UF"]);
    assert_eq!(lines[0]["upstream_host"], format!("{pet}:10000"));
}

#[tokio::test]
async fn no_spelling_of_faults_gets_through() {
    let (pod, sds) = (address(11), address(12));
    let seen = serve(pod, String::new()).await;
    let _envoy = Running::start(&rebound("petstore", "petstore-1", pod, sds));
    live(&admin(pod)).await;
    let spellings = [
        "/faults",
        "/faults/",
        "/faults/x",
        "/faults?a=1",
        "/FAULTS",
        "//faults",
        "///faults",
        "/./faults",
        "/x/../faults",
        "/..//faults",
        "/x/..//faults",
        "/x//../../faults",
        "/%66aults",
        "/%46AULTS",
        "/fa%75lts",
        "/%2e/faults",
        "/x/%2e%2e/faults",
        "/.%2e/faults",
        "/%2ffaults",
        "/x/..%2ffaults",
        "/%5cfaults",
        "/\\faults",
        "/x\\..\\faults",
        "/faults;a",
        "/faults%20",
        "/faults%00",
        "/%00faults",
        "/faults#x",
        "http://pet/faults",
        "http://pet//faults",
    ];
    for port in [10000, 9900] {
        for target in spellings {
            let (status, answer) = get(SocketAddr::new(pod, port), target, "local_service").await;
            assert!([400, 404].contains(&status), "{target} on {port}: {answer}");
        }
    }
    assert_eq!(*seen.lock().unwrap(), [], "reached the application");
    // What only looks like it is a path as any other, and reaches the application under a name that is not `/faults`.
    for target in ["/my/faults", "/%2566aults", "/;/faults"] {
        assert_eq!(get(SocketAddr::new(pod, 10000), target, "x").await.0, 200, "{target}");
    }
    assert_eq!(seen.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn the_edge_knows_hosts_and_paths() {
    let (edge, sds) = (address(21), address(22));
    let envoy = Running::start(&rebound("ingress", "ingress", edge, sds));
    // The discovery service is not there: it starts all the same, and knows no endpoint of any service.
    until("not yet ready", || async {
        match admin(edge).ready(SOON).await {
            Ready::NotReady(state) if state.starts_with("PRE_INITIALIZING") => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    live(&admin(edge)).await;
    let to = SocketAddr::new(edge, 10000);
    let own = edge.to_string();
    for (host, target, status) in [
        ("foo.com", "/hello", 503),
        ("foo.com:10000", "/hello", 503),
        ("FOO.com", "/stores", 503),
        ("foo.com", "/faults", 404),
        ("bar.com", "/hello", 404),
        ("bar.com", "/stores/1", 503),
        (&own, "/stores", 503),
        (&own, "/pets?store=1", 503),
        (&own, "/storesroom", 404),
        (&own, "/faults", 404),
        (&own, "/", 404),
    ] {
        assert_eq!(get(to, target, host).await.0, status, "{host}{target}");
    }
    let log = until("the access log", || async {
        let log = envoy.stdout();
        if log.lines().count() == 11 { Ok(log) } else { Err(log) }
    })
    .await;
    let clusters: Vec<String> = log
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["upstream_cluster"].to_string())
        .collect();
    let [echo, petstore, pet, none] = [r#""echo""#, r#""petstore""#, r#""pet""#, "null"];
    assert_eq!(
        clusters,
        [echo, echo, echo, none, none, petstore, petstore, pet, none, none, none]
    );
}

#[tokio::test]
async fn an_admin_interface_that_refuses_or_is_not_there() {
    let (pod, sds) = (address(31), address(32));
    let config = rebound("echo", "echo-1", pod, sds);
    let running = Running::start(&config);
    let admin = admin(pod);
    live(&admin).await;
    let error = admin.stats(Some("("), SOON).await.unwrap_err();
    assert!(
        matches!(&error, AdminError::Status { status, .. } if status.as_u16() == 400),
        "{error}"
    );
    let error = admin.raw("/no-such-page", SOON).await.unwrap_err();
    assert!(
        matches!(&error, AdminError::Status { status, .. } if status.as_u16() == 404),
        "{error}"
    );
    assert!(matches!(
        admin.raw("http://elsewhere/", SOON).await,
        Err(AdminError::Path { .. })
    ));
    let info = admin.raw("/server_info", SOON).await.unwrap();
    assert!(info.contains(&format!("/{}/", envoy().version)), "{info}");
    assert_eq!(admin.post("/healthcheck/fail", SOON).await.unwrap().trim(), "OK");
    assert_eq!(admin.ready(SOON).await, Ready::NotReady("DRAINING".to_owned()));
    // A restarted one answers at once, whatever became of the connections to the one before.
    drop(running);
    let again = Running::start(&config);
    live(&admin).await;
    drop(again);
    let gone = admin.ready(SOON).await;
    assert!(
        matches!(&gone, Ready::Unreachable(why) if why.contains("refused")),
        "{gone:?}"
    );
}

#[tokio::test]
async fn a_second_envoy_at_the_same_address_does_not_start() {
    let (pod, sds) = (address(41), address(42));
    let config = rebound("pet", "pet-1", pod, sds);
    let _first = Running::start(&config);
    live(&admin(pod)).await;
    let mut other = config;
    // Its admin interface elsewhere, so that it is the listener that is taken.
    let socket = &mut other.document_mut()["admin"]["address"]["socket_address"];
    socket["address"] = address(43).to_string().into();
    let second = Running::start(&other);
    until("its end", || async {
        let said = second.stderr();
        if said.contains("Address already in use") {
            Ok(())
        } else {
            Err(said)
        }
    })
    .await;
}
