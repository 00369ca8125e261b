//! What one client is shown of the world: the truth, or what a fault makes of it.

use std::sync::Arc;

use super::{Content, Effect, Faults, State, lock};
use crate::clients::NodeName;
use crate::store::{View, World};

/// What a fault made of the last world that was asked for.
#[derive(Debug)]
pub(super) struct Derived {
    turn: u64,
    of: Arc<World>,
    told: Arc<World>,
}

/// A world as one client is to see it.
#[derive(Debug)]
pub(crate) struct FaultView {
    world: Arc<World>,
    state: State,
    content: Option<Content>,
}

impl FaultView {
    /// What the nodes with a `node.cluster` see.
    ///
    /// When a fault begins or ends everybody looks again, and whoever was told something else is told anew.
    pub(crate) fn view<'a>(&'a self, cluster: &'a str) -> View<'a> {
        let view = self.world.view(cluster);
        match self.state.since {
            None => view,
            Some(since) => view.turned(self.state.turn, since.into_std()),
        }
    }

    /// What is wrong with it, if it is not the truth.
    pub(crate) fn content(&self) -> Option<Content> {
        self.content
    }
}

impl State {
    /// What is wrong with what a client is told, if anything is.
    pub(super) fn content(&self, node: Option<&NodeName>) -> Option<Content> {
        match self.effect(node)? {
            Effect::Garbage => Some(Content::Garbage),
            Effect::Invalid => Some(Content::Invalid),
            Effect::Empty => Some(Content::Empty),
            _ => None,
        }
    }
}

impl Faults {
    /// What a client is to see of a world in a state of faults.
    pub(super) fn look(&self, state: &State, node: Option<&NodeName>, world: Arc<World>) -> FaultView {
        let content = state.content(node);
        let world = match content {
            None => world,
            Some(content) => self.told(state.turn, content, world),
        };
        FaultView {
            world,
            state: state.clone(),
            content,
        }
    }

    /// Made once for all who are told the same.
    fn told(&self, turn: u64, content: Content, world: Arc<World>) -> Arc<World> {
        let mut derived = lock(&self.0.derived);
        let before = derived.as_ref().filter(|derived| derived.turn == turn);
        if let Some(known) = before.filter(|known| Arc::ptr_eq(&known.of, &world)) {
            return Arc::clone(&known.told);
        }
        let before = before.map(|known| (&*known.of, &*known.told));
        let told = Arc::new(content.of_world(&world, before));
        *derived = Some(Derived {
            turn,
            of: world,
            told: Arc::clone(&told),
        });
        told
    }
}
