//! Who answers: the service and its instance, on every response.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderName, HeaderValue};

use crate::connection::Connection;
use crate::guard::Guard;

/// The response header that names the instance.
pub const SERVED_BY: HeaderName = HeaderName::from_static("x-served-by");

/// The response header that tells the IP address of the TCP peer as the application saw it.
///
/// It proves who reached the application: in a pod that is only ever its own Envoy.
pub const PEER_ADDRESS: HeaderName = HeaderName::from_static("x-peer-address");

/// The name of a service and of this one instance of it, and who may change what it does.
#[derive(Debug, Clone)]
pub struct Identity {
    service: &'static str,
    instance: String,
    header: HeaderValue,
    guard: Guard,
}

/// An instance name that a header cannot carry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an instance name is 1 to 253 visible ASCII characters without spaces, not {name:?}")]
pub struct InvalidInstance {
    /// The name that was refused.
    pub name: String,
}

impl Identity {
    /// Names an instance.
    ///
    /// # Errors
    /// The name is empty, longer than 253 bytes, or has anything but visible ASCII characters.
    pub fn new(service: &'static str, instance: &str) -> Result<Self, InvalidInstance> {
        let invalid = || InvalidInstance {
            name: instance.to_owned(),
        };
        if instance.is_empty() || instance.len() > 253 || !instance.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(invalid());
        }
        let header = HeaderValue::from_str(instance).map_err(|_| invalid())?;
        Ok(Self {
            service,
            instance: instance.to_owned(),
            header,
            guard: Guard::default(),
        })
    }

    /// The same with other rules of who may change what it does.
    #[must_use]
    pub fn guarded(mut self, guard: Guard) -> Self {
        self.guard = guard;
        self
    }

    /// Who may change what it does: by default this user and root, over the loopback interface.
    pub fn guard(&self) -> &Guard {
        &self.guard
    }

    /// The service, such as `pet`.
    pub fn service(&self) -> &'static str {
        self.service
    }

    /// The instance, such as `pet-2`.
    pub fn instance(&self) -> &str {
        &self.instance
    }
}

/// Puts [`SERVED_BY`] and [`PEER_ADDRESS`] on whatever the layers below answer.
pub(crate) async fn stamp(State(identity): State<Identity>, request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Connection>().map(Connection::peer);
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(SERVED_BY, identity.header);
    if let Some(peer) = peer
        && let Ok(value) = HeaderValue::from_str(&peer.ip().to_string())
    {
        headers.insert(PEER_ADDRESS, value);
    }
    response
}
