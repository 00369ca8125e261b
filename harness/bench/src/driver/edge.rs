//! One Envoy that answers everything itself, over HTTP/1.1 and h2c on one listener.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use meshkat_envoy::command;
use serde_json::{Value, json};

use crate::{Error, service};

/// How long it may take to be there.
const LIMIT: Duration = Duration::from_secs(20);

/// What it answers.
pub(super) const BODY: &str = "{\"id\":1,\"name\":\"Simurgh\",\"species\":\"parrot\"}";

/// An Envoy that runs. Killed when dropped.
pub(super) struct Edge {
    child: Child,
    folder: tempfile::TempDir,
    pub(super) address: SocketAddr,
}

fn any() -> Value {
    json!({"socket_address": {"address": Ipv4Addr::LOCALHOST.to_string(), "port_value": 0}})
}

fn configuration() -> Value {
    let manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "in",
        "codec_type": "AUTO",
        "generate_request_id": false,
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [{
            "match": {"prefix": "/"},
            "direct_response": {"status": 200, "body": {"inline_string": BODY}},
            "response_headers_to_add": [{"header": {"key": "content-type", "value": "application/json"}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}],
        }]}]},
        "http_filters": [{"name": "router", "typed_config":
            {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}],
    });
    json!({
        "node": {"id": "edge", "cluster": "bench"},
        "admin": {"address": any()},
        "static_resources": {"listeners": [{"name": "in", "address": any(),
            "filter_chains": [{"filters": [{"name": "hcm", "typed_config": manager}]}]}]},
    })
}

impl Edge {
    pub(super) async fn start(binary: &Path) -> Result<Self, Error> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("envoy.json");
        fs::write(&file, configuration().to_string())?;
        let child = Command::new(binary)
            .args(command::arguments(&file, &command::Options::default()))
            .arg("--admin-address-path")
            .arg(folder.path().join("admin"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.path().join("log"))?)
            .spawn()?;
        let mut edge = Self {
            child,
            folder,
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        };
        edge.address = edge.listener().await?;
        Ok(edge)
    }

    async fn listener(&self) -> Result<SocketAddr, Error> {
        let client = reqwest::Client::new();
        let deadline = Instant::now() + LIMIT;
        loop {
            if let Ok(admin) = fs::read_to_string(self.folder.path().join("admin"))
                && let Ok(response) = client.get(format!("http://{admin}/listeners?format=json")).send().await
                && let Ok(told) = response.json::<Value>().await
                && let Some(port) =
                    told["listener_statuses"][0]["local_address"]["socket_address"]["port_value"].as_u64()
                && port > 0
            {
                return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, u16::try_from(port)?)));
            }
            if Instant::now() > deadline {
                let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
                return Err(format!("an Envoy had no listener after {LIMIT:?}:\n{log}").into());
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        service::end(&mut self.child);
    }
}
