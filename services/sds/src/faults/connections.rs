//! The connections that Envoys are fed over: a cut closes those too that nobody asks on at the moment.

use std::collections::HashMap;
use std::net::SocketAddr;

use meshkat_kit::{Connection, WeakConnection};

use super::Fault;
use crate::clients::NodeName;

/// How many are kept before those that have ended are looked for.
const FEW: usize = 64;

/// The connections on which somebody asked, by the address of their other end, which no two have at a time.
#[derive(Debug)]
pub(super) struct Connections {
    known: HashMap<SocketAddr, (WeakConnection, Option<NodeName>)>,
    /// How many there may be before those that have ended are forgotten.
    room: usize,
}

impl Default for Connections {
    fn default() -> Self {
        Self {
            known: HashMap::new(),
            room: FEW,
        }
    }
}

impl Connections {
    /// A node asks on a connection; an Envoy shares its connections with nobody, so the last one is who it belongs to.
    pub(super) fn asked(&mut self, connection: &Connection, node: Option<&NodeName>) {
        if self.known.len() >= self.room {
            self.known.retain(|_, (connection, _)| connection.upgrade().is_some());
            self.room = FEW.max(self.known.len() * 2);
        }
        self.known
            .insert(connection.peer(), (connection.downgrade(), node.cloned()));
    }

    /// Those of the nodes that a fault is for. They are forgotten: what is cut does not come back.
    pub(super) fn take(&mut self, fault: &Fault) -> Vec<Connection> {
        let taken = self
            .known
            .extract_if(|_, (_, node)| fault.is_for(node.as_ref()))
            .filter_map(|(_, (connection, _))| connection.upgrade());
        taken.collect()
    }
}
