//! `logged`: the lines of Envoys' access logs since the case began, or since something was kept.

use std::{collections::BTreeMap, time::Duration};

use meshkat_envoy::access;
use meshkat_model::{
    mesh::Container,
    observation::{AccessLog, LogLine},
    scenario::verb::Step,
};
use meshkat_runtime::Pod;

use crate::case::{Broken, CaseRun, environment};

/// How long an Envoy may take to write down what it has answered. It does so every 50 ms.
const LOGGED: Duration = Duration::from_millis(500);

/// How long the logs of Envoys were, by pod.
pub(crate) type Marks = BTreeMap<String, u64>;

impl CaseRun<'_> {
    /// Whether a step of the case judges access logs.
    fn judges_logs(&self) -> bool {
        let mut steps = self.case.steps.iter();
        steps.any(|step| matches!(&step.value, Step::Envoy(step) if step.logged.is_some()))
    }

    /// Notes where access logs begin to count.
    pub(crate) async fn begin_to_log(&mut self) {
        if !self.judges_logs() {
            return;
        }
        self.began = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string();
        // What was answered before the case is written down before it begins.
        self.mesh.access_logged(LOGGED).await;
        for pod in self.mesh.pods().iter().filter(|pod| pod.envoy.is_some()) {
            let length = self.log_length(pod).await;
            self.log_marks.insert(pod.name.clone(), length);
        }
    }

    /// Notes how long the log of an Envoy is where a step keeps what it says, if a later one may count from there.
    pub(super) async fn mark_log(&mut self, name: &str, pod: &Pod) {
        if self.judges_logs() {
            self.mesh.pod_access_logged(pod, LOGGED).await;
            let length = self.log_length(pod).await;
            self.kept_log_marks
                .insert(name.to_owned(), [(pod.name.clone(), length)].into());
        }
    }

    async fn log_length(&self, pod: &Pod) -> u64 {
        let log = self.mesh.lease().log_since(&pod.name, Container::Envoy, 0).await;
        log.map_or(0, |(_, length)| length)
    }

    /// The access log of a pod's Envoy since the case began, or since this name was kept. `is_settled`: what was answered before now is
    /// waited for.
    pub(super) async fn access_log(
        &self,
        pod: &Pod,
        since: Option<&str>,
        is_settled: bool,
    ) -> Result<AccessLog, Broken> {
        if !self.mesh.keeps_access_log(&pod.group) && !self.mesh.finds_listeners(&pod.group) {
            return Ok(AccessLog::default());
        }
        if is_settled {
            self.mesh.pod_access_logged(pod, LOGGED).await;
        }
        let marks = match since {
            Some(name) => self.kept_log_marks.get(name),
            None => Some(&self.log_marks),
        };
        let from = marks
            .and_then(|marks| marks.get(&pod.name))
            .copied()
            .unwrap_or_default();
        let read = self.mesh.lease().log_since(&pod.name, Container::Envoy, from).await;
        let log = match read {
            Ok((log, _)) => log,
            Err(error) => return environment(Err(error)).map(|()| AccessLog::default()),
        };
        let log = String::from_utf8_lossy(&log);
        let lines = access::split(&log).1;
        // What an Envoy writes late may be of before.
        let is_of_before = |line: &&str| {
            let read = self.mesh.read_access(&pod.group, line);
            let start = read.and_then(|access| access.start);
            since.is_none() && start.is_some_and(|start| start < self.began)
        };
        let lines = lines
            .into_iter()
            .filter(|line| !line.trim().is_empty() && !is_of_before(line));
        Ok(AccessLog {
            lines: lines.map(|line| self.log_line(pod, line)).collect(),
            tells: Some(self.mesh.access_log_tells(&pod.group)),
        })
    }

    fn log_line(&self, pod: &Pod, line: &str) -> LogLine {
        let text = line.to_owned();
        let Some(access) = self.mesh.read_access(&pod.group, line) else {
            return LogLine {
                text,
                ..LogLine::default()
            };
        };
        LogLine {
            text,
            method: access.method,
            path: access.path,
            host: access.authority,
            status: access.code,
            flags: access.flags,
            details: access.details,
            cluster: access.cluster,
            upstream: access.upstream.map(|host| self.mesh.name_of(&host)),
            duration_ms: access.duration_ms,
        }
    }
}
