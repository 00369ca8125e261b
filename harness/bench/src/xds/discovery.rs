//! The discovery service as an operator sees it: changes go in, counters come out.

use std::{path::Path, time::Duration};

use futures::{StreamExt as _, TryStreamExt as _};
use meshkat_discovery::DiscoveryClient;

use super::hosts;
use crate::{Error, service::Service, usage};

/// Between two looks at something that is waited for.
const PAUSE: Duration = Duration::from_millis(5);
/// How long anything is waited for.
pub(super) const LIMIT: Duration = Duration::from_secs(60);
/// How many services are registered at a time.
const AT_A_TIME: usize = 8;

/// A discovery service of its own, and a client that changes what it knows.
#[derive(Debug)]
pub(super) struct Discovery {
    pub(super) service: Service,
    client: DiscoveryClient,
}

impl Discovery {
    pub(super) fn start(bin: &Path) -> Result<Self, Error> {
        let service = Service::start(bin, "sds", "bench-sds")?;
        let client = DiscoveryClient::new(service.address(), LIMIT)?;
        Ok(Self { service, client })
    }

    /// Registers a service, or replaces what it has.
    pub(super) async fn put(&self, name: &str, service: meshkat_discovery::Service) -> Result<(), Error> {
        Ok(self.client.put_service(name, &service).await?)
    }

    /// Registers services with so many hosts each.
    pub(super) async fn register(&self, names: &[String], count: u32) -> Result<(), Error> {
        futures::stream::iter(names)
            .map(|name| self.put(name, hosts::service(0, count)))
            .buffer_unordered(AT_A_TIME)
            .try_collect()
            .await
    }

    /// The sum of a counter over all its labels.
    pub(super) async fn counter(&self, name: &str) -> Result<u64, Error> {
        let text = self.client.metrics().await?;
        let prefix = format!("{name}{{");
        let values = text.lines().filter(|line| line.starts_with(&prefix));
        values
            .map(|line| Ok(line.rsplit(' ').next().unwrap_or_default().parse::<u64>()?))
            .sum()
    }

    /// Waits until the client has answered every response. The answer to a response that another has followed already
    /// counts as stale.
    pub(super) async fn settled(&self) -> Result<(), Error> {
        let begun = std::time::Instant::now();
        loop {
            // Looked at before the responses: it can only be too few.
            let answered = self.counter("sds_acks_total").await? + self.counter("sds_stale_requests_total").await?;
            let sent = self.counter("sds_pushes_total").await?;
            if answered == sent {
                return Ok(());
            }
            if begun.elapsed() > LIMIT {
                return Err(format!("{sent} responses, {answered} answered after {LIMIT:?}").into());
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    pub(super) fn cpu(&self) -> Result<Duration, Error> {
        usage::cpu(self.service.pid())
    }

    pub(super) fn memory(&self) -> Result<u64, Error> {
        usage::private_memory(self.service.pid())
    }
}
