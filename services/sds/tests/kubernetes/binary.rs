//! The real binary: flags, environment and file, and what it refuses.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use meshkat_kit::testing::Binary;
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::api::{Api, Mode, TOKEN, ready, slice};
use crate::common::{ask, client};
use crate::setting::{address, kubeconfig, until};

const BINARY: &str = env!("CARGO_BIN_EXE_sds");

/// What Kubernetes and its users set, and no test means.
const NO_POD: (&str, &str) = ("KUBERNETES_SERVICE_HOST", "");
const UNSET: [(&str, &str); 3] = [("KUBECONFIG", ""), ("HOME", "/nonexistent"), NO_POD];

fn api() -> Api {
    let api = Api::start();
    api.put(slice("shop", "pet", &ready(&["10.0.0.1"])));
    api.put(slice("farm", "pet", &ready(&["10.0.9.1"])));
    api
}

/// A folder with a file `token`, and one `config.yaml` with this content.
fn folder(config: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("token"), TOKEN).unwrap();
    fs::write(folder.path().join("config.yaml"), config).unwrap();
    folder
}

fn path(folder: &TempDir, name: &str) -> String {
    folder.path().join(name).to_str().unwrap().to_owned()
}

async fn is_ready(sds: &Binary) {
    until(async || {
        let response = client().get(sds.url("/readyz")).send().await.unwrap();
        let text = response.text().await.unwrap();
        (text == "ready").then_some(()).ok_or(text)
    })
    .await;
}

/// Address and port of the one host of `pet`.
async fn pet(sds: &Binary) -> Value {
    let body = json!({"resource_names": ["pet"]}).to_string();
    let (_, answer) = ask(sds.url("/v3/discovery:endpoints"), Method::POST, &body).await;
    address(&answer["resources"][0]["endpoints"][0]["lb_endpoints"][0]).clone()
}

#[tokio::test]
async fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let api = api();
    let folder = folder("");
    let config = format!(
        "kubernetes:\n  namespace: farm\n  api:\n    host: {}\n  token:\n    path: {}\nenvoy.port: 1111\n",
        api.url(),
        path(&folder, "token"),
    );
    let file = path(&folder, "config.yaml");
    fs::write(&file, config).unwrap();
    let args = ["--source", "kubernetes", "--config", &file];
    let environment = [
        UNSET[0],
        UNSET[1],
        NO_POD,
        ("KUBERNETES_NAMESPACE", "shop"),
        ("ENVOY_PORT", "2222"),
    ];
    for (more, environment, found) in [
        (&[][..], &UNSET[..], json!({"address": "10.0.9.1", "port_value": 1111})),
        (&[], &environment, json!({"address": "10.0.0.1", "port_value": 2222})),
        (
            &["--kubernetes-namespace", "farm", "--envoy-port", "http"],
            &environment,
            json!({"address": "10.0.9.1", "port_value": 8080}),
        ),
    ] {
        let sds = Binary::start_in(BINARY, &[&args[..], more].concat(), environment);
        is_ready(&sds).await;
        assert_eq!(pet(&sds).await, found, "{more:?} {environment:?}");
    }
}

#[tokio::test]
async fn a_kubeconfig_is_found_by_flag_by_variable_and_at_home() {
    let api = api();
    let folder = folder("");
    let file = path(&folder, "kubeconfig");
    fs::write(&file, kubeconfig(&api)).unwrap();
    fs::create_dir(folder.path().join(".kube")).unwrap();
    fs::copy(&file, folder.path().join(".kube/config")).unwrap();
    let home = path(&folder, "");
    for (args, environment) in [
        (&["--kubeconfig", &file][..], &UNSET[..]),
        (&[], &[("KUBECONFIG", file.as_str()), UNSET[1], NO_POD]),
        (&[], &[UNSET[0], ("HOME", home.as_str()), NO_POD]),
    ] {
        let args = [&["--source", "kubernetes"], args].concat();
        let sds = Binary::start_in(BINARY, &args, environment);
        is_ready(&sds).await;
        assert_eq!(pet(&sds).await, json!({"address": "10.0.0.1", "port_value": 10000}));
        let (_, listed) = ask(sds.url("/edsservice"), Method::GET, "").await;
        let services: Vec<_> = listed["services"].as_object().unwrap().keys().collect();
        assert_eq!(services, ["pet.farm", "pet.shop"]);
    }
}

fn refused(args: &[&str]) -> String {
    let output = Command::new(BINARY)
        .args(["--listen", "127.0.0.1:0"])
        .args(args)
        .envs(UNSET)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2), "{args:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn what_does_not_hold_is_one_error_that_names_it() {
    let folder = folder("kubernetes:\n  namespace: shop\n  api:\n    hots: http://127.0.0.1:1\n");
    let (config, token) = (path(&folder, "config.yaml"), path(&folder, "token"));
    let missing = path(&folder, "missing");
    let broken = path(&folder, "broken");
    fs::write(&broken, "clusters: 7\n").unwrap();
    let kubernetes = ["--source", "kubernetes", "--kubernetes-api-host", "http://127.0.0.1:1"];
    let with = |more: &[&'static str]| [&kubernetes[..], more].concat();
    for (args, parts) in [
        (
            vec!["--config", &config],
            vec![
                &*config,
                ":4: kubernetes.api.hots: there is no such key; did you mean kubernetes.api.host?",
            ],
        ),
        (vec!["--config", &missing], vec![&*missing, "cannot be read"]),
        (
            vec!["--source", "kubernetes"],
            vec!["there is no Kubernetes to follow", "give --kubeconfig"],
        ),
        (vec!["--source", "consul"], vec!["registry, kubernetes"]),
        (
            vec!["--source", "kubernetes", "--kubeconfig", &missing],
            vec!["kubeconfig: ", &*missing],
        ),
        (
            vec!["--source", "kubernetes", "--kubeconfig", &broken],
            vec!["kubeconfig: "],
        ),
        (
            [&kubernetes[..], &["--kubernetes-token-path", &missing]].concat(),
            vec!["kubernetes.token.path: the token at ", &*missing],
        ),
        (
            with(&["--kubernetes-namespace", "Shop"]),
            vec!["kubernetes.namespace: ", "\"Shop\""],
        ),
        (
            with(&["--kubernetes-cluster-domain", "example..org"]),
            vec!["kubernetes.cluster.domain: ", "\"example..org\""],
        ),
        (with(&["--envoy-port", "0"]), vec!["envoy.port: a number of 1 to 65535"]),
        (
            vec!["--source", "kubernetes", "--kubernetes-api-host", "ftp://a"],
            vec!["kubernetes.api.host: an address such as https://10.0.0.1:6443"],
        ),
        (
            [
                &kubernetes[..],
                &["--kubernetes-token-path", &token, "--state", &missing],
            ]
            .concat(),
            vec!["--state and --seed are of the registry, and --source kubernetes has none"],
        ),
    ] {
        let said = refused(&args);
        for part in parts {
            assert!(said.contains(part), "{args:?}: {said}");
        }
    }
    assert!(!Path::new(&missing).exists());
}

#[tokio::test]
async fn it_stops_within_a_second_whatever_the_api_server_does() {
    for mode in [Mode::Normal, Mode::Hung] {
        let api = api();
        api.mode(mode.clone());
        let folder = folder("");
        let (url, token) = (api.url(), path(&folder, "token"));
        let args = [
            "--source",
            "kubernetes",
            "--kubernetes-api-host",
            &url,
            "--kubernetes-token-path",
            &token,
        ];
        let sds = Binary::start_in(BINARY, &args, &UNSET);
        until(async || {
            let asked = api.requests().len();
            (asked > 0).then_some(()).ok_or(asked)
        })
        .await;
        sds.terminate();
        let (status, took) = sds.wait().await;
        assert!(status.success(), "{mode:?}");
        assert!(took < Duration::from_secs(1), "{took:?}");
    }
}
