//! A discovery service that follows a scripted API server.

use std::time::{Duration, Instant};

use meshkat_kit::Identity;
use meshkat_kit::testing::{DEADLINE, Running};
use reqwest::Method;
use sds::{Kubernetes, KubernetesSettings, Pace};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::api::{Api, TOKEN, ready, slice};
use crate::common::{ask, client};

/// As patient as ever, but for the pauses.
pub(crate) const HASTY: Pace = Pace {
    answer: Duration::from_secs(5),
    watch: Duration::from_secs(60),
    grace: Duration::from_secs(15),
    first_pause: Duration::from_millis(10),
    longest_pause: Duration::from_millis(50),
};

pub(crate) struct Setting {
    pub(crate) api: Api,
    pub(crate) sds: Running,
    folder: TempDir,
}

impl Setting {
    /// Everything runs, and `pet` has one host.
    pub(crate) async fn synced() -> Self {
        let api = Api::start();
        api.put(slice("shop", "pet", &ready(&["10.0.0.1"])));
        let setting = Self::start(api, HASTY).await;
        setting.followed().await;
        setting
    }

    /// Runs, with whatever the API server says.
    pub(crate) async fn start(api: Api, pace: Pace) -> Self {
        Self::with(
            api,
            KubernetesSettings {
                pace,
                ..KubernetesSettings::default()
            },
        )
        .await
    }

    pub(crate) async fn with(api: Api, settings: KubernetesSettings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), TOKEN).unwrap();
        let kubernetes = Kubernetes::new(KubernetesSettings {
            namespace: settings.namespace.or_else(|| Some("shop".to_owned())),
            api_host: Some(api.url()),
            token_path: Some(folder.path().join("token")),
            ..settings
        });
        Self::run(api, kubernetes.unwrap(), folder).await
    }

    /// By a kubeconfig whose context is in the namespace `shop`, so that all namespaces are followed.
    pub(crate) async fn everywhere(api: Api) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kubeconfig");
        std::fs::write(&path, kubeconfig(&api)).unwrap();
        let kubernetes = Kubernetes::new(KubernetesSettings {
            kubeconfig: Some(path),
            pace: HASTY,
            ..KubernetesSettings::default()
        });
        Self::run(api, kubernetes.unwrap(), folder).await
    }

    async fn run(api: Api, kubernetes: Kubernetes, folder: TempDir) -> Self {
        let identity = Identity::new("sds", "sds-1").unwrap();
        let run =
            |listener, shutdown| sds::run_kubernetes(listener, identity, kubernetes, sds::Options::default(), shutdown);
        let sds = Running::start(run).await;
        Self { api, sds, folder }
    }

    pub(crate) fn write_token(&self, token: &str) {
        // As the kubelet does: another file in the place of the old one.
        let new = self.folder.path().join("new");
        std::fs::write(&new, format!("{token}\n")).unwrap();
        std::fs::rename(new, self.folder.path().join("token")).unwrap();
    }

    pub(crate) fn remove_token(&self) {
        std::fs::remove_file(self.folder.path().join("token")).unwrap();
    }

    /// What `/readyz` says.
    pub(crate) async fn readiness(&self) -> (u16, String) {
        let response = client().get(self.sds.url("/readyz")).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// Waits until `/readyz` says this; gives the body.
    pub(crate) async fn says(&self, status: u16, part: &str) -> String {
        let found = until(async || {
            let (found, body) = self.readiness().await;
            (found == status && body.contains(part))
                .then_some(body.clone())
                .ok_or(body)
        });
        found.await
    }

    /// Waits until the watch is open, and `/readyz` has nothing to add.
    pub(crate) async fn followed(&self) {
        until(async || {
            let said = self.readiness().await;
            (said == (200, "ready".to_owned())).then_some(()).ok_or(said)
        })
        .await;
    }

    /// Waits until it is stale for a reason, still ready, and still serving what it knew; and says so in its metrics.
    pub(crate) async fn is_stale(&self, why: &str) {
        let body = self.says(200, why).await;
        assert!(
            body.starts_with("ready\nstale: Kubernetes was last followed "),
            "{body}"
        );
        assert_eq!(self.metric("sds_kubernetes_watching").await, 0.0);
        assert_eq!(self.metric("sds_kubernetes_synced").await, 1.0);
        assert_eq!(self.hosts("pet").await, Some(vec!["10.0.0.1".to_owned()]));
    }

    pub(crate) async fn metric(&self, name: &str) -> f64 {
        let response = client().get(self.sds.url("/metrics")).send().await.unwrap();
        let text = response.text().await.unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name} in\n{text}")).parse().unwrap()
    }

    /// The addresses that a poll gives for a service; `None` if it is left out.
    pub(crate) async fn hosts(&self, name: &str) -> Option<Vec<String>> {
        let assignment = self.poll("v3", name).await?;
        // What was written without endpoints is sent without them.
        let hosts = assignment["endpoints"].as_array().into_iter().flatten();
        let hosts = hosts.flat_map(|zone| zone["lb_endpoints"].as_array().unwrap());
        Some(
            hosts
                .map(|host| address(host)["address"].as_str().unwrap().to_owned())
                .collect(),
        )
    }

    /// The assignment that a poll gives for a service.
    pub(crate) async fn poll(&self, version: &str, name: &str) -> Option<Value> {
        let body = json!({"resource_names": [name]}).to_string();
        let url = self.sds.url(&format!("/{version}/discovery:endpoints"));
        let (status, mut answer) = ask(url, Method::POST, &body).await;
        assert_eq!(status, 200, "{answer}");
        let resources = answer["resources"].as_array_mut().unwrap();
        assert!(resources.len() <= 1);
        resources.pop()
    }

    /// Waits until a poll gives these addresses.
    pub(crate) async fn has(&self, name: &str, addresses: Option<&[&str]>) {
        let expected = addresses.map(|all| all.iter().map(|&address| address.to_owned()).collect::<Vec<_>>());
        until(async || {
            let found = self.hosts(name).await;
            (found == expected).then_some(()).ok_or(found)
        })
        .await;
    }
}

pub(crate) fn address(host: &Value) -> &Value {
    &host["endpoint"]["address"]["socket_address"]
}

pub(crate) fn kubeconfig(api: &Api) -> String {
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "lab",
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "sds", "namespace": "shop"}}],
        "clusters": [{"name": "lab", "cluster": {"server": api.url()}}],
        "users": [{"name": "sds", "user": {"token": TOKEN}}],
    })
    .to_string()
}

/// Asks until it is so.
pub(crate) async fn until<T, E: std::fmt::Debug>(ask: impl AsyncFn() -> Result<T, E>) -> T {
    let begun = Instant::now();
    loop {
        match ask().await {
            Ok(found) => return found,
            Err(last) => assert!(begun.elapsed() < DEADLINE, "not in time, but {last:?}"),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
