//! What a person sees while a run goes on, and when it is over. All of it goes to standard error.

mod failures;
mod live;
mod look;
mod table;

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use indicatif::ProgressDrawTarget;
use meshkat_model::event::Event;
use meshkat_model::results::{CaseResult, Status};
use owo_colors::OwoColorize as _;

pub use look::Look;

use crate::error::ReportError;
use crate::explain;
use crate::options::ReportOptions;
use crate::printed;
use crate::record::{Record, beside};
use crate::reporter::Reporter;
use crate::text::{self, count, time};
use live::Live;
use look::style;

/// On a terminal, a view of what runs; passes are quiet there, all else is told at once. Elsewhere, a line for each case that
/// ran. At the end, what was skipped and why, a table, an explanation of what did not pass, and a closing line.
pub struct Terminal {
    out: Box<dyn Write + Send>,
    look: Look,
    dir: PathBuf,
    record: Record,
    live: Option<Live>,
}

impl Terminal {
    /// On standard error.
    #[expect(clippy::disallowed_methods, reason = "all that it is told goes through `say`")]
    pub fn stderr(options: &ReportOptions) -> Self {
        let look = Look::of_stderr(options.color);
        let view = options.progress && look::may_be_live();
        let target = view.then(ProgressDrawTarget::stderr);
        Self::new(Box::new(io::stderr()), look, &options.dir, target)
    }

    /// Writes to `out`, with a view of what goes on drawn to `view`, if any. `dir` is where the report's files are.
    pub fn new(out: Box<dyn Write + Send>, look: Look, dir: &Path, view: Option<ProgressDrawTarget>) -> Self {
        Self {
            out,
            look,
            dir: dir.to_owned(),
            record: Record::default(),
            live: view.map(|to| Live::new(to, look)),
        }
    }

    /// Writes lines above the view of what goes on.
    fn say(&mut self, text: &str) -> Result<(), ReportError> {
        let text = printed::styled(&self.look.paint(text));
        let out = &mut self.out;
        let mut write = || out.write_all(text.as_bytes()).and_then(|()| out.flush());
        match &self.live {
            Some(live) => live.suspend(write),
            None => write(),
        }
        .map_err(ReportError::Terminal)
    }

    fn ended(&mut self, case: &CaseResult) -> Result<(), ReportError> {
        // Many are skipped for one reason, which is told at the end.
        let quiet = case.status == Status::Skipped || (case.status == Status::Passed && self.live.is_some());
        if quiet {
            return Ok(());
        }
        let word = format!("{:<8}", case.status.word());
        let id = text::title(&case.id, case.round, 300);
        let mut line = format!(
            "{} {id}  {}",
            word.style(style(case.status)),
            time(case.duration_ms).dimmed()
        );
        let failure = case.failure.as_ref().or(case.earlier_failures.first());
        if let Some(failure) = failure.filter(|_| case.status != Status::Passed) {
            let place = explain::place(failure)
                .map(|place| format!("{place}: "))
                .unwrap_or_default();
            let _ = write!(line, "  {place}{}", text::line(&failure.message, 160));
        }
        line.push('\n');
        self.say(&line)
    }

    fn closing(&self) -> String {
        let mut out = String::new();
        if !self.record.cases.is_empty() {
            out.push('\n');
            out.push_str(&table::render(&self.record, self.look));
            out.push('\n');
        }
        out.push_str(&failures::render(&self.record, &self.dir, self.look));
        let totals = self.record.totals();
        let worst = if totals.failed > 0 {
            Status::Failed
        } else if totals.errored > 0 {
            Status::Errored
        } else if self.record.interrupted() || totals.passed + totals.flaky == 0 {
            Status::Skipped
        } else {
            Status::Passed
        };
        out.push_str(&failures::flakes(&self.record));
        let _ = writeln!(out, "\n{}", self.record.closing_line().style(style(worst)));
        out
    }
}

impl Reporter for Terminal {
    fn event(&mut self, event: &Event) -> Result<(), ReportError> {
        self.record.see(event);
        if let Some(live) = &mut self.live {
            live.event(event, &self.record);
        }
        match event {
            Event::RunStarted { run, cases, meshes } => {
                let cases = count(cases.len() as u64, "case", "cases");
                let meshes = count(*meshes as u64, "mesh", "meshes");
                let mut head = vec![format!(
                    "{cases} on {meshes}, runtime {}, seed {}",
                    run.runtime, run.seed
                )];
                head.extend(beside(run));
                self.say(&format!("{}\n", text::line(&head.join(", "), 300).dimmed()))
            }
            Event::CaseStarted { id, round, attempt } if *attempt > 1 => {
                let (word, id) = (format!("{:<8}", "retry"), text::title(id, *round, 300));
                self.say(&format!(
                    "{} {id}  attempt {attempt}\n",
                    word.style(style(Status::Flaky))
                ))
            }
            Event::CaseVoid { id, round, void } => {
                let (word, id) = (format!("{:<8}", "void"), text::title(id, *round, 300));
                self.say(&format!(
                    "{} {id}  {}\n",
                    word.style(style(Status::Flaky)),
                    text::line(&void.why, 300)
                ))
            }
            Event::CaseFinished { case } => self.ended(case),
            Event::Trying { id, why } if self.live.is_none() => {
                let (word, id) = (format!("{:<8}", "trying"), text::line(id, 300));
                self.say(&format!(
                    "{} {id}  {}\n",
                    word.dimmed(),
                    text::line(&why.to_string(), 300)
                ))
            }
            Event::Warning { message } => {
                let word = "warning:".style(style(Status::Flaky)).to_string();
                self.say(&format!("{word} {}\n", text::line(message, 1000)))
            }
            _ => Ok(()),
        }
    }

    fn finish(&mut self) -> Result<(), ReportError> {
        if let Some(live) = self.live.take() {
            live.clear();
        }
        let closing = self.closing();
        self.say(&closing)
    }
}
