//! What a run told.

use meshkat_engine::Summary;
use meshkat_model::{
    event::Event,
    results::{CaseResult, Failure, Status},
};

pub(crate) struct Ran {
    pub(crate) events: Vec<Event>,
    pub(crate) summary: Summary,
}

impl Ran {
    pub(crate) fn cases(&self) -> Vec<&CaseResult> {
        let events = self.events.iter();
        let cases = events.filter_map(|event| match event {
            Event::CaseFinished { case } => Some(&**case),
            _ => None,
        });
        cases.collect()
    }

    #[track_caller]
    pub(crate) fn case(&self, id: &str) -> &CaseResult {
        let cases = self.cases();
        let found = cases.iter().find(|case| case.id == id);
        found.unwrap_or_else(|| panic!("{id} has not ended; told was\n{}", self.told().join("\n")))
    }

    /// The only case.
    #[track_caller]
    pub(crate) fn only(&self) -> &CaseResult {
        match self.cases()[..] {
            [only] => only,
            _ => panic!("there is not one case; told was\n{}", self.told().join("\n")),
        }
    }

    /// The only case, which passed.
    #[track_caller]
    pub(crate) fn passed(&self) -> &CaseResult {
        let case = self.only();
        assert_eq!((case.status, &case.failure), (Status::Passed, &None));
        case
    }

    /// Why the only case failed.
    #[track_caller]
    pub(crate) fn failed(&self) -> &Failure {
        self.did_not_pass(Status::Failed)
    }

    /// What broke under the only case.
    #[track_caller]
    pub(crate) fn errored(&self) -> &Failure {
        self.did_not_pass(Status::Errored)
    }

    #[track_caller]
    fn did_not_pass(&self, status: Status) -> &Failure {
        let case = self.only();
        assert_eq!(case.status, status, "{:?}", case.failure);
        case.failure.as_ref().expect("a case that did not pass says why")
    }

    /// Every event in a line, without times.
    pub(crate) fn told(&self) -> Vec<String> {
        self.events.iter().map(line).collect()
    }

    /// The lines about a case.
    pub(crate) fn told_of(&self, id: &str) -> Vec<String> {
        let begin = format!("{id}: ");
        self.told()
            .into_iter()
            .filter_map(|line| line.strip_prefix(&begin).map(str::to_owned))
            .collect()
    }
}

fn line(event: &Event) -> String {
    match event {
        Event::RunStarted { cases, meshes, .. } => format!("run of {} on {meshes}", cases.len()),
        Event::MeshStarting { mesh, name, cases, .. } => format!("mesh {mesh} {name} starts for {}", cases.join(", ")),
        Event::MeshReady { mesh, .. } => format!("mesh {mesh} ready"),
        Event::MeshRepaired {
            mesh,
            after,
            scaled,
            failure,
            ..
        } => {
            let scaled = scaled
                .iter()
                .map(|(group, pods)| format!(", scaled to {pods} of {group}"));
            let scaled: String = scaled.collect();
            match failure {
                None => format!("mesh {mesh} repaired after {after}{scaled}"),
                Some(why) => format!("mesh {mesh} not repaired after {after}{scaled}: {why}"),
            }
        }
        Event::CaseStarted { id, attempt, .. } => format!("{id}: attempt {attempt}"),
        Event::StepStarted {
            id, index, of, name, ..
        } => format!("{id}: step {} of {of}: {name}", index + 1),
        Event::StepFinished { id, step, .. } => format!("{id}: {} with {} checks", step.status.word(), step.checks),
        Event::Artifacts { id, files, .. } => format!("{id}: {} files", files.len()),
        Event::CaseFinished { case } => format!("{}: {}", case.id, case.status.word()),
        Event::CaseVoid { id, .. } => format!("{id}: void"),
        Event::Machine { meshes, .. } => format!("{meshes} meshes"),
        Event::Warning { message } => format!("warning: {message}"),
        Event::Trying { id, why } => format!("trying {id} {why}"),
        Event::Culprit { culprit } => format!("culprit of {}: {}", culprit.scenario, culprit.sentence),
        Event::RunFinished { interrupted, .. } => {
            format!("run {}", if *interrupted { "interrupted" } else { "finished" })
        }
    }
}
