//! One container of one pod: the process that it has, and what it is sent.

use std::fs::File;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt;
use meshkat_runtime::pods::{DriverContainer, Ended, Life, Look, Order};
use meshkat_runtime::run::{LeaseId, LedgerFile, LedgerProcess, ProcessIdentity, Proof, Signalled, since, tail};
use meshkat_runtime::{InstanceId, RuntimeError, Target, Usage, environment, failed};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::process::Child;
use tokio::sync::{mpsc, oneshot};

use crate::block::Block;
use crate::prepare::Command;
use crate::spawner::{Spawner, spawn};

/// How long the kernel may take to freeze a process.
const KERNEL: Duration = Duration::from_secs(10);

/// How often it is looked whether it has.
const LOOK: Duration = Duration::from_millis(1);

/// How often it is looked whether a process has ended that is not this one's child.
const LOOK_AT_OTHERS: Duration = Duration::from_millis(10);

/// What every process of a mesh needs to be started.
#[derive(Debug)]
pub(crate) struct Ground {
    spawner: Spawner,
    /// The addresses; none when they were given back.
    block: Mutex<Option<Arc<Block>>>,
    ledger: Arc<LedgerFile>,
}

impl Ground {
    pub(crate) fn new(spawner: Spawner, block: Block, ledger: Arc<LedgerFile>) -> Self {
        Self {
            spawner,
            block: Mutex::new(Some(Arc::new(block))),
            ledger,
        }
    }

    /// Gives the addresses back; they are free once no process has them any more either.
    pub(crate) fn give_up_block(&self) {
        self.block.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Starts a process. On the spawner's thread.
    fn spawn(&self, command: &Command, target: &Target, log: &Path) -> Result<Child, RuntimeError> {
        let block = self.block.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let block = block.ok_or(RuntimeError::Released)?;
        let log_file = meshkat_files::append(log).map_err(failed("open", log))?;
        let errors = log_file.try_clone().map_err(failed("open", log))?;
        let child = spawn(start(command, log_file, errors), &block);
        let doing = || format!("failed to start the {target}, {}", command.program.display());
        let child = child.map_err(|error| RuntimeError::caused(doing(), error))?;
        if let (Some(identity), Some(container)) = (child.id().and_then(ProcessIdentity::of), target.container) {
            // Dropped, and so killed, where that cannot be noted: who cleans up would not know of it.
            let noted = self.ledger.started(LedgerProcess {
                pod: target.pod.clone(),
                container,
                identity,
            });
            noted.map_err(failed("write the ledger beside", log))?;
        }
        Ok(child)
    }
}

fn start(command: &Command, log: File, errors: File) -> tokio::process::Command {
    let mut start = tokio::process::Command::new(&command.program);
    start.args(&command.arguments).stdout(log).stderr(errors);
    start.env_clear().envs(environment::handed_on()).envs(&command.env);
    if let Some(folder) = &command.folder {
        start.current_dir(folder);
    }
    start
}

/// A process that was started, and may have ended.
#[derive(Debug)]
struct Process {
    /// None for one that ended as soon as it was started.
    identity: Option<ProcessIdentity>,
    /// To whoever waits for it; none of one that is not this process's child.
    signals: Option<mpsc::UnboundedSender<Sending>>,
}

/// A signal to send, and whom to tell.
struct Sending {
    signal: Signal,
    sent: oneshot::Sender<io::Result<()>>,
}

/// One container of one pod.
#[derive(Debug)]
pub(crate) struct ProcessContainer {
    run: LeaseId,
    target: Target,
    log: PathBuf,
    /// What its program keeps on disk, if it does.
    keeps: Option<PathBuf>,
    /// None of a mesh that another process holds.
    launch: Option<Arc<(Command, Arc<Ground>)>>,
    process: Mutex<Option<Process>>,
}

impl ProcessContainer {
    pub(crate) fn new(
        run: LeaseId,
        target: Target,
        log: PathBuf,
        keeps: Option<PathBuf>,
        launch: Option<(Command, Arc<Ground>)>,
    ) -> Self {
        Self {
            run,
            target,
            log,
            keeps,
            launch: launch.map(Arc::new),
            process: Mutex::new(None),
        }
    }

    /// It has this process, which another one has started.
    pub(crate) fn adopt(&self, identity: ProcessIdentity) {
        *self.process() = Some(Process {
            identity: Some(identity),
            signals: None,
        });
    }

    fn process(&self) -> std::sync::MutexGuard<'_, Option<Process>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn identity(&self) -> Option<ProcessIdentity> {
        self.process().as_ref()?.identity.clone()
    }

    /// Sends a signal; whether there was a process to send it to.
    async fn signal(&self, signal: Signal) -> Result<bool, RuntimeError> {
        let failed = |error| RuntimeError::caused(format!("failed to signal the {}", self.target), error);
        let (sent, answer) = oneshot::channel();
        let identity = match &*self.process() {
            None => return Ok(false),
            Some(Process {
                signals: Some(signals), ..
            }) => {
                // Its watcher is gone if it has ended.
                let _ = signals.send(Sending { signal, sent });
                None
            }
            Some(Process { identity, .. }) => identity.clone(),
        };
        let Some(identity) = identity else {
            return match answer.await {
                Ok(Err(error)) => Err(failed(error)),
                Ok(Ok(())) => Ok(true),
                // No answer: it ended before the signal was sent.
                Err(_) => Ok(false),
            };
        };
        if signal == Signal::KILL && identity.prove(Proof::Member(&self.run)) == Signalled::Sent {
            kill_rest(identity.pid, self.run.clone()).await;
        }
        match identity.signal(signal, Proof::Member(&self.run)).map_err(failed)? {
            Signalled::Sent => Ok(true),
            Signalled::Gone => Ok(false),
            Signalled::NotOurs => Err(self.not_ours(&identity)),
        }
    }

    fn not_ours(&self, identity: &ProcessIdentity) -> RuntimeError {
        RuntimeError::NotOurs {
            target: self.target.clone(),
            instance: InstanceId::process(identity.pid),
        }
    }

    /// Whether the process stands still: waits for that, or for its end.
    async fn frozen(&self) -> Result<bool, RuntimeError> {
        let Some(identity) = self.identity() else {
            return Ok(false);
        };
        let frozen = async {
            while identity.is_alive() {
                if identity.is_frozen() {
                    return true;
                }
                tokio::time::sleep(LOOK).await;
            }
            false
        };
        let timed_out = |_| RuntimeError::Stuck {
            target: self.target.clone(),
            what: "freeze",
            seconds: KERNEL.as_secs(),
        };
        tokio::time::timeout(KERNEL, frozen).await.map_err(timed_out)
    }
}

#[async_trait]
impl DriverContainer for ProcessContainer {
    async fn start(&self) -> Result<Life, RuntimeError> {
        let launch = self.launch.clone().ok_or(RuntimeError::Released)?;
        let (target, log) = (self.target.clone(), self.log.clone());
        let spawner = launch.1.spawner.clone();
        let child = spawner.run(move || launch.1.spawn(&launch.0, &target, &log)).await??;
        // A child that was never waited for has a number.
        let pid = child.id().unwrap_or_default();
        let (signals, todo) = mpsc::unbounded_channel();
        *self.process() = Some(Process {
            identity: ProcessIdentity::of(pid),
            signals: Some(signals),
        });
        Ok(Life {
            instance: InstanceId::process(pid),
            ended: watch(child, pid, self.run.clone(), todo).boxed(),
        })
    }

    async fn look(&self) -> Result<Look, RuntimeError> {
        let Some(identity) = self.identity() else {
            return Ok(Look::NeverRan);
        };
        match identity.prove(Proof::Member(&self.run)) {
            _ if !identity.is_alive() => return Ok(Look::Ended(Ended::default())),
            Signalled::Sent => {}
            Signalled::Gone => return Ok(Look::Ended(Ended::default())),
            Signalled::NotOurs => return Err(self.not_ours(&identity)),
        }
        let (instance, is_paused) = (InstanceId::process(identity.pid), identity.is_frozen());
        let ended = async move {
            while identity.is_alive() {
                tokio::time::sleep(LOOK_AT_OTHERS).await;
            }
            Ended::default()
        };
        let life = Life {
            instance,
            ended: ended.boxed(),
        };
        Ok(Look::Lives { life, is_paused })
    }

    async fn order(&self, order: Order) -> Result<bool, RuntimeError> {
        let signal = match order {
            Order::Terminate => Signal::TERM,
            Order::Kill => Signal::KILL,
            Order::Pause => Signal::STOP,
            Order::Resume => Signal::CONT,
        };
        let is_sent = self.signal(signal).await?;
        if is_sent && order == Order::Pause {
            return self.frozen().await;
        }
        Ok(is_sent)
    }

    /// Not by the watcher, which may have no thread to run on.
    fn kill_now(&self) {
        let own = self.process().as_ref().is_some_and(|process| process.signals.is_some());
        if let Some(identity) = self.identity().filter(|_| own)
            && let Err(error) = identity.signal(Signal::KILL, Proof::Child)
        {
            tracing::warn!(target = %self.target, %error, "failed to kill");
        }
    }

    async fn discard(&self) -> Result<(), RuntimeError> {
        let Some(file) = &self.keeps else { return Ok(()) };
        match std::fs::remove_file(file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", file)(error)),
            _ => Ok(()),
        }
    }

    async fn log(&self, tail_bytes: usize) -> Result<String, RuntimeError> {
        tail(&self.log, tail_bytes).map_err(failed("read", &self.log))
    }

    async fn log_since(&self, from: u64) -> Result<(Vec<u8>, u64), RuntimeError> {
        since(&self.log, from).map_err(failed("read", &self.log))
    }

    async fn usage(&self) -> Option<Usage> {
        self.identity()?.usage()
    }
}

/// Waits for a child, and alone signals it, so that no signal can ever go to a later process of the same number. What it leaves
/// of its group is killed with it: an Envoy whose script has ended would go on with the pod's ports.
async fn watch(mut child: Child, pid: u32, run: LeaseId, mut todo: mpsc::UnboundedReceiver<Sending>) -> Ended {
    loop {
        tokio::select! {
            biased;
            status = child.wait() => {
                kill_rest(pid, run).await;
                return ended(status);
            }
            Some(sending) = todo.recv() => {
                let sent = send(pid, sending.signal).map_err(io::Error::from);
                // Who does not wait for the answer does not need it.
                let _ = sending.sent.send(sent);
            }
        }
    }
}

/// Kills the others of a group of which each proves to be of the run: the leader may have gone, and its number is anybody's.
async fn kill_rest(leader: u32, run: LeaseId) {
    let kill = move || {
        for other in ProcessIdentity::group(leader) {
            if let Err(error) = other.signal(Signal::KILL, Proof::Member(&run)) {
                tracing::warn!(pid = other.pid, %error, "failed to kill");
            }
        }
    };
    // It fails only where all is being ended.
    let _ = tokio::task::spawn_blocking(kill).await;
}

/// SIGKILL goes to the whole group, should the program be a script with children of its own. Any other signal is for the
/// process alone, as it is in a container: a script that waits for its child to get going (`vfork`) never freezes when
/// that child is frozen first.
fn send(pid: u32, signal: Signal) -> Result<(), Errno> {
    let sent = match number(pid) {
        Ok(pid) if signal == Signal::KILL => kill_process_group(pid, signal),
        Ok(pid) => kill_process(pid, signal),
        Err(error) => Err(error),
    };
    match sent {
        Err(Errno::SRCH) => Ok(()),
        sent => sent,
    }
}

fn number(pid: u32) -> Result<Pid, Errno> {
    i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(Errno::SRCH)
}

fn ended(status: io::Result<ExitStatus>) -> Ended {
    status.map_or_else(
        |_| Ended::default(),
        |status| Ended {
            code: status.code(),
            signal: status.signal(),
        },
    )
}
