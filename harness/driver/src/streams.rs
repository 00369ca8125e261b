//! Connections whose streams requests share.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use meshkat_model::scenario::value::Protocol;

use crate::{
    connection::{Connection, Http2},
    lost::Lost,
    peer::Peer,
};

/// The connections of HTTP/2, so many to each peer, each used in turn.
#[derive(Debug, Clone)]
pub(crate) struct Streams {
    number: usize,
    peers: Arc<Mutex<HashMap<Peer, Arc<Places>>>>,
}

/// The connections to one peer.
#[derive(Debug)]
struct Places {
    /// Locked while one is made: who wants it waits.
    places: Vec<tokio::sync::Mutex<Option<Arc<Http2>>>>,
    next: AtomicUsize,
    /// What a peer chose last that may choose.
    chosen: Mutex<Option<Protocol>>,
}

impl Streams {
    pub(crate) fn new(number: usize) -> Self {
        Self {
            number,
            peers: Arc::default(),
        }
    }

    fn places(&self, peer: &Peer) -> Arc<Places> {
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(places) = peers.get(peer) {
            return Arc::clone(places);
        }
        let places = Arc::new(Places {
            places: (0..self.number).map(|_| tokio::sync::Mutex::default()).collect(),
            next: AtomicUsize::new(0),
            chosen: Mutex::default(),
        });
        peers.insert(peer.clone(), Arc::clone(&places));
        places
    }

    /// The next connection, made if it is not there; none where the peer may choose and has chosen HTTP/1.1. One that is made and
    /// chooses so only now is given as such.
    pub(crate) async fn connection(&self, peer: &Peer) -> Result<Option<Connection>, Lost> {
        let all = self.places(peer);
        let number = all.next.fetch_add(1, Ordering::Relaxed) % self.number;
        let mut place = all.places[number].lock().await;
        if let Some(connection) = place.as_ref().filter(|there| !there.sender.is_closed()) {
            return Ok(Some(Connection::Http2(Arc::clone(connection))));
        }
        if peer.protocol.is_none() && all.has_chosen(Protocol::Http1) {
            return Ok(None);
        }
        *place = None;
        let made = Connection::open(peer).await?;
        match &made {
            Connection::Http1(_) => all.choose(Protocol::Http1),
            Connection::Http2(connection) => {
                all.choose(Protocol::H2);
                *place = Some(Arc::clone(connection));
            }
        }
        Ok(Some(made))
    }

    /// Keeps a connection of a peer that has chosen HTTP/2 only now.
    pub(crate) async fn keep(&self, peer: &Peer, connection: &Arc<Http2>) {
        let all = self.places(peer);
        all.choose(Protocol::H2);
        *all.places[0].lock().await = Some(Arc::clone(connection));
    }

    /// Takes out a connection that is of no use any more. Where somebody makes another one, it is out already.
    pub(crate) fn forget(&self, peer: &Peer, connection: &Arc<Http2>) {
        for place in &self.places(peer).places {
            if let Ok(mut place) = place.try_lock() {
                place.take_if(|there| Arc::ptr_eq(there, connection));
            }
        }
    }
}

impl Places {
    fn has_chosen(&self, protocol: Protocol) -> bool {
        *self.chosen.lock().unwrap_or_else(PoisonError::into_inner) == Some(protocol)
    }

    fn choose(&self, protocol: Protocol) {
        *self.chosen.lock().unwrap_or_else(PoisonError::into_inner) = Some(protocol);
    }
}
