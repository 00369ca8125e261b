//! What a run's events come to, counted and put in order.

use std::collections::{HashMap, HashSet};

use indexmap::IndexMap;
use meshkat_model::culprit::Culprit;
use meshkat_model::event::{Event, Logged};
use meshkat_model::flakes::Flakes;
use meshkat_model::machine::Machine;
use meshkat_model::planned::PlannedCase;
use meshkat_model::results::{CaseResult, Results, RunInfo, SCHEMA, Status, Totals};

use crate::text::{count, number, time};

/// Of so many seconds it is kept how the machine was: a day.
const MOST_SECONDS: usize = 86_400;

/// All that the reports at the end of a run need.
#[derive(Debug, Clone, Default)]
pub struct Record {
    /// How the run was made; none before it started.
    pub run: Option<RunInfo>,
    /// What was to run, in each round.
    pub planned: Vec<PlannedCase>,
    /// What has ended, in that order.
    pub cases: Vec<CaseResult>,
    /// What the failures of scenarios have in common.
    pub culprits: Vec<Culprit>,
    /// What did not end in the same way in each round.
    pub flakes: Flakes,
    /// What a person should know besides.
    pub warnings: Vec<String>,
    /// How the machine was, each second: how many meshes there were, and what was measured.
    pub machine: Vec<(usize, Machine)>,
    /// Void attempts of cases that have not ended.
    waiting: u64,
    meshes: u64,
    repairs: u64,
    scalings: u64,
    in_vain: u64,
    finished: bool,
    /// Of the last round that began, or 0.
    round: u32,
}

/// What came of a scenario's cases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScenarioCount {
    /// `<folder>/<scenario>`.
    pub scenario: String,
    /// What it promises.
    pub promise: String,
    /// How many cases were to run.
    pub planned: u64,
    /// Counted over those that ended.
    pub totals: Totals,
    /// The cases' time taken together, in milliseconds.
    pub duration_ms: u64,
}

impl Record {
    /// Of a run's log.
    pub fn of<'a>(log: impl IntoIterator<Item = &'a Logged>) -> Self {
        let mut record = Self::default();
        for logged in log {
            record.see(&logged.event);
        }
        record
    }

    /// Takes the next event.
    pub fn see(&mut self, event: &Event) {
        match event {
            Event::RunStarted { run, cases, .. } => {
                self.run = Some(run.clone());
                self.planned = cases.clone();
            }
            Event::MeshStarting { .. } => self.meshes += 1,
            Event::MeshRepaired { scaled, failure, .. } => {
                match scaled.is_empty() {
                    true => self.repairs += 1,
                    false => self.scalings += 1,
                }
                self.in_vain += u64::from(failure.is_some());
            }
            Event::CaseStarted { round: Some(round), .. } => self.round = self.round.max(round.number),
            Event::CaseVoid { .. } => self.waiting += 1,
            Event::CaseFinished { case } => {
                self.waiting = self.waiting.saturating_sub(case.voids.len() as u64);
                self.flakes.see(case);
                self.cases.push((**case).clone());
            }
            Event::Culprit { culprit } => self.culprits.push((**culprit).clone()),
            Event::Machine { meshes, machine } if self.machine.len() < MOST_SECONDS => {
                self.machine.push((*meshes, *machine));
            }
            Event::Warning { message } => self.warnings.push(message.clone()),
            Event::RunFinished {
                duration_ms,
                interrupted,
            } => {
                self.finished = true;
                if let Some(run) = &mut self.run {
                    run.duration_ms = *duration_ms;
                    run.interrupted = *interrupted;
                }
            }
            Event::MeshReady { .. }
            | Event::CaseStarted { .. }
            | Event::StepStarted { .. }
            | Event::StepFinished { .. }
            | Event::Trying { .. }
            | Event::Machine { .. }
            | Event::Artifacts { .. } => {}
        }
    }

    /// What `results.json` says of it; none before the run started.
    pub fn results(self) -> Option<Results> {
        let totals = self.totals();
        let ended: HashSet<&str> = self.cases.iter().map(|case| case.id.as_str()).collect();
        let ids = self.planned.iter().map(|case| &case.id);
        let not_run = ids.filter(|id| !ended.contains(id.as_str())).cloned().collect();
        Some(Results {
            schema: SCHEMA,
            run: self.run?,
            totals,
            not_run,
            culprits: self.culprits,
            flakes: self.flakes.found().cloned().collect(),
            cases: self.cases,
        })
    }

    /// Counted over the cases that have ended, with the voids of those that are to be made again.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::of(&self.cases);
        totals.voids = totals.voids.saturating_add(self.waiting);
        totals
    }

    /// How many cases were to run, in all rounds together. Of a run until one fails, those of the rounds that began.
    pub fn planned(&self) -> u64 {
        let once = self.cases.iter().filter(|case| case.round.is_none()).count() as u64;
        self.in_rounds(self.planned.len() as u64, once)
            .max(self.cases.len() as u64)
    }

    /// How many cases are to run of so many in each round, of which some, as those that are skipped, have ended once and for all.
    fn in_rounds(&self, planned: u64, once: u64) -> u64 {
        let rounds = self.rounds().unwrap_or(1);
        planned.saturating_sub(once).saturating_mul(rounds).saturating_add(once)
    }

    /// In how many rounds the cases run, as far as that is known: of a run until one fails, how many have begun. None where there are no
    /// rounds.
    fn rounds(&self) -> Option<u64> {
        let rounds = self.run.as_ref()?.rounds?;
        Some(u64::from(match rounds.until_failure {
            true => self.round.max(1),
            false => rounds.of,
        }))
    }

    /// How many meshes began to start.
    pub fn meshes(&self) -> u64 {
        self.meshes
    }

    /// Whether the run ended early; so does one whose end was never told.
    pub fn interrupted(&self) -> bool {
        !self.finished || self.run.as_ref().is_some_and(|run| run.interrupted)
    }

    /// Every scenario with a planned case, in the planned order.
    pub fn scenarios(&self) -> Vec<ScenarioCount> {
        let mut rows: IndexMap<&str, ScenarioCount> = IndexMap::new();
        let new = |scenario: &str, promise: &str| ScenarioCount {
            scenario: scenario.to_owned(),
            promise: promise.to_owned(),
            planned: 0,
            totals: Totals::default(),
            duration_ms: 0,
        };
        for case in &self.planned {
            rows.entry(&case.scenario)
                .or_insert_with(|| new(&case.scenario, &case.promise))
                .planned += 1;
        }
        let mut once: HashMap<&str, u64> = HashMap::new();
        for case in &self.cases {
            let row = rows
                .entry(&case.scenario)
                .or_insert_with(|| new(&case.scenario, &case.promise));
            add(&mut row.totals, &Totals::of(std::slice::from_ref(case)));
            row.duration_ms = row.duration_ms.saturating_add(case.duration_ms);
            *once.entry(&case.scenario).or_default() += u64::from(case.round.is_none());
        }
        for (scenario, row) in &mut rows {
            let once = once.get(scenario).copied().unwrap_or_default();
            row.planned = self.in_rounds(row.planned, once).max(row.totals.cases);
        }
        rows.into_values().collect()
    }

    /// The run in a line: `30 cases: 28 passed, 2 failed in 12.3 s (1,234 checks, 5,678 requests, 14 meshes, 9 repairs, 3 scalings)`.
    pub fn closing_line(&self) -> String {
        let totals = self.totals();
        let planned = self.planned();
        let mut line = String::new();
        if self.interrupted() {
            line.push_str("interrupted after ");
        }
        if totals.cases < planned {
            line.push_str(&format!("{} of ", number(totals.cases)));
        }
        line.push_str(&count(planned, "case", "cases"));
        if let Some(rounds) = self.rounds() {
            line.push_str(&format!(" in {}", count(rounds, "round", "rounds")));
        }
        line.push_str(": ");
        line.push_str(&verdicts(&totals));
        match self.run.as_ref().map_or(0, |run| run.duration_ms) {
            0 => {}
            ms => line.push_str(&format!(" in {}", time(ms))),
        }
        let checks = count(totals.checks, "check", "checks");
        let requests = count(totals.requests, "request", "requests");
        line.push_str(&format!(" ({checks}, {requests}"));
        if self.meshes() > 0 {
            line.push_str(&format!(", {}", count(self.meshes(), "mesh", "meshes")));
        }
        if self.repairs > 0 {
            line.push_str(&format!(", {}", count(self.repairs, "repair", "repairs")));
        }
        if self.scalings > 0 {
            line.push_str(&format!(", {}", count(self.scalings, "scaling", "scalings")));
        }
        if self.in_vain > 0 {
            line.push_str(&format!(", {} in vain", number(self.in_vain)));
        }
        if totals.voids > 0 {
            line.push_str(&format!(", {}", count(totals.voids, "void", "voids")));
        }
        line.push(')');
        line
    }

    /// How the run was made, in a line.
    pub(crate) fn circumstances(&self) -> Option<String> {
        let run = self.run.as_ref()?;
        let mut parts = vec![format!("runtime {}", run.runtime)];
        if !run.envoy.is_empty() {
            parts.push(format!("Envoy {}", run.envoy.join(", ")));
        }
        parts.push(format!("coverage {}", run.coverage));
        parts.push(format!("seed {}", run.seed));
        if let Some(shard) = &run.shard {
            parts.push(format!("shard {shard}"));
        }
        parts.extend(beside(run));
        parts.push(format!("meshkat {}", run.meshkat));
        Some(parts.join(" · "))
    }
}

/// How often a run does the same, and what keeps the machine busy beside it: nothing of either, for most.
pub(crate) fn beside(run: &RunInfo) -> Vec<String> {
    let rounds = run.rounds.map(|rounds| rounds.to_string());
    let stress = run
        .stress
        .map(|threads| format!("beside {}", count(threads.into(), "busy thread", "busy threads")));
    rounds.into_iter().chain(stress).collect()
}

/// `28 passed, 2 failed`: who passed, and whatever else is not 0.
pub(crate) fn verdicts(totals: &Totals) -> String {
    let mut parts = vec![format!("{} passed", number(totals.passed))];
    for (status, n) in others(totals) {
        if n > 0 {
            parts.push(format!("{} {}", number(n), status.word()));
        }
    }
    parts.join(", ")
}

/// The counts of all that did not simply pass.
pub(crate) fn others(totals: &Totals) -> [(Status, u64); 4] {
    [
        (Status::Failed, totals.failed),
        (Status::Errored, totals.errored),
        (Status::Skipped, totals.skipped),
        (Status::Flaky, totals.flaky),
    ]
}

pub(crate) fn add(sum: &mut Totals, more: &Totals) {
    sum.cases = sum.cases.saturating_add(more.cases);
    sum.passed = sum.passed.saturating_add(more.passed);
    sum.failed = sum.failed.saturating_add(more.failed);
    sum.errored = sum.errored.saturating_add(more.errored);
    sum.skipped = sum.skipped.saturating_add(more.skipped);
    sum.flaky = sum.flaky.saturating_add(more.flaky);
    sum.voids = sum.voids.saturating_add(more.voids);
    sum.checks = sum.checks.saturating_add(more.checks);
    sum.requests = sum.requests.saturating_add(more.requests);
}
