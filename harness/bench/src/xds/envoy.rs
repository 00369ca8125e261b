//! Envoys that learn the endpoints of one service, each over another transport.

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use meshkat_envoy::command;
use reqwest::Client;
use serde_json::{Value, json};

use crate::{Error, service};

/// Between two polls of REST, at least; Envoy adds up to as much again by chance.
pub(super) const REFRESH: Duration = Duration::from_millis(500);
/// How long an Envoy may take to be there.
const LIMIT: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(2);

/// How an Envoy is fed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    Rest,
    Grpc,
    DeltaGrpc,
    Ads,
    DeltaAds,
}

impl Transport {
    pub(super) const ALL: [Self; 5] = [Self::Rest, Self::Grpc, Self::DeltaGrpc, Self::Ads, Self::DeltaAds];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Rest => "rest",
            Self::Grpc => "grpc",
            Self::DeltaGrpc => "delta-grpc",
            Self::Ads => "ads",
            Self::DeltaAds => "delta-ads",
        }
    }

    fn grpc(self) -> Value {
        let delta = matches!(self, Self::DeltaGrpc | Self::DeltaAds);
        json!({
            "api_type": if delta { "DELTA_GRPC" } else { "GRPC" },
            "transport_api_version": "V3",
            "set_node_on_first_message_only": true,
            "grpc_services": [{"envoy_grpc": {"cluster_name": "xds"}}],
        })
    }

    fn source(self) -> Value {
        match self {
            Self::Rest => json!({"resource_api_version": "V3", "api_config_source": {
                "api_type": "REST", "transport_api_version": "V3", "cluster_names": ["xds"],
                "refresh_delay": format!("{}s", REFRESH.as_secs_f64()), "request_timeout": "1s",
            }}),
            Self::Grpc | Self::DeltaGrpc => json!({"resource_api_version": "V3", "api_config_source": self.grpc()}),
            Self::Ads | Self::DeltaAds => json!({"resource_api_version": "V3", "ads": {}}),
        }
    }

    /// An Envoy whose one listener leads to one service.
    fn configuration(self, service: &str, discovery: SocketAddr) -> Value {
        let mut xds = json!({
            "name": "xds", "type": "STATIC", "connect_timeout": "0.25s",
            "load_assignment": {"cluster_name": "xds", "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(discovery)}}]}]},
        });
        if self != Self::Rest {
            xds["typed_extension_protocol_options"] = json!({"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": {"http2_protocol_options": {}},
            }});
        }
        let manager = json!({
            "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "in",
            "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"],
                "routes": [{"match": {"prefix": "/"}, "route": {"cluster": service}}]}]},
            "http_filters": [{"name": "router", "typed_config":
                {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}],
        });
        let mut configuration = json!({
            "node": {"id": service, "cluster": "bench"},
            "admin": {"address": address(ANY)},
            "static_resources": {
                "listeners": [{"name": "in", "address": address(ANY),
                    "filter_chains": [{"filters": [{"name": "hcm", "typed_config": manager}]}]}],
                "clusters": [xds, {"name": service, "type": "EDS", "connect_timeout": "0.25s",
                    "eds_cluster_config": {"eds_config": self.source()}}],
            },
        });
        if matches!(self, Self::Ads | Self::DeltaAds) {
            configuration["dynamic_resources"] = json!({"ads_config": self.grpc()});
        }
        configuration
    }
}

/// A port that the kernel chooses.
const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

fn address(socket: SocketAddr) -> Value {
    json!({"socket_address": {"address": socket.ip().to_string(), "port_value": socket.port()}})
}

/// An Envoy that runs. Killed when dropped.
#[derive(Debug)]
pub(super) struct Envoy {
    child: Child,
    folder: tempfile::TempDir,
}

impl Envoy {
    pub(super) fn start(
        binary: &Path,
        transport: Transport,
        service: &str,
        discovery: SocketAddr,
    ) -> Result<Self, Error> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("envoy.json");
        fs::write(&file, transport.configuration(service, discovery).to_string())?;
        let child = Command::new(binary)
            .args(command::arguments(&file, &command::Options::default()))
            .arg("--admin-address-path")
            .arg(folder.path().join("admin"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.path().join("log"))?)
            .spawn()?;
        Ok(Self { child, folder })
    }

    /// The address of its listener, once it has one.
    pub(super) async fn listener(&self, client: &Client) -> Result<SocketAddr, Error> {
        let deadline = Instant::now() + LIMIT;
        loop {
            if let Ok(admin) = fs::read_to_string(self.folder.path().join("admin"))
                && let Ok(response) = client.get(format!("http://{admin}/listeners?format=json")).send().await
                && let Ok(told) = response.json::<Value>().await
                && let Some(port) =
                    told["listener_statuses"][0]["local_address"]["socket_address"]["port_value"].as_u64()
                && port > 0
            {
                return Ok(SocketAddr::new(ANY.ip(), u16::try_from(port)?));
            }
            if Instant::now() > deadline {
                let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
                return Err(format!("an Envoy had no listener after {LIMIT:?}:\n{log}").into());
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        service::end(&mut self.child);
    }
}
