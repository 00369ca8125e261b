//! The configuration: flags, then the environment, then a file.

mod file;

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use file::ConfigFile;
pub use file::FileError;

use crate::kubernetes::{AccessError, EnvoyPort, InvalidPort, Kubernetes, KubernetesSettings, Pace};

/// Where the services come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SourceKind {
    /// What is written to /edsservice
    Registry,
    /// The EndpointSlices of Kubernetes
    Kubernetes,
}

/// Where the services come from. Each flag is also an environment variable, and those of a configuration key may stand in
/// the file too; a flag wins over the environment, and that over the file. One that is empty is not there.
#[derive(Debug, Clone, Args)]
pub struct SourceArgs {
    /// Where the services come from
    #[arg(long, env = "SOURCE", value_enum, default_value = "registry")]
    source: SourceKind,

    /// YAML file with kubernetes.namespace, kubernetes.api.host, kubernetes.token.path, kubernetes.cluster.domain and envoy.port
    #[arg(long, env = "CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,

    /// kubernetes.namespace: the only namespace to follow [default: all]
    #[arg(long, env = "KUBERNETES_NAMESPACE", value_name = "NAME")]
    kubernetes_namespace: Option<String>,

    /// kubernetes.api.host: the API server [default: that of the kubeconfig, or of the pod]
    #[arg(long, env = "KUBERNETES_API_HOST", value_name = "URL")]
    kubernetes_api_host: Option<String>,

    /// kubernetes.token.path: the file with the token [default: the credentials of the kubeconfig, or of the pod]
    #[arg(long, env = "KUBERNETES_TOKEN_PATH", value_name = "FILE")]
    kubernetes_token_path: Option<PathBuf>,

    /// kubernetes.cluster.domain: the domain of the cluster's DNS [default: cluster.local]
    #[arg(long, env = "KUBERNETES_CLUSTER_DOMAIN", value_name = "DOMAIN")]
    kubernetes_cluster_domain: Option<String>,

    /// envoy.port: the port of each pod's Envoy, or the name of the port that is it, `:` for the one without [default: 10000]
    #[arg(long, env = "ENVOY_PORT", value_name = "PORT")]
    envoy_port: Option<String>,

    /// Kubeconfig [default: $KUBECONFIG, else the pod's service account, else ~/.kube/config]
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
}

/// A source that can be served.
#[derive(Debug)]
pub enum Source {
    /// What is written to `/edsservice`.
    Registry,
    /// The EndpointSlices of Kubernetes.
    Kubernetes(Box<Kubernetes>),
}

/// Why a configuration is invalid. Every message names the setting.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The configuration file.
    #[error("{0}")]
    File(#[from] FileError),
    /// The port.
    #[error("envoy.port: {0}")]
    Port(#[from] InvalidPort),
    /// The way to Kubernetes.
    #[error("{0}")]
    Access(#[from] AccessError),
}

impl SourceArgs {
    /// The source that is asked for. Reads files, and asks nobody.
    ///
    /// # Errors
    /// A file or a setting is invalid.
    pub fn source(self) -> Result<Source, ConfigError> {
        let file = self
            .config
            .as_deref()
            .map(ConfigFile::read)
            .transpose()?
            .unwrap_or_default();
        let port = port(self.envoy_port.as_deref())?;
        if self.source == SourceKind::Registry {
            return Ok(Source::Registry);
        }
        let given = |text: &String| !text.is_empty();
        let path = |path: &PathBuf| !path.as_os_str().is_empty();
        let kubernetes = Kubernetes::new(KubernetesSettings {
            namespace: self.kubernetes_namespace.filter(given).or(file.namespace),
            api_host: self.kubernetes_api_host.filter(given).or(file.api_host),
            token_path: self.kubernetes_token_path.filter(path).or(file.token_path),
            cluster_domain: self.kubernetes_cluster_domain.filter(given).or(file.cluster_domain),
            kubeconfig: self.kubeconfig,
            envoy_port: port.or(file.envoy_port).unwrap_or_default(),
            pace: Pace::default(),
        })?;
        Ok(Source::Kubernetes(Box::new(kubernetes)))
    }
}

/// In a namespace with a Service called `envoy`, Kubernetes itself sets `ENVOY_PORT`, to an address such as
/// `tcp://10.0.0.1:80`: that is no setting.
fn port(text: Option<&str>) -> Result<Option<EnvoyPort>, InvalidPort> {
    text.filter(|text| !text.is_empty() && !text.contains("://"))
        .map(str::parse)
        .transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_kubernetes_sets_for_a_service_is_no_port() {
        assert_eq!(port(Some("tcp://10.0.0.1:80")), Ok(None));
        assert_eq!(port(Some("")), Ok(None));
        assert_eq!(port(Some("80")), Ok(Some("80".parse().unwrap())));
        port(Some("70000")).unwrap_err();
    }
}
