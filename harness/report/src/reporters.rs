//! Every report, side by side.

use std::io;

use meshkat_model::event::{Event, Logged};

use crate::bundle::Bundles;
use crate::documents::Documents;
use crate::error::ReportError;
use crate::event_log::EventLog;
use crate::folder;
use crate::json::Json;
use crate::options::ReportOptions;
use crate::reporter::Reporter;
use crate::secrets::Secrets;
use crate::terminal::Terminal;
use crate::times::TimesFile;

/// A list of reporters that all see every event, without the secrets of the environment. One that fails never starves the
/// others.
#[derive(Default)]
pub struct Reporters {
    /// Comes before all others: what they show has happened.
    log: Option<EventLog>,
    list: Vec<Box<dyn Reporter + Send>>,
    errors: Vec<ReportError>,
    /// None are those of this process.
    secrets: Option<Secrets>,
    /// Keeps other runs away for as long as this one writes.
    hold: Option<folder::Hold>,
}

impl Reporters {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// All reports of a run: the files in `options.dir`, and standard error.
    ///
    /// Makes the folder, and removes what an earlier run left in it, but for its times, and nothing else. Until this is
    /// dropped, no other run can write there.
    ///
    /// # Errors
    /// When the folder cannot be made, emptied or written to, is behind a link, has a file in it that a report would replace
    /// and no run wrote, or is another run's.
    pub fn for_run(options: &ReportOptions) -> Result<Self, ReportError> {
        let mut reporters = Self::for_files(&options.dir)?;
        // Files first: what the terminal points to is there when it is told of.
        reporters.add(Terminal::stderr(options));
        Ok(reporters)
    }

    /// The files alone, in a folder that is made and emptied as for a run.
    ///
    /// # Errors
    /// As for [`Reporters::for_run`].
    pub fn for_files(dir: &std::path::Path) -> Result<Self, ReportError> {
        let mut reporters = Self {
            hold: Some(folder::prepare(dir)?),
            log: Some(EventLog::new(dir)),
            ..Self::new()
        };
        reporters.add(Json::new(dir));
        reporters.add(Bundles::new(dir));
        reporters.add(Documents::new(dir));
        reporters.add(TimesFile::new(dir));
        Ok(reporters)
    }

    /// Adds one.
    pub fn add(&mut self, reporter: impl Reporter + Send + 'static) {
        self.list.push(Box::new(reporter));
    }

    /// Takes these secrets out of what happens, instead of those of this process.
    pub fn with_secrets(mut self, secrets: Secrets) -> Self {
        self.secrets = Some(secrets);
        self
    }

    /// Gives `event` to all. What goes wrong is kept for [`Reporters::finish`].
    pub fn event(&mut self, event: &Event) {
        self.take(None, event);
    }

    /// Gives them an event of a run that was, as it is in its log.
    pub fn logged(&mut self, logged: &Logged) {
        self.take(Some(logged.at_ms), &logged.event);
    }

    fn take(&mut self, at_ms: Option<u64>, event: &Event) {
        // Before anything is cut or escaped: half a secret is not found any more.
        let secrets = self.secrets.as_ref().unwrap_or_else(|| Secrets::of_this_process());
        let event = secrets.redact_event(event);
        if let Some(Err(error)) = self.log.as_mut().map(|log| log.add(at_ms, &event)) {
            keep(&mut self.errors, error);
        }
        for reporter in &mut self.list {
            if let Err(error) = reporter.event(&event) {
                keep(&mut self.errors, error);
            }
        }
    }

    /// Completes all reports.
    ///
    /// # Errors
    /// All that went wrong since the start, each thing once.
    pub fn finish(&mut self) -> Result<(), ReportError> {
        for reporter in &mut self.list {
            if let Err(error) = reporter.finish() {
                keep(&mut self.errors, error);
            }
        }
        self.hold = None;
        ReportError::gather(std::mem::take(&mut self.errors))
    }
}

/// Makes reports from a list of events: the same as if they had happened now.
///
/// # Errors
/// As for [`Reporters::finish`].
pub fn replay<'a>(events: impl IntoIterator<Item = &'a Event>, reporters: &mut Reporters) -> Result<(), ReportError> {
    for event in events {
        reporters.event(event);
    }
    reporters.finish()
}

/// Makes reports from the log of a run that was.
///
/// # Errors
/// As for [`Reporters::finish`].
pub fn replay_log<'a>(log: impl IntoIterator<Item = &'a Logged>, reporters: &mut Reporters) -> Result<(), ReportError> {
    for logged in log {
        reporters.logged(logged);
    }
    reporters.finish()
}

/// A disk that is full fails every event in the same words; they are told once.
fn keep(errors: &mut Vec<ReportError>, error: ReportError) {
    // Whoever reads standard error has gone; there is nobody to tell.
    if matches!(&error, ReportError::Terminal(why) if why.kind() == io::ErrorKind::BrokenPipe) {
        return;
    }
    let new = match error {
        ReportError::Several(list) => list,
        one => vec![one],
    };
    for error in new {
        let text = error.to_string();
        if !errors.iter().any(|known| known.to_string() == text) {
            errors.push(error);
        }
    }
}
