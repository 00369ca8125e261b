//! The questions.

use std::{net::SocketAddr, time::Duration};

use reqwest::{StatusCode, Url};

use super::{Clusters, Stats, listeners};

/// The longest answer that is read, in bytes: that of an Envoy with tens of thousands of endpoints. What is longer comes from
/// something that is no Envoy, or would only fill memory.
pub const LONGEST_ANSWER: usize = 32 << 20;

/// How much is told of an answer with another status than 200, in bytes.
const LONGEST_REFUSAL: usize = 64 << 10;

/// A client of one Envoy's admin interface. Keeps its connections; cheap to clone.
#[derive(Debug, Clone)]
pub struct Admin {
    address: SocketAddr,
    http: reqwest::Client,
}

/// What `/ready` tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ready {
    /// It serves.
    Live,
    /// It runs and does not serve; its state, such as `PRE_INITIALIZING` or `DRAINING`.
    NotReady(String),
    /// Nobody answered in time; why.
    Unreachable(String),
}

/// A question that was not answered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdminError {
    /// No answer came, or not in time.
    #[error("failed to ask {url}: {}", root_cause(source))]
    NoAnswer {
        /// What was asked.
        url: Url,
        /// Why.
        source: reqwest::Error,
    },
    /// The answer was another status than 200.
    #[error("{url} answered {status}: {}", body.trim())]
    Status {
        /// What was asked.
        url: Url,
        /// The status.
        status: StatusCode,
        /// What it said.
        body: String,
    },
    /// The answer was not what it should be.
    #[error("failed to read what {url} answered: {source}")]
    Unreadable {
        /// What was asked.
        url: Url,
        /// Why.
        source: serde_json::Error,
    },
    /// The answer is longer than is read.
    #[error("{url} answered more than {} MiB, of which no more is read", LONGEST_ANSWER >> 20)]
    TooLong {
        /// What was asked.
        url: Url,
    },
    /// The path cannot be asked for.
    #[error("`{path}` is not a path of the admin interface")]
    Path {
        /// The path.
        path: String,
    },
    /// There is no HTTP client to be had.
    #[error("failed to make an HTTP client: {0}")]
    Client(reqwest::Error),
}

impl Admin {
    /// A client for the admin interface at `address`.
    ///
    /// # Errors
    /// Where no HTTP client can be made at all.
    pub fn new(address: SocketAddr) -> Result<Self, AdminError> {
        // A proxy of the user's is for the world outside, never for a pod.
        let http = reqwest::Client::builder()
            .no_proxy()
            .build()
            .map_err(AdminError::Client)?;
        Ok(Self::with_client(address, http))
    }

    /// The same with a client that others use too, which shares its connections and its memory.
    pub fn with_client(address: SocketAddr, http: reqwest::Client) -> Self {
        Self { address, http }
    }

    /// Whether it serves.
    pub async fn ready(&self, timeout: Duration) -> Ready {
        match self.raw("/ready", timeout).await {
            Ok(_) => Ready::Live,
            Err(AdminError::Status { body, .. }) => Ready::NotReady(body.trim().to_owned()),
            Err(AdminError::NoAnswer { source, .. }) => Ready::Unreachable(root_cause(&source)),
            Err(other) => Ready::Unreachable(other.to_string()),
        }
    }

    /// Counters, gauges and texts, without histograms: those whose name matches the regular expression `filter`, or all.
    ///
    /// # Errors
    /// Where no answer came in time, or not one that can be read; a filter that is no regular expression is a 400.
    pub async fn stats(&self, filter: Option<&str>, timeout: Duration) -> Result<Stats, AdminError> {
        let mut url = self.url("/stats")?;
        url.query_pairs_mut()
            .append_pair("format", "json")
            .extend_pairs(filter.map(|filter| ("filter", filter)));
        let body = self.get(&url, timeout).await?;
        Stats::parse(&body).map_err(|source| AdminError::Unreadable { url, source })
    }

    /// The counters, gauges and texts of these names; one that there is none of is left out.
    ///
    /// # Errors
    /// Where no answer came in time, or not one that can be read.
    pub async fn stats_of(&self, names: &[&str], timeout: Duration) -> Result<Stats, AdminError> {
        let names: Vec<String> = names.iter().map(|name| regex::escape(name)).collect();
        self.stats(Some(&format!("^({})$", names.join("|"))), timeout).await
    }

    /// Every cluster with its endpoints.
    ///
    /// # Errors
    /// Where no answer came in time, or not one that can be read.
    pub async fn clusters(&self, timeout: Duration) -> Result<Clusters, AdminError> {
        let url = self.url("/clusters?format=json")?;
        let body = self.get(&url, timeout).await?;
        Clusters::parse(&body).map_err(|source| AdminError::Unreadable { url, source })
    }

    /// The names of its listeners, with an address of each.
    ///
    /// # Errors
    /// Where no answer came in time, or not one that can be read.
    pub async fn listeners(&self, timeout: Duration) -> Result<Vec<(String, SocketAddr)>, AdminError> {
        let url = self.url("/listeners?format=json")?;
        let body = self.get(&url, timeout).await?;
        listeners::parse(&body).map_err(|source| AdminError::Unreadable { url, source })
    }

    /// The whole configuration that it runs with, endpoints too, as JSON text.
    ///
    /// # Errors
    /// Where no answer came in time.
    pub async fn config_dump(&self, timeout: Duration) -> Result<String, AdminError> {
        self.raw("/config_dump?include_eds", timeout).await
    }

    /// The text at any path, such as `/server_info` or `/clusters`.
    ///
    /// # Errors
    /// Where no answer came in time, or one with another status than 200.
    pub async fn raw(&self, path: &str, timeout: Duration) -> Result<String, AdminError> {
        let url = self.url(path)?;
        let body = self.get(&url, timeout).await?;
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    /// Tells it to do something, such as `/drain_listeners?graceful` or `/healthcheck/fail`, and gives its answer.
    ///
    /// # Errors
    /// Where no answer came in time, or one with another status than 200.
    pub async fn post(&self, path: &str, timeout: Duration) -> Result<String, AdminError> {
        let url = self.url(path)?;
        let body = Self::answer(&url, self.http.post(url.clone()).timeout(timeout)).await?;
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    fn url(&self, path: &str) -> Result<Url, AdminError> {
        let wrong = || AdminError::Path { path: path.to_owned() };
        let base = Url::parse(&format!("http://{}/", self.address)).map_err(|_| wrong())?;
        let url = base.join(path).map_err(|_| wrong())?;
        // A path such as `//elsewhere/` would lead to another host.
        if url.host() == base.host() && url.port() == base.port() {
            Ok(url)
        } else {
            Err(wrong())
        }
    }

    async fn get(&self, url: &Url, timeout: Duration) -> Result<Vec<u8>, AdminError> {
        let ask = || Self::answer(url, self.http.get(url.clone()).timeout(timeout));
        match ask().await {
            // An Envoy that was restarted cuts the connection that was kept to the one before: that is no answer about it.
            Err(AdminError::NoAnswer { source, .. }) if !(source.is_timeout() || source.is_connect()) => ask().await,
            other => other,
        }
    }

    async fn answer(url: &Url, request: reqwest::RequestBuilder) -> Result<Vec<u8>, AdminError> {
        let no_answer = |source: reqwest::Error| AdminError::NoAnswer {
            url: url.clone(),
            source: source.without_url(),
        };
        let mut response = request.send().await.map_err(no_answer)?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(no_answer)? {
            if body.len() + chunk.len() > LONGEST_ANSWER {
                return Err(AdminError::TooLong { url: url.clone() });
            }
            body.extend_from_slice(&chunk);
        }
        if status == StatusCode::OK {
            return Ok(body);
        }
        body.truncate(LONGEST_REFUSAL);
        let body = String::from_utf8_lossy(&body).into_owned();
        Err(AdminError::Status {
            url: url.clone(),
            status,
            body,
        })
    }
}

/// The innermost reason: "Connection refused" rather than "error sending request".
fn root_cause(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
