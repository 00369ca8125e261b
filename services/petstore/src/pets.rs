//! Asking `pet`, through the pod's own Envoy.

use std::error::Error;
use std::net::IpAddr;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, StatusCode, header};
use meshkat_kit::{Problem, SERVED_BY, trace};
use reqwest::{Client, Response, redirect};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::egress::Egress;

/// How long connecting to Envoy may take.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// How long the whole call may take, connecting included.
pub const TOTAL_TIMEOUT: Duration = Duration::from_secs(5);

/// The longest answer of `pet` that is read, in bytes.
pub const LONGEST_ANSWER: usize = 1 << 20;

/// How many pets a store has, at the most.
pub const MOST_PETS: usize = 1000;

/// How much of an upstream's error body is passed on, in bytes.
const BODY_SHOWN: usize = 4096;

/// The name by which Envoy routes to `pet`.
const PET: HeaderValue = HeaderValue::from_static("pet");

/// A client of `pet`.
#[derive(Debug)]
pub(crate) struct Pets {
    client: Client,
    egress: Egress,
}

/// What came of asking: the pets or why not, and the instance that answered, if one did.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) pets: Result<Vec<Box<RawValue>>, Failure>,
    pub(crate) served_by: Option<HeaderValue>,
}

/// Why there are no pets.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Nothing came back from Envoy, or not all of it.
    #[error("pet cannot be reached: the Envoy at {egress} did not answer: {reason}")]
    Silent { egress: Egress, reason: String },
    /// Envoy answered, but not with pets.
    #[error("pet cannot be reached: the Envoy at {egress} answered {status}: {body}")]
    Refused {
        egress: Egress,
        status: StatusCode,
        body: String,
    },
    /// More than is read.
    #[error("pet cannot be understood: {reason}")]
    TooMuch { reason: String },
    /// A 200 that is not a list of pets.
    #[error("pet answered what is not a list of pets: {reason}")]
    Garbled { reason: String },
}

impl Pets {
    pub(crate) fn new(egress: Egress, source: Option<IpAddr>) -> reqwest::Result<Self> {
        let client = Client::builder()
            // A proxy from the environment would lead around Envoy.
            .no_proxy()
            .redirect(redirect::Policy::none())
            .local_address(source)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TOTAL_TIMEOUT)
            .build()?;
        Ok(Self { client, egress })
    }

    /// The pets of one store. The trace headers among `headers` go on.
    pub(crate) async fn of_store(&self, store: u32, headers: &HeaderMap) -> Answer {
        let request = self
            .client
            .get(self.egress.url("/pets", "store", &store.to_string()))
            .headers(trace::propagated(headers))
            .header(header::HOST, PET);
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => {
                return Answer {
                    pets: Err(self.silent(error)),
                    served_by: None,
                };
            }
        };
        let served_by = response.headers().get(SERVED_BY).cloned();
        let status = response.status();
        let pets = match beginning(response).await {
            Ok((body, _)) if status != StatusCode::OK => Err(Failure::Refused {
                egress: self.egress.clone(),
                status,
                body: shown(&body),
            }),
            Ok((_, false)) => Err(Failure::TooMuch {
                reason: format!("its answer is longer than {LONGEST_ANSWER} bytes"),
            }),
            Ok((body, true)) => read(&body),
            Err(error) => Err(self.silent(error)),
        };
        Answer { pets, served_by }
    }

    fn silent(&self, error: reqwest::Error) -> Failure {
        let reason = if error.is_timeout() && !error.is_connect() {
            format!("no whole answer within {} s", TOTAL_TIMEOUT.as_secs())
        } else {
            causes(&error.without_url())
        };
        Failure::Silent {
            egress: self.egress.clone(),
            reason,
        }
    }
}

/// As much of an answer as is read, and whether that is all of it.
async fn beginning(mut response: Response) -> reqwest::Result<(Vec<u8>, bool)> {
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await? {
        let room = LONGEST_ANSWER - body.len();
        body.extend_from_slice(&piece[..piece.len().min(room)]);
        if piece.len() > room {
            return Ok((body, false));
        }
    }
    Ok((body, true))
}

/// Each pet as `pet` told it.
fn read(body: &[u8]) -> Result<Vec<Box<RawValue>>, Failure> {
    // Where they lie, until it is known how many they are.
    let pets: Vec<&RawValue> = serde_json::from_slice(body).map_err(|error| Failure::Garbled {
        reason: error.to_string(),
    })?;
    if pets.len() > MOST_PETS {
        return Err(Failure::TooMuch {
            reason: format!("it told of {} pets, and a store has at most {MOST_PETS}", pets.len()),
        });
    }
    Ok(pets.into_iter().map(ToOwned::to_owned).collect())
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        let detail = failure.to_string();
        let (status, upstream_status, upstream_body) = match failure {
            Failure::Silent { .. } | Failure::TooMuch { .. } => {
                (StatusCode::SERVICE_UNAVAILABLE, Value::Null, Value::Null)
            }
            Failure::Refused { status, body, .. } => {
                (StatusCode::SERVICE_UNAVAILABLE, status.as_u16().into(), body.into())
            }
            Failure::Garbled { .. } => return Problem::new(StatusCode::BAD_GATEWAY).detail(detail),
        };
        Problem::new(status)
            .detail(detail)
            .with("upstream_status", upstream_status)
            .with("upstream_body", upstream_body)
    }
}

/// The address to call from: the pod's own, if it has one on this machine.
///
/// In the process runtime every pod has an address of its own within 127.0.0.0/8, and Envoy is to see that one.
pub(crate) fn source_address(listen: IpAddr) -> Option<IpAddr> {
    match listen {
        IpAddr::V4(address) if address.is_loopback() && address != std::net::Ipv4Addr::LOCALHOST => Some(listen),
        _ => None,
    }
}

fn shown(body: &[u8]) -> String {
    String::from_utf8_lossy(&body[..body.len().min(BODY_SHOWN)]).into_owned()
}

/// An error with all its causes: the outermost alone only says that sending failed.
fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_pods_own_loopback_address_is_called_from() {
        let own: IpAddr = "127.0.3.1".parse().unwrap();
        assert_eq!(source_address(own), Some(own));
        for other in ["127.0.0.1", "0.0.0.0", "10.0.0.1", "::1", "::"] {
            assert_eq!(source_address(other.parse().unwrap()), None, "{other}");
        }
    }
}
