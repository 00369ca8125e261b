//! What a single question goes through before it is answered: a REST poll, or a unary call.

use std::sync::Arc;

use http::StatusCode;
use meshkat_kit::{Connection, Problem};
use tokio::time::{Instant, sleep_until};

use super::{Content, Effect, FaultView, Faults, State};
use crate::clients::NodeName;
use crate::store::World;
use crate::transport::Transport;

/// A question that may be answered now.
#[derive(Debug)]
pub(crate) struct Admitted {
    faults: Faults,
    state: State,
    node: Option<NodeName>,
}

/// The status that a question is refused with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Refused(pub(crate) StatusCode);

impl Faults {
    /// Lets a question through, once the fault in force allows it.
    ///
    /// # Errors
    /// It is refused.
    pub(crate) async fn admit(
        &self,
        node: Option<NodeName>,
        connection: &Connection,
        transport: Transport,
    ) -> Result<Admitted, Refused> {
        let begun = Instant::now();
        self.asked(connection, node.as_ref());
        let mut watch = self.0.current.subscribe();
        let mut hung = None;
        loop {
            let state = watch.borrow_and_update().clone();
            let until = match state.effect(node.as_ref()) {
                Some(Effect::Refuse(status)) => {
                    self.struck(&state, transport);
                    return Err(Refused(status));
                }
                Some(Effect::Cut) => {
                    self.struck(&state, transport);
                    match connection.cut().await {}
                }
                Some(Effect::Hang) => {
                    if hung.replace(state.turn) != Some(state.turn) {
                        self.struck(&state, transport);
                    }
                    None
                }
                Some(Effect::Delay(delay)) if begun.elapsed() < delay => Some(begun + delay),
                effect => {
                    // An answer that nothing is wrong with is not struck. Of the others, each is.
                    if effect.is_some() {
                        self.struck(&state, transport);
                    }
                    let faults = self.clone();
                    return Ok(Admitted { faults, state, node });
                }
            };
            let late = async {
                match until {
                    Some(until) => sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = late => {}
                // It cannot fail: this holds what sends.
                _ = watch.changed() => {}
            }
        }
    }
}

impl Admitted {
    /// What is wrong with the answer, if anything is.
    pub(crate) fn content(&self) -> Option<Content> {
        self.state.content(self.node.as_ref())
    }

    /// What the one who asks is to see.
    pub(crate) fn look(&self, world: Arc<World>) -> FaultView {
        self.faults.look(&self.state, self.node.as_ref(), world)
    }
}

impl From<Refused> for Problem {
    fn from(Refused(status): Refused) -> Self {
        Self::new(status).detail("refused on purpose, as PUT /xds/v3/faults asked")
    }
}

impl From<Refused> for tonic::Status {
    fn from(Refused(status): Refused) -> Self {
        Self::unavailable(format!("refused on purpose ({status}), as PUT /xds/v3/faults asked"))
    }
}
