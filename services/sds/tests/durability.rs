//! The registry on disk: crashes, failing disks, broken files, and the binary.

mod common;

use std::fs;
use std::process::Command;
use std::time::Duration;

use common::{ask, client, start};
use meshkat_kit::testing::{Binary, DEADLINE, refused};
use reqwest::Method;
use sds::Store;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const BINARY: &str = env!("CARGO_BIN_EXE_sds");

fn host(port: u64) -> String {
    json!({"hosts": [{"ip_address": "10.0.0.1", "port": port}]}).to_string()
}

fn port(listed: &Value) -> u64 {
    listed["services"]["pet"]["hosts"][0]["port"].as_u64().unwrap_or(0)
}

#[tokio::test]
async fn a_kill_amid_writes_loses_no_acknowledged_change() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("registry.json");
    let mut acknowledged = 0;
    for round in 1..=5 {
        let binary = Binary::start(BINARY, &["--state", state.to_str().unwrap()]);
        let listed = ask(binary.url("/edsservice"), Method::GET, "").await.1;
        // The change that was under way when the process died may have been made or not; nothing else may differ.
        let found = port(&listed);
        assert!(
            found == acknowledged || found == acknowledged + 1,
            "{acknowledged} was acknowledged, {found} found"
        );

        let url = binary.url("/edsservice/pet");
        let writer = tokio::spawn(async move {
            let client = client();
            let mut last = found;
            while let Ok(response) = client.put(&url).body(host(last + 1)).send().await {
                assert!(response.status().is_success());
                last += 1;
            }
            last
        });
        // Kill it when it is well under way, at another point of its work each round.
        let goal = found + 10 * round;
        let begun = std::time::Instant::now();
        loop {
            let now = port(&ask(binary.url("/edsservice"), Method::GET, "").await.1);
            if now >= goal {
                break;
            }
            assert!(begun.elapsed() < DEADLINE, "only {now} changes");
        }
        binary.kill();
        acknowledged = writer.await.unwrap();
        // The last change that was seen may be one whose answer the kill cut off.
        assert!(acknowledged + 1 >= goal, "{acknowledged} was acknowledged, {goal} seen");
    }
    let left: Vec<_> = {
        // One more start cleans what the last kill left.
        Store::open(&state).unwrap();
        fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect()
    };
    assert_eq!(left, ["registry.json"]);
}

#[tokio::test]
async fn a_restart_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("registry.json");
    let args = ["--state", state.to_str().unwrap()];
    let binary = Binary::start(BINARY, &args);
    ask(binary.url("/edsservice/pet"), Method::PUT, &host(1)).await;
    ask(binary.url("/edsservice/drained"), Method::PUT, r#"{"hosts": []}"#).await;
    ask(binary.url("/edsservice/gone"), Method::PUT, &host(2)).await;
    ask(binary.url("/edsservice/gone"), Method::DELETE, "").await;
    for (place, body) in [
        ("clusters/pet", json!({"name": "pet", "connect_timeout": "1s"})),
        (
            "clusters/pet?node_cluster=demo",
            json!({"name": "pet", "connect_timeout": "2s"}),
        ),
        ("endpoints/pet?node_cluster=demo", json!({"cluster_name": "pet"})),
        ("listeners/gone", json!({"name": "gone"})),
        ("routes/all", json!({"name": "all"})),
    ] {
        let written = ask(binary.url(&format!("/xds/v3/{place}")), Method::PUT, &body.to_string()).await;
        assert_eq!(written.0, 201);
    }
    let gone = ask(binary.url("/xds/v3/listeners/gone"), Method::DELETE, "").await;
    assert_eq!(gone.0, 204);
    let told = async |binary: &Binary| {
        let mut told = vec![ask(binary.url("/edsservice"), Method::GET, "").await];
        for kind in ["clusters", "endpoints", "listeners", "routes"] {
            for cluster in ["demo", "other"] {
                let body = json!({"node": {"cluster": cluster}}).to_string();
                let url = binary.url(&format!("/v3/discovery:{kind}"));
                told.push(ask(url, Method::POST, &body).await);
            }
        }
        told
    };
    let before = told(&binary).await;
    binary.terminate();
    assert_eq!(binary.wait().await.0.code(), Some(0));

    let binary = Binary::start(BINARY, &args);
    assert_eq!(told(&binary).await, before);
    // A change of the registry keeps what was written.
    ask(binary.url("/edsservice/pet"), Method::PUT, &host(2)).await;
    ask(binary.url("/edsservice/pet"), Method::PUT, &host(1)).await;
    binary.kill();
    assert_eq!(told(&Binary::start(BINARY, &args)).await, before);
}

#[tokio::test]
async fn a_file_of_a_version_without_resources_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("registry.json");
    fs::write(&state, r#"{"version": 1, "services": {"pet": {"hosts": []}}}"#).unwrap();
    let sds = start(Store::open(&state).unwrap()).await;
    let (_, listed) = ask(sds.url("/edsservice"), Method::GET, "").await;
    assert_eq!(listed, json!({"services": {"pet": {"hosts": []}}}));
}

#[tokio::test]
async fn a_change_that_cannot_be_put_on_disk_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let (here, away) = (folder.path().join("here"), folder.path().join("away"));
    fs::create_dir(&here).unwrap();
    let sds = start(Store::open(&here.join("registry.json")).unwrap()).await;
    ask(sds.url("/edsservice/pet"), Method::PUT, &host(1)).await;
    ask(sds.url("/xds/v3/clusters/pet"), Method::PUT, r#"{"name": "pet"}"#).await;
    let before = ask(sds.url("/edsservice"), Method::GET, "").await;
    let on_disk = fs::read(here.join("registry.json")).unwrap();

    fs::rename(&here, &away).unwrap();
    for (method, name) in [(Method::PUT, "pet"), (Method::POST, "new"), (Method::DELETE, "pet")] {
        let (status, problem) = ask(sds.url(&format!("/edsservice/{name}")), method, &host(2)).await;
        assert_eq!(status, 500);
        assert!(
            problem["detail"].as_str().unwrap().contains("cannot be written"),
            "{problem}"
        );
        assert_eq!(ask(sds.url("/edsservice"), Method::GET, "").await, before);
    }
    for (method, name) in [(Method::PUT, "pet"), (Method::PUT, "new"), (Method::DELETE, "pet")] {
        let body = json!({"name": name, "alt_stat_name": "x"}).to_string();
        let (status, problem) = ask(sds.url(&format!("/xds/v3/clusters/{name}")), method, &body).await;
        assert_eq!(status, 500);
        assert!(
            problem["detail"].as_str().unwrap().contains("cannot be written"),
            "{problem}"
        );
        let found = ask(sds.url("/v3/discovery:clusters"), Method::POST, "{}").await;
        assert_eq!(found.1["resources"].as_array().unwrap().len(), 1);
        assert_eq!(found.1["resources"][0].get("alt_stat_name"), None);
    }
    assert_eq!(fs::read(away.join("registry.json")).unwrap(), on_disk);
    let metrics = client()
        .get(sds.url("/metrics"))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(
        metrics.contains(r#"sds_registry_changes_total{outcome="Failed"} 3"#),
        "{metrics}"
    );

    fs::rename(&away, &here).unwrap();
    assert_eq!(ask(sds.url("/edsservice/pet"), Method::PUT, &host(2)).await.0, 200);
}

#[test]
fn a_broken_state_file_is_one_clear_line_and_code_2() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("registry.json");
    let broken =
        "{\"version\": 1, \"services\": {\"pet\": {\"hosts\": [\n{\"ip_address\": \"nowhere\", \"port\": 1}]}}}";
    fs::write(&state, broken).unwrap();
    let output = Command::new(BINARY).arg("--state").arg(&state).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    for part in [
        state.to_str().unwrap(),
        "services.pet.hosts[0].ip_address",
        "line 2 column 24",
        "\"nowhere\"",
    ] {
        assert!(stderr.contains(part), "{part} is not in {stderr}");
    }
    assert_eq!(fs::read_to_string(&state).unwrap(), broken);
}

/// What a second one says that is given a state file, under any name of it.
fn refused_start(state: &std::path::Path) -> String {
    let output = Command::new(BINARY)
        .args(["--listen", "127.0.0.1:0", "--state"])
        .arg(state)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    stderr
}

#[tokio::test]
async fn a_second_one_on_the_same_file_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let (state, link) = (folder.path().join("registry.json"), folder.path().join("link.json"));
    std::os::unix::fs::symlink("registry.json", &link).unwrap();
    let first = Binary::start(BINARY, &["--state", state.to_str().unwrap()]);
    for round in 1..=3 {
        // What is locked is what is there now, not what was there at the start.
        ask(first.url("/edsservice/pet"), Method::PUT, &host(round)).await;
        for name in [&state, &link, &folder.path().join("./registry.json")] {
            let stderr = refused_start(name);
            for part in [state.to_str().unwrap(), "another sds writes to it", "--state"] {
                assert!(stderr.contains(part), "{part} is not in {stderr}");
            }
        }
    }
    // A paused one will go on; a killed one will not.
    first.signal(meshkat_kit::testing::Signal::STOP);
    refused_start(&state);
    first.kill();
    let second = Binary::start(BINARY, &["--state", link.to_str().unwrap()]);
    assert_eq!(port(&ask(second.url("/edsservice"), Method::GET, "").await.1), 3);
}

#[tokio::test]
async fn a_kill_frees_the_file_and_what_it_leaves_hurts_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("registry.json");
    let precious = folder.path().join(".registry.json.backup202601.tmp");
    fs::write(&precious, "precious").unwrap();
    let mut acknowledged = 0;
    for round in 0..40 {
        let binary = Binary::start(BINARY, &["--state", state.to_str().unwrap()]);
        let found = port(&ask(binary.url("/edsservice"), Method::GET, "").await.1);
        assert!(
            found == acknowledged || found == acknowledged + 1,
            "{acknowledged} was acknowledged, {found} found"
        );
        let url = binary.url("/edsservice/pet");
        let (told, mut heard) = tokio::sync::watch::channel(found);
        let writer = tokio::spawn(async move {
            let client = client();
            let mut last = found;
            while let Ok(response) = client.put(&url).body(host(last + 1)).send().await {
                assert!(response.status().is_success());
                last += 1;
                told.send_replace(last);
            }
            last
        });
        let goal = found + 1 + round % 5;
        let waited = tokio::time::timeout(DEADLINE, heard.wait_for(|last| *last >= goal)).await;
        drop(waited.expect("changes are made in time"));
        binary.kill();
        acknowledged = writer.await.unwrap();
    }
    Store::open(&state).unwrap();
    let mut left: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    left.sort();
    assert_eq!(left, [".registry.json.backup202601.tmp", "registry.json"]);
    assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");
}

#[test]
fn an_address_in_use_is_one_line_and_code_3() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = Command::new(BINARY).args(["--listen", &address]).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(
        stderr.starts_with(&format!("sds: cannot listen on {address}: ")),
        "{stderr}"
    );
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

#[tokio::test]
async fn a_change_in_flight_at_sigterm_is_made_and_answered() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("registry.json");
    let binary = Binary::start(BINARY, &["--state", state.to_str().unwrap()]);
    let body = host(7);
    let work = async {
        let mut stream = TcpStream::connect(binary.address()).await.unwrap();
        let length = body.len();
        let head = format!(
            "PUT /edsservice/pet HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut interim = [0; 25];
        stream.read_exact(&mut interim).await.unwrap();
        binary.terminate();
        refused(binary.address()).await;
        stream.write_all(body.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let answer = tokio::time::timeout(DEADLINE, work).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 Created"), "{answer}");
    let (status, took) = binary.wait().await;
    assert_eq!(status.code(), Some(0));
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert_eq!(Store::open(&state).unwrap().services().len(), 1);
}

#[tokio::test]
async fn a_seed_is_what_it_begins_with_and_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let seed = folder.path().join("seed.json");
    let text =
        json!({"version": 1, "services": {"pet": {"hosts": [{"ip_address": "10.0.0.1", "port": 7}]}}}).to_string();
    fs::write(&seed, &text).unwrap();
    let binary = Binary::start(BINARY, &["--seed", seed.to_str().unwrap()]);
    assert_eq!(port(&ask(binary.url("/edsservice"), Method::GET, "").await.1), 7);
    ask(binary.url("/edsservice/pet"), Method::PUT, &host(8)).await;
    assert_eq!(port(&ask(binary.url("/edsservice"), Method::GET, "").await.1), 8);
    drop(binary);
    assert_eq!(fs::read_to_string(&seed).unwrap(), text);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);

    let refusal = |seed: &std::path::Path| {
        let output = Command::new(BINARY).arg("--seed").arg(seed).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).unwrap()
    };
    for (content, message) in [("{", "EOF"), (r#"{"version": 9, "services": {}}"#, "`version` is 9")] {
        fs::write(&seed, content).unwrap();
        let said = refusal(&seed);
        assert!(said.contains(message) && said.contains("seed.json"), "{said}");
    }
    let said = refusal(&folder.path().join("missing.json"));
    assert!(said.contains("missing.json: cannot be read"), "{said}");
}
