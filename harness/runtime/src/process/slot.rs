//! One container of one pod: how it is started, the process that it has, and what became of it.

use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{ffi::OsString, io};

use meshkat_model::mesh::Container;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot, watch};

use super::block::Block;
use super::spawner::{Spawner, spawn};
use crate::environment::{self, Environment};
use crate::pods::members::Stateful;
use crate::run::identity::{ProcessIdentity, Proof};
use crate::run::ledger::{LedgerFile, LedgerProcess};
use crate::{ContainerState, RuntimeError, Target};

/// How long the kernel may take to end a process that was sent SIGKILL, or to freeze one.
const KERNEL: Duration = Duration::from_secs(10);

/// What to run, and where its output goes.
#[derive(Debug, Clone)]
pub(super) struct Launch {
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<OsString>,
    /// What it is given besides what is [handed on][environment::handed_on]. Nothing else of this process's environment
    /// reaches it.
    pub(super) env: Environment,
    pub(super) log: PathBuf,
}

/// What every container of a mesh shares.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) spawner: Spawner,
    /// The addresses; none when they were given back.
    pub(super) block: Mutex<Option<Arc<Block>>>,
    pub(super) ledger: LedgerFile,
    /// Moves at every change of a state.
    pub(super) changes: watch::Sender<u64>,
    /// Whether nothing may be started any more.
    pub(super) released: AtomicBool,
}

impl Shared {
    fn block(&self) -> Option<Arc<Block>> {
        self.block.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Gives the addresses back; they are free once no process has them any more either.
    pub(super) fn give_up_block(&self) {
        self.block.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    pub(super) fn changed(&self) {
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
    }
}

/// A process that was started and, as far as its watcher knows, has not ended.
#[derive(Debug)]
struct Process {
    /// None for one that ended as soon as it was started.
    identity: Option<ProcessIdentity>,
    orders: mpsc::UnboundedSender<Order>,
    /// Set before a signal that is to end it.
    ending: Arc<AtomicBool>,
}

/// A signal to send, and whom to tell.
struct Order {
    signal: Signal,
    sent: oneshot::Sender<io::Result<()>>,
}

/// One container of one pod.
#[derive(Debug)]
pub(super) struct Slot {
    pod: String,
    container: Container,
    launch: Launch,
    shared: Arc<Shared>,
    state: watch::Sender<ContainerState>,
    process: Mutex<Option<Process>>,
    /// Held by whoever takes the container from one state to another.
    turn: tokio::sync::Mutex<()>,
    /// Whether it may not be started any more, as its pod is being removed.
    retired: AtomicBool,
}

impl Stateful for Slot {
    fn state(&self) -> ContainerState {
        self.state.borrow().clone()
    }
}

impl Slot {
    pub(super) fn new(pod: &str, container: Container, launch: Launch, shared: Arc<Shared>) -> Arc<Self> {
        Arc::new(Self {
            pod: pod.to_owned(),
            container,
            launch,
            shared,
            state: watch::Sender::new(ContainerState::NotStarted),
            process: Mutex::new(None),
            turn: tokio::sync::Mutex::new(()),
            retired: AtomicBool::new(false),
        })
    }

    fn target(&self) -> Target {
        Target::container(&self.pod, self.container)
    }

    /// Sees to it that it is not started again, once the spawner's thread has done what it was given before.
    pub(super) fn retire(&self) {
        self.retired.store(true, Ordering::SeqCst);
    }

    /// Starts it, unless it runs.
    pub(super) async fn start(self: &Arc<Self>) -> Result<(), RuntimeError> {
        let _turn = self.turn.lock().await;
        match self.state() {
            ContainerState::Running { .. } => return Ok(()),
            state @ ContainerState::Paused { .. } => return Err(self.wrong_state("start", state)),
            ContainerState::NotStarted | ContainerState::Exited { .. } => {}
        }
        let slot = Arc::clone(self);
        self.shared.spawner.run(move || slot.spawn()).await?
    }

    /// On the spawner's thread.
    fn spawn(self: Arc<Self>) -> Result<(), RuntimeError> {
        // Looked at here, on the one thread that starts processes: a release that has passed this thread after setting
        // it knows that nothing more will come.
        let block = self
            .shared
            .block()
            .filter(|_| !self.shared.released.load(Ordering::SeqCst));
        let block = block.ok_or(RuntimeError::Released)?;
        if self.retired.load(Ordering::SeqCst) {
            return Err(RuntimeError::UnknownPod { pod: self.pod.clone() });
        }
        // Another start, whose caller went away before it was done, was first.
        if self.state().is_alive() {
            return Ok(());
        }
        let log = self.open_log()?;
        let errors = log
            .try_clone()
            .map_err(crate::run::folder::failed("open", &self.launch.log))?;
        let mut command = Command::new(&self.launch.program);
        command.args(&self.launch.arguments).stdout(log).stderr(errors);
        command
            .env_clear()
            .envs(environment::handed_on())
            .envs(&self.launch.env);
        let child = spawn(command, &block).map_err(|source| self.spawn_error(source))?;
        // A child that was never waited for has a number.
        let pid = child.id().unwrap_or_default();
        let identity = ProcessIdentity::of(pid);
        let noted = identity.clone().map_or(Ok(()), |identity| {
            self.shared.ledger.started(LedgerProcess {
                pod: self.pod.clone(),
                container: self.container,
                identity,
            })
        });
        self.watch(child, pid, identity);
        noted.map_err(crate::run::folder::failed("write the ledger beside", &self.launch.log))
    }

    fn open_log(&self) -> Result<File, RuntimeError> {
        let path = &self.launch.log;
        meshkat_files::append(path).map_err(crate::run::folder::failed("open", path))
    }

    /// Hands the child to a task that alone signals it and waits for it, so that no signal can ever go to a later
    /// process of the same number.
    fn watch(self: &Arc<Self>, mut child: Child, pid: u32, identity: Option<ProcessIdentity>) {
        let (orders, mut todo) = mpsc::unbounded_channel::<Order>();
        let ending = Arc::new(AtomicBool::new(false));
        *self.process() = Some(Process {
            identity,
            orders,
            ending: Arc::clone(&ending),
        });
        self.set(ContainerState::Running { pid });
        let slot = Arc::clone(self);
        tokio::spawn(async move {
            let status = loop {
                tokio::select! {
                    biased;
                    status = child.wait() => break status,
                    Some(order) = todo.recv() => {
                        let sent = send(pid, order.signal).map_err(io::Error::from);
                        // Who does not wait for the answer does not need it.
                        let _ = order.sent.send(sent);
                    }
                }
            };
            *slot.process() = None;
            slot.set(exited(status, ending.load(Ordering::SeqCst)));
        });
    }

    /// SIGTERM; SIGKILL for what is still there when the grace is over.
    pub(super) async fn stop(&self, grace: Duration) -> Result<(), RuntimeError> {
        let _turn = self.turn.lock().await;
        let paused = matches!(self.state(), ContainerState::Paused { .. });
        self.end(Signal::TERM).await?;
        if paused {
            // A frozen process sees the first signal only when it goes on.
            self.signal(Signal::CONT).await?;
        }
        if self.gone(grace).await {
            return Ok(());
        }
        tracing::warn!(target = %self.target(), ?grace, "did not stop in time and is killed");
        self.kill().await
    }

    /// SIGKILL, and waits until it is gone.
    pub(super) async fn kill(&self) -> Result<(), RuntimeError> {
        self.end(Signal::KILL).await?;
        if self.gone(KERNEL).await {
            Ok(())
        } else {
            Err(self.stuck("go after SIGKILL"))
        }
    }

    /// SIGKILL without waiting, for when nobody can wait. Not by the watcher, which may have no thread to run on.
    pub(super) fn kill_now(&self) {
        if let Some(process) = &*self.process() {
            process.ending.store(true, Ordering::SeqCst);
            if let Some(Err(error)) = process
                .identity
                .as_ref()
                .map(|process| process.signal(Signal::KILL, Proof::Child))
            {
                tracing::warn!(target = %self.target(), %error, "failed to kill");
            }
        }
    }

    /// SIGSTOP, and waits until every thread of it stands still.
    pub(super) async fn pause(&self) -> Result<(), RuntimeError> {
        let _turn = self.turn.lock().await;
        let pid = match self.state() {
            ContainerState::Running { pid } => pid,
            ContainerState::Paused { .. } => return Ok(()),
            state => return Err(self.wrong_state("pause", state)),
        };
        self.signal(Signal::STOP).await?;
        match tokio::time::timeout(KERNEL, self.frozen(pid)).await {
            Ok(true) => {}
            Ok(false) => return Err(self.wrong_state("pause", self.state())),
            Err(_) => return Err(self.stuck("freeze")),
        }
        self.change(&ContainerState::Running { pid }, ContainerState::Paused { pid });
        Ok(())
    }

    /// Whether the process stands still: waits for that, or for its end.
    async fn frozen(&self, pid: u32) -> bool {
        while self.state().is_alive() {
            let options = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG;
            match number(pid).and_then(|pid| waitid(WaitId::Pid(pid), options)) {
                Ok(Some(_)) => return true,
                Ok(None) | Err(Errno::INTR) => tokio::time::sleep(Duration::from_millis(1)).await,
                Err(_) => return false,
            }
        }
        false
    }

    /// SIGCONT.
    pub(super) async fn resume(&self) -> Result<(), RuntimeError> {
        let _turn = self.turn.lock().await;
        match self.state() {
            ContainerState::Running { .. } => Ok(()),
            ContainerState::Paused { pid } => {
                self.signal(Signal::CONT).await?;
                self.change(&ContainerState::Paused { pid }, ContainerState::Running { pid });
                Ok(())
            }
            state => Err(self.wrong_state("resume", state)),
        }
    }

    /// Whether it has no process any more, by the end of that time.
    async fn gone(&self, within: Duration) -> bool {
        let mut state = self.state.subscribe();
        // The sender is in `self`: only the time can fail this.
        tokio::time::timeout(within, state.wait_for(|state| !state.is_alive()))
            .await
            .is_ok()
    }

    /// Sends a signal that is to end it.
    async fn end(&self, signal: Signal) -> Result<(), RuntimeError> {
        if let Some(process) = &*self.process() {
            process.ending.store(true, Ordering::SeqCst);
        }
        self.signal(signal).await
    }

    /// Sends a signal. That there is no process any more is well.
    async fn signal(&self, signal: Signal) -> Result<(), RuntimeError> {
        let answer = {
            let process = self.process();
            let Some(process) = &*process else { return Ok(()) };
            let (sent, answer) = oneshot::channel();
            if process.orders.send(Order { signal, sent }).is_err() {
                return Ok(());
            }
            answer
        };
        match answer.await {
            Ok(Err(source)) => Err(RuntimeError::Signal {
                target: self.target(),
                source,
            }),
            // No answer: it ended before the signal was sent.
            Ok(Ok(())) | Err(_) => Ok(()),
        }
    }

    fn process(&self) -> std::sync::MutexGuard<'_, Option<Process>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, state: ContainerState) {
        self.state.send_replace(state);
        self.shared.changed();
    }

    /// From one state to another, unless the container has ended meanwhile.
    fn change(&self, from: &ContainerState, to: ContainerState) {
        let changed = self.state.send_if_modified(|state| {
            let same = state == from;
            if same {
                *state = to;
            }
            same
        });
        if changed {
            self.shared.changed();
        }
    }

    fn wrong_state(&self, action: &'static str, state: ContainerState) -> RuntimeError {
        RuntimeError::WrongState {
            action,
            target: self.target(),
            state,
        }
    }

    fn stuck(&self, what: &'static str) -> RuntimeError {
        RuntimeError::Stuck {
            target: self.target(),
            what,
            seconds: KERNEL.as_secs(),
        }
    }

    fn spawn_error(&self, source: io::Error) -> RuntimeError {
        RuntimeError::Spawn {
            target: self.target(),
            program: self.launch.program.clone(),
            source,
        }
    }
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

fn exited(status: io::Result<ExitStatus>, expected: bool) -> ContainerState {
    match status {
        Ok(status) => ContainerState::Exited {
            code: status.code(),
            signal: status.signal(),
            expected,
        },
        Err(_) => ContainerState::Exited {
            code: None,
            signal: None,
            expected,
        },
    }
}
