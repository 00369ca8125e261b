//! Failing on purpose: what clients of discovery see instead of the truth. The truth itself is never touched, and can be
//! changed while a fault lasts.

mod connections;
mod content;
mod gate;
mod http;
mod poll;
mod spec;
mod view;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use meshkat_kit::Connection;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::clients::NodeName;
use crate::metrics::{FaultKind, Metrics};
use crate::transport::Transport;
use connections::Connections;
use view::Derived;

pub(crate) use content::{Content, NO_JSON};
pub(crate) use gate::{End, Gate, Pass};
pub(crate) use http::routes;
pub(crate) use poll::Admitted;
pub(crate) use spec::{Effect, Fault};
pub(crate) use view::FaultView;

/// The fault that is in force, if any. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Faults(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Without it, no fault can ever be.
    allowed: bool,
    current: watch::Sender<State>,
    connections: Mutex<Connections>,
    derived: Mutex<Option<Derived>>,
    /// Held by whoever replaces the fault.
    replacing: Mutex<()>,
    metrics: Arc<Metrics>,
}

/// What is in force at one moment.
#[derive(Debug, Clone)]
struct State {
    fault: Option<Arc<Fault>>,
    /// Counts beginnings and ends.
    turn: u64,
    /// When it began; `None` before the first fault.
    since: Option<Instant>,
    /// Whether a flap is at a turn that cuts.
    cutting: bool,
}

impl State {
    /// What happens to a client now. A flap is a cut or nothing.
    fn effect(&self, node: Option<&NodeName>) -> Option<Effect> {
        let fault = self.fault.as_ref().filter(|fault| fault.is_for(node))?;
        match fault.effect {
            Effect::Flap(_) => self.cutting.then_some(Effect::Cut),
            effect => Some(effect),
        }
    }

    fn kind(&self) -> Option<FaultKind> {
        self.fault.as_ref().map(|fault| fault.kind())
    }
}

impl Faults {
    /// No fault yet; there can be some if they are `allowed`.
    pub(crate) fn new(allowed: bool, metrics: Arc<Metrics>) -> Self {
        let state = State {
            fault: None,
            turn: 0,
            since: None,
            cutting: false,
        };
        Self(Arc::new(Shared {
            allowed,
            current: watch::Sender::new(state),
            connections: Mutex::default(),
            derived: Mutex::default(),
            replacing: Mutex::default(),
            metrics,
        }))
    }

    fn fault(&self) -> Option<Arc<Fault>> {
        self.0.current.borrow().fault.clone()
    }

    /// Replaces the fault in force. Everybody who waits sees it at once.
    fn replace(&self, fault: Option<Fault>) {
        let fault = fault.map(Arc::new);
        let mut turn = 0;
        // One after the other, so that what is measured and cut is of the fault that is in force in the end.
        let _replacing = lock(&self.0.replacing);
        self.0.current.send_modify(|state| {
            turn = state.turn + 1;
            *state = State {
                cutting: fault
                    .as_ref()
                    .is_some_and(|fault| matches!(fault.effect, Effect::Flap(_))),
                fault: fault.clone(),
                turn,
                since: Some(Instant::now()),
            };
        });
        *lock(&self.0.derived) = None;
        self.0
            .metrics
            .faults()
            .in_force(fault.as_ref().map(|fault| fault.kind()));
        let Some(fault) = fault else { return };
        match fault.effect {
            Effect::Cut => self.0.cut(&fault),
            Effect::Flap(period) => {
                self.0.cut(&fault);
                let (shared, watch) = (Arc::downgrade(&self.0), self.0.current.subscribe());
                tokio::spawn(flap(shared, watch, turn, period));
            }
            _ => {}
        }
    }

    /// A node asks on a connection.
    fn asked(&self, connection: &Connection, node: Option<&NodeName>) {
        if self.0.allowed {
            lock(&self.0.connections).asked(connection, node);
        }
    }

    fn struck(&self, state: &State, transport: Transport) {
        if let Some(kind) = state.kind() {
            self.0.metrics.faults().struck(kind, transport);
        }
    }
}

impl Shared {
    /// Closes the connections of those that a fault is for.
    fn cut(&self, fault: &Fault) {
        let taken = lock(&self.connections).take(fault);
        tracing::info!("cutting {} connections on purpose", taken.len());
        for connection in taken {
            connection.cut_now();
        }
    }
}

/// Takes the turns of a flap until it is over, or there is nobody left to see it.
async fn flap(shared: Weak<Shared>, mut watch: watch::Receiver<State>, turn: u64, period: std::time::Duration) {
    let mut next = Instant::now() + period;
    loop {
        tokio::select! {
            changed = watch.changed() => {
                if changed.is_err() || watch.borrow_and_update().turn != turn {
                    return;
                }
            }
            () = sleep_until(next) => {
                let Some(shared) = shared.upgrade() else { return };
                let mut cut = None;
                shared.current.send_if_modified(|state| {
                    if state.turn != turn {
                        return false;
                    }
                    state.cutting = !state.cutting;
                    cut = state.fault.clone().filter(|_| state.cutting);
                    true
                });
                if let Some(fault) = cut {
                    shared.cut(&fault);
                }
                next += period;
            }
        }
    }
}

/// What is behind these locks is changed in single steps, so a panic elsewhere leaves it whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
