//! Asking: one request and its answer.

use std::{net::SocketAddr, time::Duration};

use meshkat_driver::{ReadError, read_all};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, RequestBuilder, header::AUTHORIZATION, redirect::Policy};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{clients::Clients, error::DiscoveryError};

/// The longest answer about services or clients that is read, in bytes: those of a mesh that is far larger than a machine can run.
pub(crate) const LONGEST_ANSWER: usize = 8 << 20;
/// How much is told of an answer that is a refusal, in bytes.
const LONGEST_REFUSAL: usize = 64 << 10;
const FAULTS: &str = "/xds/v3/faults";
/// What stays as it is in a part of a path.
const PLAIN: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A discovery service, as its users see it. Clones share their connections.
#[derive(Debug, Clone)]
pub struct DiscoveryClient {
    address: SocketAddr,
    authorization: Option<String>,
    http: reqwest::Client,
}

impl DiscoveryClient {
    /// A client of the discovery service at an address, of which no answer may take longer than `limit`.
    ///
    /// # Errors
    /// The HTTP library cannot be set up.
    pub fn new(address: SocketAddr, limit: Duration) -> Result<Self, DiscoveryError> {
        let http = reqwest::Client::builder()
            // A proxy of the user's is for the world outside.
            .no_proxy()
            .redirect(Policy::none())
            .timeout(limit)
            .build();
        Ok(Self::with_client(address, http.map_err(DiscoveryError::Http)?))
    }

    /// The same over the connections of an HTTP client, whose timeout is the limit.
    pub fn with_client(address: SocketAddr, http: reqwest::Client) -> Self {
        Self {
            address,
            authorization: None,
            http,
        }
    }

    /// The same with a header `Authorization`, which changes need where the service has a token.
    #[must_use]
    pub fn authorized(self, authorization: Option<&str>) -> Self {
        Self {
            authorization: authorization.map(str::to_owned),
            ..self
        }
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// That it is ready: its source has synced.
    ///
    /// # Errors
    /// It is not, or does not answer.
    pub async fn ready(&self) -> Result<(), DiscoveryError> {
        let request = self.request(Method::GET, "/readyz");
        self.send(&self.question(), request, LONGEST_ANSWER).await?;
        Ok(())
    }

    /// Its metrics, as Prometheus reads them.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn metrics(&self) -> Result<String, DiscoveryError> {
        let request = self.request(Method::GET, "/metrics");
        let answer = self.send(&self.question(), request, LONGEST_ANSWER).await?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    /// Who is connected, and how far each is.
    ///
    /// # Errors
    /// It does not answer, or something else.
    pub async fn clients(&self) -> Result<Clients, DiscoveryError> {
        let request = self.request(Method::GET, "/xds/v3/clients");
        self.json(&self.question(), request, LONGEST_ANSWER).await
    }

    /// What it does wrong on purpose towards Envoys; nothing is an empty object.
    ///
    /// # Errors
    /// It does not answer, or something else.
    pub async fn fault(&self) -> Result<Map<String, Value>, DiscoveryError> {
        let request = self.request(Method::GET, FAULTS);
        self.json(&self.question(), request, LONGEST_ANSWER).await
    }

    /// Makes it fail on purpose towards Envoys; `fault` is the body of `PUT /xds/v3/faults`.
    ///
    /// # Errors
    /// It does not answer, or does not take it.
    pub async fn put_fault(&self, fault: &Value) -> Result<(), DiscoveryError> {
        let request = self.request(Method::PUT, FAULTS).json(fault);
        self.send("PUT the fault of sds", request, LONGEST_ANSWER).await?;
        Ok(())
    }

    /// It does not fail on purpose any more.
    ///
    /// # Errors
    /// It does not answer, or does not take it.
    pub async fn delete_fault(&self) -> Result<(), DiscoveryError> {
        let request = self.request(Method::DELETE, FAULTS);
        self.send("DELETE the fault of sds", request, LONGEST_ANSWER).await?;
        Ok(())
    }

    /// What it is asked for where it only has to tell.
    pub(crate) fn question(&self) -> String {
        format!("ask sds at {}", self.address)
    }

    /// A request; `path` begins with a slash.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let may_change = method != Method::GET;
        let request = self.http.request(method, format!("http://{}{path}", self.address));
        match &self.authorization {
            Some(authorization) if may_change => request.header(AUTHORIZATION, authorization),
            _ => request,
        }
    }

    pub(crate) async fn json<T: DeserializeOwned>(
        &self,
        asked: &str,
        request: RequestBuilder,
        longest: usize,
    ) -> Result<T, DiscoveryError> {
        let body = self.send(asked, request, longest).await?;
        serde_json::from_slice(&body).map_err(|source| DiscoveryError::Unreadable {
            asked: asked.to_owned(),
            source,
        })
    }

    /// The body of an answer that is no refusal.
    pub(crate) async fn send(
        &self,
        asked: &str,
        request: RequestBuilder,
        longest: usize,
    ) -> Result<Vec<u8>, DiscoveryError> {
        let asked = || asked.to_owned();
        let unreachable = |source| DiscoveryError::Unreachable { asked: asked(), source };
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        if !status.is_success() {
            let answer = read_all(response, LONGEST_REFUSAL).await;
            return Err(DiscoveryError::Refused {
                asked: asked(),
                status,
                answer: answer.map_or_else(
                    |why| why.to_string(),
                    |body| String::from_utf8_lossy(&body).trim().to_owned(),
                ),
            });
        }
        read_all(response, longest).await.map_err(|error| match error {
            ReadError::Lost(source) => unreachable(source),
            source @ ReadError::TooLong(_) => DiscoveryError::TooLong { asked: asked(), source },
        })
    }
}

/// A name as a part of a path.
pub(crate) fn segment(name: &str) -> impl std::fmt::Display {
    utf8_percent_encode(name, &PLAIN)
}
