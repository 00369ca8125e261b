//! Following Kubernetes: all EndpointSlices once, then every change.
//!
//! kube's own watcher does the same, but it tells neither that a watch was opened nor of bookmarks, so that nobody could
//! say whether what is known is up to date; and a watch that is closed at once it opens again at once, without end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::AsyncBufReadExt as _;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::{ListParams, WatchParams};
use kube::core::WatchEvent;
use kube::core::request::Request;
use kube::{Api, Client};
use meshkat_kit::Readiness;
use tokio::time::timeout;

use super::pace::{Pace, Pauses};
use super::slices::Slices;
use super::status::Status;
use super::trouble::Trouble;
use crate::store::Store;

/// How many slices are asked for at once.
const PAGE: u32 = 500;

/// Brings what Kubernetes says into a store.
pub(super) struct Follower {
    pub(super) client: Client,
    /// The only namespace to follow; all if there is none.
    pub(super) namespace: Option<String>,
    pub(super) pace: Pace,
    pub(super) slices: Slices,
    pub(super) into: Arc<Store>,
    pub(super) status: Arc<Status>,
    pub(super) readiness: Readiness,
}

impl Follower {
    /// Follows Kubernetes without end: whatever goes wrong is told and tried again.
    pub(super) async fn follow(mut self) {
        let mut pauses = Pauses::new(self.pace);
        loop {
            let trouble = match self.list().await {
                Ok(version) => self.watch_from(version, &mut pauses).await,
                Err(trouble) => trouble,
            };
            self.status.lost(&trouble);
            tokio::time::sleep(pauses.next()).await;
        }
    }

    /// Replaces what is known by what is there; gives the version from which to watch.
    async fn list(&mut self) -> Result<String, Trouble> {
        let api: Api<EndpointSlice> = match &self.namespace {
            Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        };
        let mut slices = Vec::new();
        let mut params = ListParams::default().limit(PAGE);
        let version = loop {
            let page = within(self.pace.answer, api.list(&params)).await??;
            slices.extend(page.items);
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params.continue_token = Some(token),
                None => break page.metadata.resource_version,
            }
        };
        let version = version.filter(|version| !version.is_empty()).ok_or_else(|| {
            Trouble::Undecodable("metadata.resourceVersion: a list has to have one, to be watched from".to_owned())
        })?;
        self.into.follow(self.slices.replace(&slices));
        self.status.passed_over(self.slices.passed_over());
        tracing::info!(slices = slices.len(), version, "listed the EndpointSlices");
        self.status.listed(&self.readiness);
        Ok(version)
    }

    /// Watches again and again, each time from where the last watch was; gives why that cannot go on.
    async fn watch_from(&mut self, mut version: String, pauses: &mut Pauses) -> Trouble {
        loop {
            let (begun, before) = (Instant::now(), version.clone());
            let trouble = match self.watch(&mut version).await {
                Err(trouble) => trouble,
                Ok(never) => match never {},
            };
            let lived = begun.elapsed();
            // A watch that is only ever opened and closed is no success.
            if version != before || lived >= self.pace.longest_pause {
                pauses.reset();
            }
            if !trouble.is_resumed() {
                return trouble;
            }
            self.status.lost(&trouble);
            let pause = pauses.next();
            if !matches!(trouble, Trouble::Closed) || lived < pause {
                tokio::time::sleep(pause).await;
            }
        }
    }

    /// One watch, until its end. `version` moves along.
    async fn watch(&mut self, version: &mut String) -> Result<std::convert::Infallible, Trouble> {
        let params = WatchParams::default().timeout(u32::try_from(self.pace.watch.as_secs()).unwrap_or(u32::MAX));
        let request = Request::new(url_path(self.namespace.as_deref()))
            .watch(&params, version)
            .map_err(kube::Error::BuildRequest)?;
        let lines = within(self.pace.answer, self.client.request_stream(request)).await??;
        let mut lines = std::pin::pin!(lines);
        self.status.watching();
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = within(self.pace.watch + self.pace.grace, lines.read_until(b'\n', &mut line)).await?;
            match read.map_err(|error| Trouble::BrokeOff(error.to_string()))? {
                0 => {
                    self.status.heard();
                    return Err(Trouble::Closed);
                }
                _ if line.ends_with(b"\n") => self.hear(&line, version)?,
                _ => return Err(Trouble::BrokeOff("in the middle of an event".to_owned())),
            }
        }
    }

    fn hear(&mut self, line: &[u8], version: &mut String) -> Result<(), Trouble> {
        let event: WatchEvent<EndpointSlice> =
            serde_json::from_slice(line).map_err(|error| Trouble::Undecodable(format!("an event: {error}")))?;
        let (slice, changes) = match event {
            WatchEvent::Error(status) => return Err((*status).into()),
            WatchEvent::Bookmark(bookmark) => {
                self.status.heard();
                *version = bookmark.metadata.resource_version;
                return Ok(());
            }
            WatchEvent::Added(slice) | WatchEvent::Modified(slice) => {
                let changes = self.slices.apply(&slice);
                (slice, changes)
            }
            WatchEvent::Deleted(slice) => {
                let changes = self.slices.delete(&slice);
                (slice, changes)
            }
        };
        self.status.event();
        self.into.follow(changes);
        self.status.passed_over(self.slices.passed_over());
        if let Some(seen) = slice.metadata.resource_version {
            *version = seen;
        }
        Ok(())
    }
}

fn url_path(namespace: Option<&str>) -> String {
    <EndpointSlice as kube::Resource>::url_path(&(), namespace)
}

async fn within<T>(limit: Duration, future: impl Future<Output = T>) -> Result<T, Trouble> {
    timeout(limit, future).await.map_err(|_| Trouble::Silent(limit))
}
