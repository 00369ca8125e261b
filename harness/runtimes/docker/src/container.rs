//! One container, from when it is made to when it is removed.

use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use bollard::Docker;
use bollard::container::LogOutput;
use bollard::errors::Error;
use bollard::models::ContainerStateStatusEnum;
use bollard::query_parameters::{InspectContainerOptions, KillContainerOptions};
use futures::{FutureExt, Stream, StreamExt};
use meshkat_model::mesh::Container;
use meshkat_runtime::pods::{DriverContainer, Ended, Life, Look, Order};
use meshkat_runtime::run::{BoundedLog, LOG_LIMIT, LeaseId, since, tail};
use meshkat_runtime::{InstanceId, RuntimeError, Target, failed as failed_at};

use crate::api::{attach, create, ended, inspect, pid, start};
use crate::daemon::{failed, is_conflict, is_missing};
use crate::launch::Launch;
use crate::remove;
use crate::sandbox::Sandbox;

/// An application or an Envoy.
#[derive(Debug)]
pub(crate) struct DockerContainer {
    docker: Docker,
    run: LeaseId,
    target: Target,
    launch: Launch,
    sandbox: Arc<Sandbox>,
    /// Whether the daemon has it.
    is_made: tokio::sync::Mutex<bool>,
}

impl DockerContainer {
    pub(crate) fn new(
        docker: Docker,
        run: LeaseId,
        (pod, container): (&str, Container),
        launch: Launch,
        sandbox: Arc<Sandbox>,
    ) -> Self {
        Self {
            docker,
            run,
            target: Target::container(pod, container),
            launch,
            sandbox,
            is_made: tokio::sync::Mutex::new(false),
        }
    }

    fn open_log(&self) -> Result<Option<BoundedLog>, RuntimeError> {
        let Some(path) = &self.launch.log else { return Ok(None) };
        let log = BoundedLog::open(path, LOG_LIMIT);
        log.map(Some).map_err(failed_at("open", path))
    }
}

#[async_trait]
impl DriverContainer for DockerContainer {
    async fn start(&self) -> Result<Life, RuntimeError> {
        let name = &self.launch.name;
        self.sandbox.up().await?;
        let mut is_made = self.is_made.lock().await;
        if !*is_made {
            create(&self.docker, &self.launch).await?;
            *is_made = true;
        }
        let log = self.open_log()?;
        // From before its start, so that nothing of what it says is missed.
        let output = attach(&self.docker, name).await?.output;
        start(&self.docker, name).await?;
        let pid = pid(&inspect(&self.docker, name).await?);
        let (docker, name) = (self.docker.clone(), name.clone());
        let ended = async move {
            write_log(output, log).await;
            exited(ended(&docker, &name).await)
        };
        Ok(Life {
            instance: InstanceId::process(pid),
            ended: ended.boxed(),
        })
    }

    async fn look(&self) -> Result<Look, RuntimeError> {
        let name = &self.launch.name;
        let seen = match self
            .docker
            .inspect_container(name, None::<InspectContainerOptions>)
            .await
        {
            Err(error) if is_missing(&error) => return Ok(Look::NeverRan),
            seen => seen.map_err(failed(format!("inspect the container {name}")))?,
        };
        if !remove::is_of(&seen, &self.run) {
            return Err(RuntimeError::NotOurs {
                target: self.target.clone(),
                instance: InstanceId::named(format!("container {name}")),
            });
        }
        let is_paused = match seen.state.as_ref().and_then(|state| state.status) {
            Some(ContainerStateStatusEnum::RUNNING) => false,
            Some(ContainerStateStatusEnum::PAUSED) => true,
            Some(ContainerStateStatusEnum::EXITED | ContainerStateStatusEnum::DEAD) => {
                let code = seen.state.as_ref().and_then(|state| state.exit_code);
                return Ok(Look::Ended(exited(code)));
            }
            _ => return Ok(Look::NeverRan),
        };
        let (docker, name) = (self.docker.clone(), name.clone());
        let life = Life {
            instance: InstanceId::process(pid(&seen)),
            ended: async move { exited(ended(&docker, &name).await) }.boxed(),
        };
        Ok(Look::Lives { life, is_paused })
    }

    async fn order(&self, order: Order) -> Result<bool, RuntimeError> {
        let name = &self.launch.name;
        let kill = async |signal: &str| {
            let signal = signal.to_owned();
            self.docker
                .kill_container(name, Some(KillContainerOptions { signal }))
                .await
        };
        let done = match order {
            Order::Terminate => kill("SIGTERM").await,
            Order::Kill => kill("SIGKILL").await,
            Order::Pause => self.docker.pause_container(name).await,
            Order::Resume => self.docker.unpause_container(name).await,
        };
        match done {
            Ok(()) => Ok(true),
            // It ended by itself just before.
            Err(error) if order != Order::Pause && (is_conflict(&error) || is_missing(&error)) => Ok(false),
            Err(error) => Err(failed(format!("{order} the {}", self.target))(error)),
        }
    }

    /// The container goes with all that it has written; the next start makes another.
    async fn discard(&self) -> Result<(), RuntimeError> {
        let mut is_made = self.is_made.lock().await;
        if *is_made {
            remove::container(&self.docker, &self.launch.name).await?;
            *is_made = false;
        }
        Ok(())
    }

    async fn log(&self, tail_bytes: usize) -> Result<String, RuntimeError> {
        let Some(path) = &self.launch.log else {
            return Ok(String::new());
        };
        tail(path, tail_bytes).map_err(failed_at("read", path))
    }

    async fn log_since(&self, from: u64) -> Result<(Vec<u8>, u64), RuntimeError> {
        let Some(path) = &self.launch.log else {
            return Ok((Vec::new(), 0));
        };
        since(path, from).map_err(failed_at("read", path))
    }
}

/// Writes what a container says as it comes, until it has ended.
async fn write_log(
    mut output: Pin<Box<dyn Stream<Item = Result<LogOutput, Error>> + Send>>,
    mut log: Option<BoundedLog>,
) {
    while let Some(Ok(piece)) = output.next().await {
        if let Some(file) = &mut log
            && let Err(error) = file.write(&piece.into_bytes())
        {
            tracing::warn!(%error, "failed to write a log");
            log = None;
        }
    }
}

/// The daemon tells of a signal as a shell does: 128 and its number.
fn exited(code: Option<i64>) -> Ended {
    const SIGNAL: i64 = 128;
    const LAST: i64 = 64;
    let code = code.and_then(|code| i32::try_from(code).ok());
    let signal = code.filter(|code| (SIGNAL + 1..=SIGNAL + LAST).contains(&i64::from(*code)));
    Ended {
        code: code.filter(|_| signal.is_none()),
        signal: signal.map(|code| code - 128),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exit_code_tells_of_a_signal() {
        let of = |code, signal| Ended { code, signal };
        assert_eq!(exited(Some(137)), of(None, Some(9)));
        assert_eq!(exited(Some(1)), of(Some(1), None));
        assert_eq!(exited(Some(255)), of(Some(255), None));
        assert_eq!(exited(None), of(None, None));
    }
}
