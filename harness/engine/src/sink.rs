//! Where executors tell what happens.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use meshkat_model::event::Event;
use tokio::sync::mpsc;

/// Where executors tell what happens. They never speak to a reporter.
#[derive(Debug, Clone)]
pub(crate) struct Sink {
    events: mpsc::UnboundedSender<Event>,
    warned: Arc<Mutex<BTreeSet<String>>>,
}

impl Sink {
    /// Where to tell, and where it is heard.
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<Event>) {
        let (sender, events) = mpsc::unbounded_channel();
        let sink = Self {
            events: sender,
            warned: Arc::default(),
        };
        (sink, events)
    }

    pub(crate) fn send(&self, event: Event) {
        // The dispatcher listens for as long as any executor runs.
        let sent = self.events.send(event);
        debug_assert!(sent.is_ok(), "the dispatcher is gone");
    }

    /// Tells a warning that the run has not been told yet.
    pub(crate) fn warn_once(&self, message: String) {
        let is_new = self
            .warned
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(message.clone());
        if is_new {
            self.send(Event::Warning { message });
        }
    }
}
