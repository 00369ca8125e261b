//! Where executors tell what happens.

use meshkat_model::event::Event;
use tokio::sync::mpsc;

/// Where executors tell what happens. They never speak to a reporter.
#[derive(Debug, Clone)]
pub(crate) struct Sink(mpsc::UnboundedSender<Event>);

impl Sink {
    /// Where to tell, and where it is heard.
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<Event>) {
        let (sender, events) = mpsc::unbounded_channel();
        (Self(sender), events)
    }

    pub(crate) fn send(&self, event: Event) {
        // The dispatcher listens for as long as any executor runs.
        let sent = self.0.send(event);
        debug_assert!(sent.is_ok(), "the dispatcher is gone");
    }
}
