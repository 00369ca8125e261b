//! An application or an Envoy: its container, and what became of it.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bollard::Docker;
use bollard::container::LogOutput;
use bollard::errors::Error;
use bollard::query_parameters::{KillContainerOptions, StopContainerOptions};
use futures::{Stream, StreamExt};
use meshkat_model::mesh::Container;
use tokio::sync::{RwLock, watch};

use super::container;
use super::daemon::{failed, is_conflict, is_missing};
use super::launch::Launch;
use super::remove;
use super::sandbox::Sandbox;
use crate::pods::members::Stateful;
use crate::run::LOG_LIMIT;
use crate::run::folder;
use crate::run::identity::ProcessIdentity;
use crate::run::ledger::{LedgerFile, LedgerProcess};
use crate::run::log::BoundedLog;
use crate::{ContainerState, RuntimeError, Target};

/// How long the daemon may take to end a container that was killed.
const KERNEL: Duration = Duration::from_secs(20);

/// What every container of a mesh shares.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) docker: Docker,
    pub(super) ledger: LedgerFile,
    /// Moves at every change of a state.
    pub(super) changes: watch::Sender<u64>,
    /// Whether nothing may be started any more. Held for reading by whoever makes something.
    pub(super) released: RwLock<bool>,
}

impl Shared {
    pub(super) fn changed(&self) {
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
    }
}

/// One container of one pod.
#[derive(Debug)]
pub(super) struct Slot {
    target: Target,
    container: Container,
    launch: Launch,
    sandbox: Arc<Sandbox>,
    shared: Arc<Shared>,
    state: watch::Sender<ContainerState>,
    /// Of the life that it has now: set before it is made to end.
    ending: Mutex<Arc<AtomicBool>>,
    /// Held by whoever takes the container from one state to another; tells whether the daemon has it.
    turn: tokio::sync::Mutex<bool>,
    /// Whether it may not be started any more, as its pod is being removed.
    retired: AtomicBool,
}

impl Stateful for Slot {
    fn state(&self) -> ContainerState {
        self.state.borrow().clone()
    }
}

impl Slot {
    pub(super) fn new(
        pod: &str,
        container: Container,
        launch: Launch,
        sandbox: Arc<Sandbox>,
        shared: Arc<Shared>,
    ) -> Arc<Self> {
        Arc::new(Self {
            target: Target::container(pod, container),
            container,
            launch,
            sandbox,
            shared,
            state: watch::Sender::new(ContainerState::NotStarted),
            ending: Mutex::default(),
            turn: tokio::sync::Mutex::new(false),
            retired: AtomicBool::new(false),
        })
    }

    /// Sees to it that it is not started again; returns when no start is under way any more.
    pub(super) async fn retire(&self) {
        self.retired.store(true, Ordering::SeqCst);
        drop(self.turn.lock().await);
    }

    /// Starts it, unless it runs.
    pub(super) async fn start(self: &Arc<Self>) -> Result<(), RuntimeError> {
        // A task of its own: what was begun is watched even when nobody waits for it any more.
        let slot = Arc::clone(self);
        tokio::spawn(async move { slot.begin().await })
            .await
            .map_err(|error| RuntimeError::Other {
                message: format!("failed to start the {}: {error}", self.target),
                help: None,
            })?
    }

    async fn begin(self: Arc<Self>) -> Result<(), RuntimeError> {
        let mut is_made = self.turn.lock().await;
        let released = self.shared.released.read().await;
        if *released {
            return Err(RuntimeError::Released);
        }
        if self.retired.load(Ordering::SeqCst) {
            return Err(RuntimeError::UnknownPod {
                pod: self.target.pod.clone(),
            });
        }
        match self.state() {
            ContainerState::Running { .. } => return Ok(()),
            state @ ContainerState::Paused { .. } => return Err(self.wrong_state("start", state)),
            ContainerState::NotStarted | ContainerState::Exited { .. } => {}
        }
        let docker = &self.shared.docker;
        let name = &self.launch.name;
        self.sandbox.up().await?;
        if !*is_made {
            container::create(docker, &self.launch).await?;
            *is_made = true;
        }
        let log = self.open_log()?;
        // From before its start, so that nothing of what it says is missed.
        let output = container::attach(docker, name).await?.output;
        container::start(docker, name).await?;
        let pid = container::pid(docker, name).await?;
        let ending = Arc::new(AtomicBool::new(false));
        *self.ending.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&ending);
        self.set(ContainerState::Running { pid });
        self.note(pid);
        let slot = Arc::clone(&self);
        tokio::spawn(async move {
            write_log(output, log).await;
            let code = container::ended(&slot.shared.docker, &slot.launch.name).await;
            slot.set(exited(code, ending.load(Ordering::SeqCst)));
        });
        Ok(())
    }

    /// For `meshkat status`: of what is in a virtual machine, this one knows no process.
    fn note(&self, pid: u32) {
        let Some(identity) = ProcessIdentity::of(pid) else {
            return;
        };
        let noted = self.shared.ledger.started(LedgerProcess {
            pod: self.target.pod.clone(),
            container: self.container,
            identity,
        });
        if let Err(error) = noted {
            tracing::warn!(target = %self.target, %error, "failed to note in the ledger what runs");
        }
    }

    fn open_log(&self) -> Result<Option<BoundedLog>, RuntimeError> {
        let Some(path) = &self.launch.log else { return Ok(None) };
        let log = BoundedLog::open(path, LOG_LIMIT);
        log.map(Some).map_err(folder::failed("open", path))
    }

    /// Asks it to end; the daemon kills what is still there when the grace is over.
    pub(super) async fn stop(&self, grace: Duration) -> Result<(), RuntimeError> {
        let _turn = self.turn.lock().await;
        if !self.state().is_alive() {
            return Ok(());
        }
        self.end();
        let options = StopContainerOptions {
            t: i32::try_from(grace.as_secs()).ok(),
            signal: None,
        };
        let stopped = self
            .shared
            .docker
            .stop_container(&self.launch.name, Some(options))
            .await;
        self.done("stop", stopped)?;
        self.gone().await
    }

    /// SIGKILL, and waits until it is gone. One that is paused is gone as well.
    pub(super) async fn kill(&self) -> Result<(), RuntimeError> {
        if !self.state().is_alive() {
            return Ok(());
        }
        self.end();
        let options = KillContainerOptions {
            signal: "SIGKILL".to_owned(),
        };
        let killed = self
            .shared
            .docker
            .kill_container(&self.launch.name, Some(options))
            .await;
        self.done("kill", killed)?;
        self.gone().await
    }

    /// Freezes it.
    pub(super) async fn pause(&self) -> Result<(), RuntimeError> {
        let _turn = self.turn.lock().await;
        match self.state() {
            ContainerState::Running { pid } => {
                self.shared
                    .docker
                    .pause_container(&self.launch.name)
                    .await
                    .map_err(failed(format!("pause the {}", self.target)))?;
                self.change(&ContainerState::Running { pid }, ContainerState::Paused { pid });
                Ok(())
            }
            ContainerState::Paused { .. } => Ok(()),
            state => Err(self.wrong_state("pause", state)),
        }
    }

    /// Lets it go on.
    pub(super) async fn resume(&self) -> Result<(), RuntimeError> {
        let _turn = self.turn.lock().await;
        match self.state() {
            ContainerState::Running { .. } => Ok(()),
            ContainerState::Paused { pid } => {
                self.shared
                    .docker
                    .unpause_container(&self.launch.name)
                    .await
                    .map_err(failed(format!("resume the {}", self.target)))?;
                self.change(&ContainerState::Paused { pid }, ContainerState::Running { pid });
                Ok(())
            }
            state => Err(self.wrong_state("resume", state)),
        }
    }

    /// Removes the container with all that it has written; the next start makes another.
    pub(super) async fn forget(&self) -> Result<(), RuntimeError> {
        let mut is_made = self.turn.lock().await;
        let state = self.state();
        if state.is_alive() {
            return Err(self.wrong_state("forget what is kept by", state));
        }
        if *is_made {
            remove::container(&self.shared.docker, &self.launch.name).await?;
            *is_made = false;
        }
        Ok(())
    }

    /// Removes the container for good.
    pub(super) async fn discard(&self) -> Result<(), RuntimeError> {
        self.end();
        let mut is_made = self.turn.lock().await;
        if *is_made {
            remove::container(&self.shared.docker, &self.launch.name).await?;
            *is_made = false;
        }
        Ok(())
    }

    /// From now on its end is no crash.
    pub(super) fn end(&self) {
        self.ending
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .store(true, Ordering::SeqCst);
    }

    /// That it ended by itself just before is well.
    fn done(&self, action: &str, outcome: Result<(), Error>) -> Result<(), RuntimeError> {
        match outcome {
            Err(error) if !is_conflict(&error) && !is_missing(&error) => {
                Err(failed(format!("{action} the {}", self.target))(error))
            }
            _ => Ok(()),
        }
    }

    async fn gone(&self) -> Result<(), RuntimeError> {
        let mut state = self.state.subscribe();
        let gone = tokio::time::timeout(KERNEL, state.wait_for(|state| !state.is_alive())).await;
        match gone {
            Ok(_) => Ok(()),
            Err(_) => Err(RuntimeError::Stuck {
                target: self.target.clone(),
                what: "go after it was told to",
                seconds: KERNEL.as_secs(),
            }),
        }
    }

    fn set(&self, state: ContainerState) {
        self.state.send_replace(state);
        self.shared.changed();
    }

    /// From one state to another, unless the container has ended meanwhile.
    fn change(&self, from: &ContainerState, to: ContainerState) {
        self.state.send_if_modified(|state| {
            let same = state == from;
            if same {
                *state = to;
            }
            same
        });
        self.shared.changed();
    }

    fn wrong_state(&self, action: &'static str, state: ContainerState) -> RuntimeError {
        RuntimeError::WrongState {
            action,
            target: self.target.clone(),
            state,
        }
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
fn exited(code: Option<i64>, expected: bool) -> ContainerState {
    const SIGNAL: i64 = 128;
    const LAST: i64 = 64;
    let code = code.and_then(|code| i32::try_from(code).ok());
    let signal = code.filter(|code| (SIGNAL + 1..=SIGNAL + LAST).contains(&i64::from(*code)));
    ContainerState::Exited {
        code: code.filter(|_| signal.is_none()),
        signal: signal.map(|code| code - 128),
        expected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exit_code_tells_of_a_signal() {
        assert_eq!(exited(Some(137), true).to_string(), "ended by signal 9");
        assert_eq!(exited(Some(1), true).to_string(), "exited with code 1");
        assert_eq!(exited(Some(255), true).to_string(), "exited with code 255");
        assert_eq!(exited(None, true).to_string(), "exited");
        assert!(exited(Some(0), false).is_crashed());
    }
}
