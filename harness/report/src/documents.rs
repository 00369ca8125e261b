//! The reports that are written once, at the end: JUnit, Markdown, HTML.

use std::path::{Path, PathBuf};

use meshkat_model::event::Event;

use crate::error::ReportError;
use crate::place::{self, INDEX, JUNIT, SUMMARY};
use crate::printed::harmless;
use crate::record::Record;
use crate::reporter::Reporter;
use crate::{html, junit, markdown};

/// Writes `junit.xml`, `summary.md` and `index.html` when the run is over, also when it was interrupted.
pub struct Documents {
    dir: PathBuf,
    record: Record,
}

impl Documents {
    /// Writes into `dir`, which must be there.
    pub fn new(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            record: Record::default(),
        }
    }
}

impl Reporter for Documents {
    fn event(&mut self, event: &Event) -> Result<(), ReportError> {
        self.record.see(event);
        Ok(())
    }

    fn finish(&mut self) -> Result<(), ReportError> {
        let write = |name: &str, content: String| place::write(&self.dir.join(name), content);
        let done = [
            junit::render(&self.record).and_then(|content| write(JUNIT, content)),
            write(SUMMARY, harmless(&markdown::render(&self.record)).into_owned()),
            write(INDEX, html::render(&self.record)),
        ];
        ReportError::gather(done.into_iter().filter_map(Result::err).collect())
    }
}
