//! Where the API server is, and what lets one in.

use std::env;
use std::error::Error;
use std::io;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use http::{HeaderValue, Request, Uri, header};
use kube::client::{Body, ClientBuilder};
use kube::config::{Config, InClusterError, Kubeconfig, KubeconfigError};
use kube::{Client, config};
use meshkat_kit::{FILE_LIMIT, read_text};
use tower::BoxError;
use tower::filter::FilterLayer;

use super::trouble::TokenError;

/// What Kubernetes puts into every pod.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// Why it cannot be known where the API server is, or with what to ask it.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// There is nothing to go by.
    #[error(
        "there is no Kubernetes to follow: this is no pod (KUBERNETES_SERVICE_HOST is not set), and there is no kubeconfig; \
         give --kubeconfig, or --kubernetes-api-host and --kubernetes-token-path"
    )]
    None,
    /// The kubeconfig cannot be used.
    #[error("kubeconfig: {}", chain(.0))]
    Kubeconfig(#[source] KubeconfigError),
    /// The pod's service account cannot be used.
    #[error("the pod's service account: {}", chain(.0))]
    ServiceAccount(#[source] InClusterError),
    /// `kubernetes.api.host` is no address.
    #[error("kubernetes.api.host: an address such as https://10.0.0.1:6443 is asked for, not {0:?}")]
    Host(String),
    /// `kubernetes.token.path` cannot be read.
    #[error("kubernetes.token.path: {0}")]
    Token(String),
    /// `kubernetes.namespace` is none.
    #[error("kubernetes.namespace: lower-case letters, digits and `-`, at most 63, are asked for, not {0:?}")]
    Namespace(String),
    /// `kubernetes.cluster.domain` is none.
    #[error(
        "kubernetes.cluster.domain: names of lower-case letters, digits and `-`, joined by dots, are asked for, not {0:?}"
    )]
    Domain(String),
    /// No client can be made of it all, as of a certificate that is none.
    #[error("no client of the API server can be made: {}", chain(.0))]
    Client(#[source] kube::Error),
}

/// Where the API server is, and what lets one in.
#[derive(Debug, Clone)]
pub(super) struct Access {
    config: Config,
    token: Option<PathBuf>,
}

impl Access {
    /// Finds it: a kubeconfig that is given, else the pod's service account, else the kubeconfig of the home folder.
    /// `host` and `token` take the place of what is found.
    pub(super) fn find(
        kubeconfig: Option<&Path>,
        host: Option<&str>,
        token: Option<&Path>,
    ) -> Result<Self, AccessError> {
        let host = host.map(parse_host).transpose()?;
        let given = match kubeconfig {
            Some(path) => Some(kubeconfig_of(path)),
            None => Kubeconfig::from_env().transpose(),
        };
        let config = match (given, &host) {
            (Some(kubeconfig), _) => of_kubeconfig(kubeconfig)?,
            (None, Some(host)) => of_host(host.clone()),
            (None, None) if env::var_os("KUBERNETES_SERVICE_HOST").is_some_and(|host| !host.is_empty()) => {
                Config::incluster().map_err(AccessError::ServiceAccount)?
            }
            (None, None) => match Kubeconfig::read() {
                Err(KubeconfigError::FindPath | KubeconfigError::ReadConfig(..)) => return Err(AccessError::None),
                kubeconfig => of_kubeconfig(kubeconfig)?,
            },
        };
        Self::new(config, host, token)
    }

    fn new(mut config: Config, host: Option<Uri>, token: Option<&Path>) -> Result<Self, AccessError> {
        if let Some(host) = host {
            config.cluster_url = host;
        }
        // A failure is to be seen, and tried again at our own pace.
        config.default_retry = false;
        if let Some(token) = token {
            config.auth_info = config::AuthInfo::default();
            config.auth_info.token_file = Some(token.to_string_lossy().into_owned());
        }
        let token = config.auth_info.token_file.take().map(PathBuf::from);
        if let Some(token) = &token {
            bearer(token).map_err(|error| AccessError::Token(error.to_string()))?;
        }
        let access = Self { config, token };
        access.check()?;
        Ok(access)
    }

    /// Makes a client once, so that what cannot work is known at the start.
    fn check(&self) -> Result<(), AccessError> {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().build() else {
            return Ok(());
        };
        let made = {
            let _entered = runtime.enter();
            self.client().map(drop)
        };
        // This may be called on a runtime, where another must not be waited for.
        runtime.shutdown_background();
        made.map_err(AccessError::Client)
    }

    /// The namespace that one is in: the pod's, or that of the kubeconfig's context, or `default`.
    pub(super) fn namespace(&self) -> &str {
        &self.config.default_namespace
    }

    /// A client. Has to be called on a runtime.
    pub(super) fn client(&self) -> kube::Result<Client> {
        let builder = ClientBuilder::try_from(self.config.clone())?;
        let Some(token) = self.token.clone() else {
            return Ok(builder.build());
        };
        // Read for each request, of which there is about one a minute: so a token that was replaced is used at once.
        let authorize = move |mut request: Request<Body>| -> Result<Request<Body>, BoxError> {
            request.headers_mut().insert(header::AUTHORIZATION, bearer(&token)?);
            Ok(request)
        };
        Ok(builder.with_layer(&FilterLayer::new(authorize)).build())
    }
}

/// Reads a kubeconfig, unless it is such that reading it might have no end.
fn kubeconfig_of(path: &Path) -> Result<Kubeconfig, KubeconfigError> {
    let found = path.metadata();
    let found = found.map_err(|error| KubeconfigError::ReadConfig(error, path.to_owned()))?;
    if found.len() > FILE_LIMIT || found.file_type().is_char_device() {
        let error = io::Error::other(format!("it is no file of at most {FILE_LIMIT} bytes"));
        return Err(KubeconfigError::ReadConfig(error, path.to_owned()));
    }
    Kubeconfig::read_from(path)
}

fn of_kubeconfig(kubeconfig: Result<Kubeconfig, KubeconfigError>) -> Result<Config, AccessError> {
    kubeconfig.and_then(Config::try_from).map_err(AccessError::Kubeconfig)
}

/// An API server that is given by its address: with as much of a service account as there is.
fn of_host(host: Uri) -> Config {
    Config::incluster().unwrap_or_else(|_| {
        let mut config = Config::new(host);
        let token = Path::new(SERVICE_ACCOUNT).join("token");
        if token.is_file() {
            config.auth_info.token_file = Some(token.to_string_lossy().into_owned());
        }
        let certificates = Path::new(SERVICE_ACCOUNT).join("ca.crt");
        if certificates.is_file() {
            config.root_cert_file = Some(certificates);
        }
        config
    })
}

/// With a scheme or without, which means https.
fn parse_host(text: &str) -> Result<Uri, AccessError> {
    let invalid = || AccessError::Host(text.to_owned());
    let whole = if text.contains("://") {
        text.to_owned()
    } else {
        format!("https://{text}")
    };
    let uri: Uri = whole.parse().map_err(|_| invalid())?;
    let holds = matches!(uri.scheme_str(), Some("http" | "https"))
        && uri.host().is_some_and(|host| !host.is_empty())
        && uri.query().is_none();
    holds.then_some(uri).ok_or_else(invalid)
}

/// The header that a token makes.
fn bearer(path: &Path) -> Result<HeaderValue, TokenError> {
    let unusable = |why: String| TokenError {
        path: path.to_owned(),
        why,
    };
    let text = read_text(path, FILE_LIMIT).map_err(|error| unusable(error.to_string()))?;
    let token = text.trim();
    if token.is_empty() {
        return Err(unusable("it is empty".to_owned()));
    }
    let mut value =
        HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| unusable("no header can carry it".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

fn chain(error: &dyn Error) -> String {
    super::trouble::chain(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_an_address_with_or_without_its_scheme() {
        for (text, whole) in [
            ("10.0.0.1:6443", "https://10.0.0.1:6443/"),
            ("https://kubernetes.default.svc", "https://kubernetes.default.svc/"),
            ("http://127.0.0.1:8001/k8s", "http://127.0.0.1:8001/k8s"),
            ("[fd00::1]:6443", "https://[fd00::1]:6443/"),
        ] {
            assert_eq!(parse_host(text).unwrap().to_string(), whole);
        }
        for text in ["", "https://", "ftp://10.0.0.1", "http://a b", "10.0.0.1?x=1"] {
            parse_host(text).unwrap_err();
        }
    }

    #[test]
    fn what_has_no_end_is_neither_a_kubeconfig_nor_a_token() {
        let path = Path::new("/dev/zero");
        let error = kubeconfig_of(path).unwrap_err();
        assert!(chain(&error).contains("no file of at most"), "{error:?}");
        let error = bearer(path).unwrap_err().to_string();
        assert!(error.contains("longer than"), "{error}");
    }
}
