//! One container of a pod: what it does, and how it comes from one state to another, whatever runs it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use tokio::sync::{RwLock, RwLockReadGuard, watch};

use super::driver::{DriverContainer, Ended, Life, Look, Order};
use crate::{ContainerState, RuntimeError, Target, Usage};

/// How long a container may take to go that was killed, or has ended by itself.
const KILLED: Duration = Duration::from_secs(20);

/// What all containers of a mesh share.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// Moves at every change of a state.
    changes: watch::Sender<u64>,
    /// Whether nothing may be started any more.
    is_closed: AtomicBool,
    /// Held for reading by whoever makes something.
    making: RwLock<()>,
}

impl Shared {
    /// A counter of all changes.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    pub(crate) fn changed(&self) {
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Fails if the mesh was given back.
    pub(crate) fn check_open(&self) -> Result<(), RuntimeError> {
        if self.is_closed.load(Ordering::SeqCst) {
            Err(RuntimeError::Released)
        } else {
            Ok(())
        }
    }

    /// To be held by whoever makes something; fails if the mesh was given back.
    pub(crate) async fn making(&self) -> Result<RwLockReadGuard<'_, ()>, RuntimeError> {
        let making = self.making.read().await;
        self.check_open()?;
        Ok(making)
    }

    /// Nothing is started any more.
    pub(crate) fn close_now(&self) {
        self.is_closed.store(true, Ordering::SeqCst);
    }

    /// The same, when all that is being made is made.
    pub(crate) async fn close(&self) {
        self.close_now();
        drop(self.making.write().await);
    }
}

/// One container of one pod.
#[derive(Debug)]
pub(crate) struct ContainerHandle<C> {
    target: Target,
    container: C,
    shared: Arc<Shared>,
    state: watch::Sender<ContainerState>,
    /// Of the life that it has now: set before it is made to end.
    ending: Mutex<Arc<AtomicBool>>,
    /// Held by whoever takes the container from one state to another.
    turn: tokio::sync::Mutex<()>,
    /// Whether it may not be started any more, as its pod is being removed.
    retired: AtomicBool,
}

impl<C: DriverContainer> ContainerHandle<C> {
    /// One that never ran.
    pub(crate) fn new(target: Target, container: C, shared: Arc<Shared>) -> Arc<Self> {
        Arc::new(Self {
            target,
            container,
            shared,
            state: watch::Sender::new(ContainerState::NotStarted),
            ending: Mutex::default(),
            turn: tokio::sync::Mutex::new(()),
            retired: AtomicBool::new(false),
        })
    }

    /// What it does.
    pub(crate) fn state(&self) -> ContainerState {
        self.state.borrow().clone()
    }

    /// Takes over what it does.
    pub(crate) async fn look(self: &Arc<Self>) -> Result<(), RuntimeError> {
        match self.container.look().await? {
            Look::NeverRan => {}
            Look::Lives { life, is_paused } => self.live(life, is_paused),
            Look::Ended(Ended { code, signal }) => self.set(ContainerState::Exited {
                code,
                signal,
                // Nobody here was to see it.
                expected: true,
            }),
        }
        Ok(())
    }

    /// Sees whether somebody else has frozen it meanwhile, or let it go on. What is being taken from one state to another, or
    /// cannot be looked at, stays as it was known.
    pub(crate) async fn look_again(&self) {
        let Ok(_turn) = self.turn.try_lock() else { return };
        let before = self.state();
        let Some(instance) = before.instance().cloned() else {
            return;
        };
        let Ok(Look::Lives { is_paused, .. }) = self.container.look().await else {
            return;
        };
        let after = match (&before, is_paused) {
            (ContainerState::Running { .. }, true) => ContainerState::Paused {
                instance,
                from_outside: true,
            },
            (ContainerState::Paused { .. }, false) => ContainerState::Running { instance },
            _ => return,
        };
        self.change(&before, after);
    }

    /// Sees to it that it is not started again; returns when no start is under way any more.
    pub(crate) async fn retire(&self) {
        self.retired.store(true, Ordering::SeqCst);
        drop(self.turn.lock().await);
    }

    /// Starts it, unless it runs.
    pub(crate) async fn start(self: &Arc<Self>) -> Result<(), RuntimeError> {
        // A task of its own: what was begun is watched even when nobody waits for it any more.
        let handle = Arc::clone(self);
        tokio::spawn(async move { handle.begin().await })
            .await
            .map_err(|error| RuntimeError::other(format!("failed to start the {}: {error}", self.target)))?
    }

    async fn begin(self: Arc<Self>) -> Result<(), RuntimeError> {
        let _turn = self.turn.lock().await;
        let _making = self.shared.making().await?;
        if self.retired.load(Ordering::SeqCst) {
            return Err(RuntimeError::UnknownPod {
                pod: self.target.pod.clone(),
            });
        }
        match self.state() {
            ContainerState::Running { .. } => {
                if self.lives().await? {
                    return Ok(());
                }
                self.until_gone("be seen to have ended").await?;
            }
            state @ ContainerState::Paused { .. } => return Err(self.wrong_state("start", state)),
            ContainerState::NotStarted | ContainerState::Exited { .. } => {}
        }
        let life = self.container.start().await?;
        self.live(life, false);
        if self.shared.check_open().is_err() {
            // Nobody has given the mesh back: it was dropped meanwhile.
            self.kill_now();
        }
        Ok(())
    }

    /// Whether what is said to run does: another process may have seen its end before this one.
    async fn lives(&self) -> Result<bool, RuntimeError> {
        match self.container.look().await {
            Ok(Look::Lives { .. }) => Ok(true),
            Ok(Look::NeverRan | Look::Ended(_)) => Ok(false),
            // It was started here, and has changed its own environment since.
            Err(RuntimeError::NotOurs { .. }) => Ok(true),
            Err(error) => Err(error),
        }
    }

    fn live(self: &Arc<Self>, Life { instance, ended }: Life, is_paused: bool) {
        let ending = Arc::new(AtomicBool::new(false));
        *self.ending.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&ending);
        self.set(match is_paused {
            false => ContainerState::Running { instance },
            true => ContainerState::Paused {
                instance,
                from_outside: false,
            },
        });
        let handle = Arc::clone(self);
        tokio::spawn(async move {
            let Ended { code, signal } = ended.await;
            let expected = ending.load(Ordering::SeqCst);
            handle.set(ContainerState::Exited { code, signal, expected });
        });
    }

    /// Asks it to end; what is still there when the grace is over is killed.
    pub(crate) async fn stop(&self, grace: Duration) -> Result<(), RuntimeError> {
        let _turn = self.turn.lock().await;
        let state = self.state();
        if !state.is_alive() {
            return Ok(());
        }
        self.expect_end();
        self.container.order(Order::Terminate).await?;
        if matches!(state, ContainerState::Paused { .. }) {
            // What is frozen sees the first order only when it goes on.
            self.container.order(Order::Resume).await?;
        }
        if self.is_gone(grace).await {
            return Ok(());
        }
        tracing::warn!(target = %self.target, ?grace, "did not stop in time and is killed");
        self.kill().await
    }

    /// Ends it at once, paused or not, and waits until it is gone. Waits for nobody's turn.
    pub(crate) async fn kill(&self) -> Result<(), RuntimeError> {
        if !self.state().is_alive() {
            return Ok(());
        }
        self.expect_end();
        self.container.order(Order::Kill).await?;
        self.until_gone("go after it was killed").await
    }

    /// Waits for its end.
    async fn until_gone(&self, what: &'static str) -> Result<(), RuntimeError> {
        if self.is_gone(KILLED).await {
            return Ok(());
        }
        Err(RuntimeError::Stuck {
            target: self.target.clone(),
            what,
            seconds: KILLED.as_secs(),
        })
    }

    /// Kills it without waiting, where that can be done.
    pub(crate) fn kill_now(&self) {
        self.expect_end();
        self.container.kill_now();
    }

    /// Freezes it.
    pub(crate) async fn pause(&self) -> Result<(), RuntimeError> {
        let _turn = self.turn.lock().await;
        let running = self.state();
        let instance = match &running {
            ContainerState::Running { instance } => instance.clone(),
            ContainerState::Paused { .. } => return Ok(()),
            state => return Err(self.wrong_state("pause", state.clone())),
        };
        if !self.container.order(Order::Pause).await? {
            return Err(self.wrong_state("pause", self.state()));
        }
        let paused = ContainerState::Paused {
            instance,
            from_outside: false,
        };
        self.change(&running, paused);
        Ok(())
    }

    /// Lets it go on.
    pub(crate) async fn resume(&self) -> Result<(), RuntimeError> {
        let _turn = self.turn.lock().await;
        let before = self.state();
        match &before {
            ContainerState::Running { .. } => Ok(()),
            ContainerState::Paused { instance, .. } => {
                self.container.order(Order::Resume).await?;
                let instance = instance.clone();
                self.change(&before, ContainerState::Running { instance });
                Ok(())
            }
            state => Err(self.wrong_state("resume", state.clone())),
        }
    }

    /// Removes what it has kept, so that it starts with nothing.
    pub(crate) async fn discard(&self) -> Result<(), RuntimeError> {
        let _turn = self.turn.lock().await;
        let state = self.state();
        if state.is_alive() {
            return Err(self.wrong_state("forget what is kept by", state));
        }
        self.container.discard().await
    }

    /// The end of what it wrote.
    pub(crate) async fn log(&self, tail_bytes: usize) -> Result<String, RuntimeError> {
        self.container.log(tail_bytes).await
    }

    /// What it wrote behind the first `from` bytes, and how many there are with that.
    pub(crate) async fn log_since(&self, from: u64) -> Result<(Vec<u8>, u64), RuntimeError> {
        self.container.log_since(from).await
    }

    /// What it has of its machine.
    pub(crate) async fn usage(&self) -> Option<Usage> {
        match self.state().is_alive() {
            true => self.container.usage().await,
            false => None,
        }
    }

    /// From now on its end is no crash.
    pub(crate) fn expect_end(&self) {
        let ending = self.ending.lock().unwrap_or_else(PoisonError::into_inner);
        ending.store(true, Ordering::SeqCst);
    }

    /// Whether it is gone by the end of that time.
    async fn is_gone(&self, within: Duration) -> bool {
        let mut state = self.state.subscribe();
        // The sender is in `self`: only the time can fail this.
        tokio::time::timeout(within, state.wait_for(|state| !state.is_alive()))
            .await
            .is_ok()
    }

    pub(crate) fn set(&self, state: ContainerState) {
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

/// Does something to each of some containers at the same time; the first error, once all are through.
pub(crate) async fn each<C, F>(
    handles: impl IntoIterator<Item = Arc<ContainerHandle<C>>>,
    act: impl Fn(Arc<ContainerHandle<C>>) -> F,
) -> Result<(), RuntimeError>
where
    F: Future<Output = Result<(), RuntimeError>>,
{
    join_all(handles.into_iter().map(act)).await.into_iter().collect()
}
