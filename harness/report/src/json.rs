//! `results.json`: what other programs read.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use indexmap::IndexSet;
use meshkat_model::culprit::Culprit;
use meshkat_model::event::Event;
use meshkat_model::results::{CaseResult, Results, RunInfo, SCHEMA, Totals};
use meshkat_model::{flakes::Flakes, round::Flake};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::error::ReportError;
use crate::place::{self, RESULTS};
use crate::record::add;
use crate::reporter::Reporter;

/// Up to so many cases, the file is written at every case's end.
const EAGER: usize = 500;
/// Beyond that, not more often than this: each write is of the whole file.
const PAUSE: Duration = Duration::from_secs(1);

/// Writes `results.json` as the run goes, always as a whole, so that it is valid at every moment.
///
/// Until the run's own end is told, the file calls it interrupted, with a duration of 0: that is what a run that was
/// killed leaves. It then has every case that had ended, and the ids of those that had not; beyond 500 cases, what ended in the last
/// second may not be there.
pub struct Json {
    path: PathBuf,
    run: Option<RunInfo>,
    totals: Totals,
    /// Each put as JSON once, however often the file is written.
    cases: Vec<Box<RawValue>>,
    not_run: IndexSet<String>,
    culprits: Vec<Culprit>,
    flakes: Flakes,
    behind: bool,
    written: Option<Instant>,
}

#[derive(Serialize)]
struct File<'a> {
    schema: u32,
    run: &'a RunInfo,
    totals: Totals,
    cases: &'a [Box<RawValue>],
    #[serde(skip_serializing_if = "IndexSet::is_empty")]
    not_run: &'a IndexSet<String>,
    #[serde(skip_serializing_if = "<[Culprit]>::is_empty")]
    culprits: &'a [Culprit],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    flakes: Vec<&'a Flake>,
}

impl Json {
    /// Writes to `results.json` in `dir`, which must be there.
    pub fn new(dir: &Path) -> Self {
        Self {
            path: dir.join(RESULTS),
            run: None,
            totals: Totals::default(),
            cases: Vec::new(),
            not_run: IndexSet::new(),
            culprits: Vec::new(),
            flakes: Flakes::default(),
            behind: false,
            written: None,
        }
    }

    fn take(&mut self, case: &CaseResult) -> Result<(), ReportError> {
        if self.run.is_none() {
            return Err(ReportError::NotStarted { id: case.id.clone() });
        }
        let raw = serde_json::value::to_raw_value(case).map_err(|why| ReportError::Json {
            id: case.id.clone(),
            why,
        })?;
        add(&mut self.totals, &Totals::of(std::slice::from_ref(case)));
        self.cases.push(raw);
        self.flakes.see(case);
        self.not_run.shift_remove(&case.id);
        self.behind = true;
        Ok(())
    }

    fn write(&mut self) -> Result<(), ReportError> {
        let Some(run) = &self.run else { return Ok(()) };
        let file = File {
            schema: SCHEMA,
            run,
            totals: self.totals,
            cases: &self.cases,
            not_run: &self.not_run,
            culprits: &self.culprits,
            flakes: self.flakes.found().collect(),
        };
        let mut text = serde_json::to_vec_pretty(&file).map_err(|why| ReportError::Json {
            id: RESULTS.to_owned(),
            why,
        })?;
        text.push(b'\n');
        // Also after a failure: a disk that is full is not asked again at every event.
        self.written = Some(Instant::now());
        place::write(&self.path, text)?;
        self.behind = false;
        Ok(())
    }

    fn is_due(&self) -> bool {
        let rested = self.written.is_none_or(|at| at.elapsed() >= PAUSE);
        self.behind && (self.cases.len() <= EAGER || rested)
    }
}

impl Reporter for Json {
    fn event(&mut self, event: &Event) -> Result<(), ReportError> {
        match event {
            Event::RunStarted { run, cases, .. } => {
                self.not_run = cases.iter().map(|case| case.id.clone()).collect();
                self.run = Some(RunInfo {
                    interrupted: true,
                    duration_ms: 0,
                    ..run.clone()
                });
                self.write()
            }
            Event::CaseVoid { .. } => {
                self.totals.voids = self.totals.voids.saturating_add(1);
                self.behind = true;
                Ok(())
            }
            Event::CaseFinished { case } => {
                // They were counted when they were told.
                self.totals.voids = self.totals.voids.saturating_sub(case.voids.len() as u64);
                self.take(case)?;
                if self.is_due() { self.write() } else { Ok(()) }
            }
            Event::Culprit { culprit } => {
                self.culprits.push((**culprit).clone());
                self.behind = true;
                self.write()
            }
            Event::RunFinished {
                duration_ms,
                interrupted,
            } => {
                if let Some(run) = &mut self.run {
                    run.duration_ms = *duration_ms;
                    run.interrupted = *interrupted;
                }
                self.behind = true;
                self.write()
            }
            _ if self.is_due() && self.cases.len() > EAGER => self.write(),
            _ => Ok(()),
        }
    }

    fn finish(&mut self) -> Result<(), ReportError> {
        if self.behind { self.write() } else { Ok(()) }
    }
}

/// The largest `results.json` that is read: some twenty thousand cases.
const LARGEST: u64 = 64 << 20;

/// Reads the `results.json` of a report folder, or the file itself. In a folder, which may be a stranger's, it is no link.
///
/// # Errors
/// When there is none, when it is no regular file or larger than 64 MiB, or when it is not one that this version knows.
pub fn read_results(path: &Path) -> Result<Results, ReportError> {
    let in_folder = path.is_dir();
    let path = if in_folder { path.join(RESULTS) } else { path.to_owned() };
    let read = if in_folder {
        meshkat_files::read_own
    } else {
        meshkat_files::read
    };
    let text = read(&path, LARGEST).map_err(|why| ReportError::read(&path, why))?;
    let results: Results = serde_json::from_slice(&text).map_err(|why| ReportError::NotAReport {
        path: path.clone(),
        why: why.to_string(),
    })?;
    if results.schema > SCHEMA {
        let why = format!(
            "its schema is {}, and this version knows up to {SCHEMA}",
            results.schema
        );
        return Err(ReportError::NotAReport { path, why });
    }
    Ok(results)
}
