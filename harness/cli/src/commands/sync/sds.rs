//! The questions to the discovery service, as any client asks them.

use std::{net::SocketAddr, time::Duration};

use meshkat_driver::{ReadError, read_all};
use meshkat_envoy::sync::{Clients, Intended, Question};
use reqwest::RequestBuilder;
use serde_json::json;

use crate::exit::Exit;

/// How long it may take for one answer.
const ANSWER: Duration = Duration::from_secs(2);
/// The longest answer that is read, in bytes: all resources of a type.
const LONGEST_ANSWER: usize = 64 << 20;
/// The `node.id` of these questions: no pod's, so that no pod is taken to have asked.
const NODE_ID: &str = "meshkat-sync";

/// A discovery service.
#[derive(Debug)]
pub(super) struct Sds {
    address: SocketAddr,
    http: reqwest::Client,
}

impl Sds {
    pub(super) fn new(address: SocketAddr) -> Result<Self, Exit> {
        let http = reqwest::Client::builder()
            // A proxy of the user's is for the world outside.
            .no_proxy()
            .timeout(ANSWER)
            .build()
            .map_err(|error| Exit::environment(format!("failed to make an HTTP client: {error}")))?;
        Ok(Self { address, http })
    }

    /// Who is connected, and how far each is.
    pub(super) async fn clients(&self) -> Result<Clients, Exit> {
        let request = self.http.get(format!("http://{}/xds/v3/clients", self.address));
        let body = self.answer(request).await?;
        Clients::read(&body).map_err(|error| self.failed(&format!("it says something else: {error}")))
    }

    /// What it intends, question by question.
    pub(super) async fn intended(&self, questions: impl IntoIterator<Item = Question>) -> Result<Intended, Exit> {
        let mut intended = Intended::default();
        for question in questions {
            let names: Vec<&String> = question.name.iter().collect();
            let request = self
                .http
                .post(format!("http://{}/v3/discovery:{}", self.address, question.kind))
                .json(&json!({"node": {"id": NODE_ID, "cluster": question.node_cluster}, "resource_names": names}));
            let body = self.answer(request).await?;
            intended
                .add(question, &body)
                .map_err(|error| self.failed(&format!("it says something else: {error}")))?;
        }
        Ok(intended)
    }

    async fn answer(&self, request: RequestBuilder) -> Result<Vec<u8>, Exit> {
        let lost = |error: reqwest::Error| self.failed(&why(&error));
        let response = request.send().await.map_err(lost)?;
        let status = response.status();
        let body = match read_all(response, LONGEST_ANSWER).await {
            Ok(body) => body,
            Err(ReadError::Lost(error)) => return Err(lost(error)),
            Err(error) => return Err(self.failed(&error.to_string())),
        };
        if status.is_success() {
            return Ok(body);
        }
        Err(self.failed(&format!(
            "it answers {status}: {}",
            String::from_utf8_lossy(&body).trim()
        )))
    }

    fn failed(&self, why: &str) -> Exit {
        let address = self.address;
        Exit::environment(format!("failed to ask sds at {address}: {why}")).help(
            "without it nobody knows what is intended, and the Envoys keep what they have; `meshkat status` shows what runs",
        )
    }
}

/// The innermost reason.
fn why(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
