//! A bar over all cases, and a line for each mesh that starts and each case that runs.

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use meshkat_model::event::Event;
use meshkat_model::results::CaseResult;
use meshkat_model::round::Round;
use owo_colors::OwoColorize as _;

use super::look::{Look, style};
use crate::printed;
use crate::record::{Record, others};
use crate::text::{count, line, number, title};

const TICK: Duration = Duration::from_millis(120);

pub(super) struct Live {
    all: MultiProgress,
    bar: ProgressBar,
    look: Look,
    /// By id, and round.
    cases: HashMap<(String, Option<Round>), ProgressBar>,
    meshes: HashMap<usize, StartingMesh>,
    trying: Option<ProgressBar>,
}

struct StartingMesh {
    line: ProgressBar,
    cases: Vec<String>,
    round: Option<Round>,
}

impl Live {
    pub(super) fn new(to: ProgressDrawTarget, look: Look) -> Self {
        let all = MultiProgress::with_draw_target(to);
        let bar = all.add(
            ProgressBar::new(0).with_style(template("{bar:30} {pos}/{len} cases  {msg}  {prefix:.dim}  {elapsed}")),
        );
        Self {
            all,
            bar,
            look,
            cases: HashMap::new(),
            meshes: HashMap::new(),
            trying: None,
        }
    }

    pub(super) fn event(&mut self, event: &Event, record: &Record) {
        match event {
            Event::RunStarted { .. } => {
                self.bar.set_length(record.planned());
                self.bar.enable_steady_tick(TICK);
            }
            Event::MeshStarting {
                mesh,
                name,
                cases,
                round,
            } => {
                let line = self.line(format!("starting {}", line(name, 200)));
                if let Some(old) = self.meshes.insert(
                    *mesh,
                    StartingMesh {
                        line,
                        cases: cases.clone(),
                        round: *round,
                    },
                ) {
                    old.line.finish_and_clear();
                }
            }
            Event::MeshReady { mesh, .. } => {
                if let Some(mesh) = self.meshes.remove(mesh) {
                    mesh.line.finish_and_clear();
                }
            }
            Event::CaseStarted { id, round, attempt } => {
                let again = if *attempt > 1 {
                    format!("  attempt {attempt}")
                } else {
                    String::new()
                };
                let new = self.line(format!("{}{again}", title(id, *round, 200)));
                if let Some(old) = self.cases.insert((id.clone(), *round), new) {
                    old.finish_and_clear();
                }
            }
            Event::StepStarted {
                id,
                round,
                index,
                of,
                name,
            } => {
                if let Some(case) = self.cases.get(&(id.clone(), *round)) {
                    let step = format!("{}/{of} {}", index.saturating_add(1), line(name, 200));
                    case.set_message(self.shown(&format!("{}  {}", title(id, *round, 200), step.dimmed())));
                }
            }
            Event::CaseVoid { id, round, .. } => {
                if let Some(line) = self.cases.remove(&(id.clone(), *round)) {
                    line.finish_and_clear();
                }
            }
            Event::Machine { meshes, machine } => {
                let busy = machine
                    .cpu_busy
                    .map_or(String::new(), |busy| format!(", machine {:.0}% busy", busy * 100.0));
                self.bar
                    .set_prefix(format!("{}{busy}", count(*meshes as u64, "mesh", "meshes")));
            }
            Event::CaseFinished { case } => self.ended(case, record),
            Event::Trying { id, why } => {
                let text = format!("trying {} {}", line(id, 200), line(&why.to_string(), 200));
                let new = self.line(text);
                if let Some(old) = self.trying.replace(new) {
                    old.finish_and_clear();
                }
            }
            Event::Culprit { .. } | Event::RunFinished { .. } => {
                if let Some(line) = self.trying.take() {
                    line.finish_and_clear();
                }
            }
            Event::MeshRepaired { .. }
            | Event::StepFinished { .. }
            | Event::Artifacts { .. }
            | Event::Warning { .. } => {}
        }
    }

    fn ended(&mut self, case: &CaseResult, record: &Record) {
        if let Some(line) = self.cases.remove(&(case.id.clone(), case.round)) {
            line.finish_and_clear();
        }
        // A mesh that never comes up is told of by its cases alone.
        let given_up: Vec<usize> = self
            .meshes
            .iter()
            .filter(|(_, mesh)| mesh.round == case.round && mesh.cases.contains(&case.id))
            .map(|(n, _)| *n)
            .collect();
        for mesh in given_up.iter().filter_map(|mesh| self.meshes.remove(mesh)) {
            mesh.line.finish_and_clear();
        }
        let counted = others(&record.totals()).into_iter().filter(|(_, n)| *n > 0);
        let counted: Vec<String> = counted
            .map(|(status, n)| {
                format!("{} {}", number(n), status.word())
                    .style(style(status))
                    .to_string()
            })
            .collect();
        self.bar.set_message(self.shown(&counted.join(", ")));
        // Of a run until one fails the length is known round by round.
        self.bar.set_length(record.planned());
        self.bar.set_position(record.cases.len() as u64);
    }

    fn shown(&self, text: &str) -> String {
        printed::styled(&self.look.paint(text))
    }

    /// A line above the bar, for as long as something goes on.
    fn line(&self, message: String) -> ProgressBar {
        let line = ProgressBar::new_spinner().with_style(template("{spinner} {elapsed:>4} {wide_msg}"));
        let line = self
            .all
            .insert_before(&self.bar, line.with_message(self.shown(&message)));
        line.enable_steady_tick(TICK);
        line
    }

    /// Writes something else without disturbing the view.
    pub(super) fn suspend(&self, write: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        self.all.suspend(write)
    }

    /// Takes the view away.
    pub(super) fn clear(self) {
        for line in self.cases.values().chain(self.meshes.values().map(|mesh| &mesh.line)) {
            line.finish_and_clear();
        }
        if let Some(line) = self.trying {
            line.finish_and_clear();
        }
        self.bar.finish_and_clear();
    }
}

/// A template that does not parse would be a mistake in this file; the default view is better than none.
fn template(text: &str) -> ProgressStyle {
    ProgressStyle::with_template(text).unwrap_or_else(|_| ProgressStyle::default_bar())
}
