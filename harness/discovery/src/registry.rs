//! The registry: services and their hosts.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

use reqwest::{Method, StatusCode};
use serde::{Deserialize, Serialize};

use crate::{
    client::{DiscoveryClient, LONGEST_ANSWER, segment},
    error::DiscoveryError,
};

/// All services, by name.
pub type Services = BTreeMap<String, Service>;

/// A service.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Service {
    /// Where it runs. None is allowed, and meant.
    pub hosts: Vec<Host>,
}

/// One address of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// The address.
    pub ip_address: IpAddr,
    /// The port.
    pub port: u16,
    /// What Envoys are to know of it.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

/// What Envoys are to know of a host, as far as it is said.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tags {
    /// The host's share of the load, against that of the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_balancing_weight: Option<u32>,
}

impl Tags {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Host {
    /// A host of which nothing more is said.
    pub fn new(socket: SocketAddr) -> Self {
        Self {
            ip_address: socket.ip(),
            port: socket.port(),
            tags: Tags::default(),
        }
    }

    /// Where it is.
    pub fn socket(&self) -> SocketAddr {
        SocketAddr::new(self.ip_address, self.port)
    }
}

impl FromIterator<Host> for Service {
    fn from_iter<T: IntoIterator<Item = Host>>(hosts: T) -> Self {
        Self {
            hosts: hosts.into_iter().collect(),
        }
    }
}

impl DiscoveryClient {
    /// All services that are registered.
    ///
    /// # Errors
    /// It does not answer, or something else.
    pub async fn services(&self) -> Result<Services, DiscoveryError> {
        #[derive(Deserialize)]
        struct Registry {
            services: Services,
        }
        let request = self.request(Method::GET, "/edsservice");
        let registry: Registry = self.json(&self.question(), request, LONGEST_ANSWER).await?;
        Ok(registry.services)
    }

    /// A service; none if it is not registered.
    ///
    /// # Errors
    /// It does not answer, or something else.
    pub async fn service(&self, name: &str) -> Result<Option<Service>, DiscoveryError> {
        let request = self.request(Method::GET, &path(name));
        match self.json(&self.question(), request, LONGEST_ANSWER).await {
            Err(DiscoveryError::Refused { status, .. }) if status == StatusCode::NOT_FOUND => Ok(None),
            answer => answer.map(Some),
        }
    }

    /// Registers a service, or replaces its hosts.
    ///
    /// # Errors
    /// It does not answer, or does not take it; then nothing is changed.
    pub async fn put_service(&self, name: &str, service: &Service) -> Result<(), DiscoveryError> {
        let request = self.request(Method::PUT, &path(name)).json(service);
        self.send(&format!("PUT `{name}` in the registry"), request, LONGEST_ANSWER)
            .await?;
        Ok(())
    }

    /// Takes a service out of the registry. Envoys keep what they have.
    ///
    /// # Errors
    /// It does not answer, or knows no such service; then nothing is changed.
    pub async fn delete_service(&self, name: &str) -> Result<(), DiscoveryError> {
        let request = self.request(Method::DELETE, &path(name));
        self.send(&format!("DELETE `{name}` in the registry"), request, LONGEST_ANSWER)
            .await?;
        Ok(())
    }
}

fn path(name: &str) -> String {
    format!("/edsservice/{}", segment(name))
}
