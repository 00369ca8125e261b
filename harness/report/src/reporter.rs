//! What a report is made by.

use meshkat_model::event::Event;

use crate::error::ReportError;

/// Makes a report from what happens.
pub trait Reporter {
    /// Takes the next event. An error is about this event only: the next one is given all the same.
    fn event(&mut self, event: &Event) -> Result<(), ReportError>;

    /// Completes the report, after the last event. Called once, also when the run did not come to its own end.
    fn finish(&mut self) -> Result<(), ReportError>;
}
