//! Programs of users' own: whether they are ready.

use std::time::{Duration, Instant};

use meshkat_model::{
    mesh::{Container, Port},
    program::{Program, Readiness},
};
use meshkat_runtime::{Pod, RuntimeError, Target};
use tokio::net::TcpStream;

use super::{
    ANSWER, RunningMesh,
    error::{EndedProgram, MeshError},
};

/// How much is shown of what a program wrote that is not ready in time, in bytes.
const LOG_TAIL: usize = 1_000;

impl RunningMesh {
    /// Starts a container. How much a program had written by then is noted: it is ready by what it writes from now on.
    pub(super) async fn start_container(&self, target: &Target) -> Result<(), RuntimeError> {
        let pod = self.lease.pod(&target.pod);
        let program = pod.as_ref().and_then(|pod| self.program(pod));
        let by_log = program.is_some_and(|program| matches!(program.ready, Readiness::Log(_)));
        if by_log && target.container != Some(Container::Envoy) {
            let (_, written) = self.lease.log_since(&target.pod, Container::Application, 0).await?;
            self.state().written.insert(target.pod.clone(), written);
        }
        self.lease.start(target).await
    }

    /// Waits until a program is ready, by what its mesh file says of it.
    ///
    /// # Errors
    /// It ended, or was not ready in time; with the end of what it wrote.
    pub(super) async fn program_ready(
        &self,
        pod: &Pod,
        program: &Program,
        deadline: Instant,
        limit: Duration,
    ) -> Result<(), MeshError> {
        let look = || async {
            match self.is_program_ready(pod, program).await {
                Ok(()) => Ok(Ok(())),
                Err(why) => match self.ended(pod, Container::Application).await {
                    Some(end) => Ok(Err(ended_early(pod, program, end))),
                    None => Err(why),
                },
            }
        };
        let ready = self.until(deadline, limit, look).await;
        let log = match &ready {
            Ok(_) => String::new(),
            Err(_) => self.end_of_log(pod).await,
        };
        self.in_time(ready, limit, |seen| {
            let name = program.name();
            format!(
                "the program `{name}` of {}: {seen}; the end of its log:\n{log}",
                pod.name
            )
        })
    }

    async fn is_program_ready(&self, pod: &Pod, program: &Program) -> Result<(), String> {
        let socket = pod.socket(Port::Application);
        match &program.ready {
            Readiness::Tcp => match tokio::time::timeout(ANSWER, TcpStream::connect(socket)).await {
                Ok(Ok(_)) => Ok(()),
                Ok(Err(error)) => Err(format!("it takes no connection at {socket}: {error}")),
                Err(_) => Err(format!("it takes no connection at {socket} in time")),
            },
            Readiness::Http(path) => match self.http.get(format!("http://{socket}{path}")).send().await {
                Ok(response) if response.status().is_success() => Ok(()),
                Ok(response) => Err(format!("{path} says {}", response.status())),
                Err(error) => Err(format!("{path} at {socket}: {error}")),
            },
            Readiness::Log(text) => {
                let from = self.state().written.get(&pod.name).copied().unwrap_or_default();
                let log = self.lease.log_since(&pod.name, Container::Application, from).await;
                let (log, _) = log.map_err(|error| error.to_string())?;
                match String::from_utf8_lossy(&log).contains(text) {
                    true => Ok(()),
                    false => Err(format!("it has not written `{text}`")),
                }
            }
        }
    }

    /// What is told of an application that ended before its pod was ready.
    pub(super) fn ended_early(&self, pod: &Pod, end: MeshError) -> MeshError {
        match self.program(pod) {
            Some(program) => ended_early(pod, program, end),
            None => end,
        }
    }

    async fn end_of_log(&self, pod: &Pod) -> String {
        let log = self.lease.log(&pod.name, Container::Application, LOG_TAIL).await;
        match log {
            Ok(log) if log.trim().is_empty() => "(it wrote nothing)".to_owned(),
            Ok(log) => log,
            Err(error) => error.to_string(),
        }
    }
}

/// A program that ends before it is ready is wrong by itself, and not by its environment.
fn ended_early(pod: &Pod, program: &Program, end: MeshError) -> MeshError {
    let MeshError::Crashed { state, log, .. } = end else {
        return end;
    };
    let (file, line) = program.place.rsplit_once(':').unwrap_or((&program.place, "1"));
    MeshError::ProgramEnded(Box::new(EndedProgram {
        pod: pod.name.clone(),
        program: program.name().to_owned(),
        file: file.to_owned(),
        line: line.parse().unwrap_or(1),
        state,
        log,
    }))
}
