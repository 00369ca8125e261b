//! What stands between a stream and its next response.

use std::sync::Arc;

use meshkat_kit::Connection;
use tokio::sync::watch;
use tokio::time::Instant;

use super::poll::Refused;
use super::{Effect, FaultView, Faults, State};
use crate::clients::NodeName;
use crate::store::World;
use crate::transport::Transport;

/// What stands between a stream and its next response.
#[derive(Debug)]
pub(crate) struct Gate {
    faults: Faults,
    watch: watch::Receiver<State>,
    state: State,
    connection: Option<Connection>,
    transport: Transport,
    /// Since when a response is due that is held back.
    due: Option<Instant>,
    /// What was due and held back goes out now.
    releasing: bool,
    /// The turn that this stream hangs in, so that it is counted once.
    hung: Option<u64>,
}

/// Whether a response may go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pass {
    /// It may.
    Now,
    /// Not before this moment.
    At(Instant),
    /// Not before the fault is another.
    Never,
}

/// Why a stream has to end.
#[derive(Debug)]
pub(crate) enum End {
    /// With this status.
    Refused(tonic::Status),
    /// With its connection.
    Cut(Option<Connection>),
}

impl Gate {
    pub(crate) fn new(faults: &Faults, connection: Option<Connection>, transport: Transport) -> Self {
        let watch = faults.0.current.subscribe();
        let state = watch.borrow().clone();
        let gate = Self {
            faults: faults.clone(),
            watch,
            state,
            connection,
            transport,
            due: None,
            releasing: false,
            hung: None,
        };
        gate.belongs_to(None);
        gate
    }

    /// It is known now who is at the other end.
    pub(crate) fn belongs_to(&self, node: Option<&NodeName>) {
        if let Some(connection) = &self.connection {
            self.faults.asked(connection, node);
        }
    }

    /// The one at the other end does what Envoys do.
    pub(crate) fn proven(&self) {
        if let Some(connection) = &self.connection {
            connection.prove();
        }
    }

    /// Whether what was held back is going out, and nothing new is to be heard before it has.
    pub(crate) fn is_releasing(&self) -> bool {
        self.releasing
    }

    /// Everything that was due has gone out.
    pub(crate) fn released(&mut self) {
        self.releasing = false;
    }

    /// Whether a response may go out. `is_due` tells whether there is one, and is asked only if it matters.
    ///
    /// # Errors
    /// The stream has to end.
    pub(crate) fn pass(&mut self, node: Option<&NodeName>, is_due: impl FnOnce(&Self) -> bool) -> Result<Pass, End> {
        self.state = self.watch.borrow_and_update().clone();
        match self.state.effect(node) {
            Some(Effect::Delay(_)) if self.releasing => return Ok(Pass::Now),
            Some(Effect::Delay(delay)) => {
                if !is_due(self) {
                    self.due = None;
                    return Ok(Pass::Now);
                }
                let at = *self.due.get_or_insert_with(Instant::now) + delay;
                if Instant::now() < at {
                    return Ok(Pass::At(at));
                }
                self.releasing = true;
            }
            Some(Effect::Hang) => {
                if self.hung.replace(self.state.turn) != Some(self.state.turn) {
                    self.struck();
                }
                return Ok(Pass::Never);
            }
            Some(Effect::Refuse(status)) => {
                self.struck();
                return Err(End::Refused(Refused(status).into()));
            }
            Some(Effect::Cut) => {
                self.struck();
                return Err(End::Cut(self.connection.clone()));
            }
            _ => self.releasing = false,
        }
        self.due = None;
        Ok(Pass::Now)
    }

    /// What the client is to see.
    pub(crate) fn look(&self, node: Option<&NodeName>, world: Arc<World>) -> FaultView {
        self.faults.look(&self.state, node, world)
    }

    /// A response goes out, with resources in it.
    pub(crate) fn pushed(&self, seen: &FaultView) {
        if self.releasing || seen.content().is_some() {
            self.struck();
        }
    }

    fn struck(&self) {
        self.faults.struck(&self.state, self.transport);
    }

    /// Resolves when the fault is another.
    pub(crate) async fn changed(&mut self) {
        // It cannot fail: this holds what sends.
        let _ = self.watch.changed().await;
    }
}
