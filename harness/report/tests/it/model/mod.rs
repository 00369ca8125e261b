//! Runs that never happened, each with what every report of it must say.

mod cases;
pub(crate) mod junit;
mod runs;

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use meshkat_model::event::Event;
use meshkat_model::results::Totals;

pub(crate) use cases::{case, failure};
pub(crate) use runs::{finished, planned, run, started};

/// A run and its expected outcome.
pub(crate) struct Fixture {
    pub(crate) name: &'static str,
    pub(crate) events: Vec<Event>,
    pub(crate) totals: Totals,
    pub(crate) interrupted: bool,
    /// What the terminal, the Markdown and the HTML say of the whole.
    pub(crate) closing: &'static str,
    /// The ids that are explained, in this order.
    pub(crate) explained: Vec<&'static str>,
    /// The folders below `failures/`.
    pub(crate) bundles: Vec<&'static str>,
}

/// All of them.
pub(crate) fn fixtures() -> Vec<Fixture> {
    runs::all()
}

/// The one with this name.
pub(crate) fn fixture(name: &str) -> Fixture {
    fixtures()
        .into_iter()
        .find(|fixture| fixture.name == name)
        .expect("a fixture of that name")
}

/// A writer whose content can be looked at.
#[derive(Clone, Default)]
pub(crate) struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
