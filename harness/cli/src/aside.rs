//! Files of the project that are invalid and that a command has nothing to do with: told in a line each, and no reason to stop.

use std::{collections::BTreeMap, path::Path};

use meshkat_model::{
    project::{MeshFiles, Project},
    scenario::{INVALID_ELSEWHERE, Scenario, SharedAxes},
    source::Diagnostic,
};
use serde_json::Value;

use crate::{exit::count, output::say};

/// So many are told, each in a line.
const TOLD: usize = 5;
/// So many scenarios are glanced at, each of at most so many bytes: whoever names one scenario waits for no other. `lint` looks at
/// all of them.
const GLANCES: usize = 200;
const LARGEST: u64 = 64 << 10;

/// What is wrong with files that are not meant, by the file.
#[derive(Default)]
pub(crate) struct Aside {
    wrong: BTreeMap<String, Vec<Diagnostic>>,
    glances: usize,
}

impl Aside {
    /// Adds what is wrong.
    pub(crate) fn add(&mut self, wrong: Vec<Diagnostic>) {
        // What is only so because another file is invalid is told of that one.
        for diagnostic in wrong.into_iter().filter(|wrong| wrong.label != INVALID_ELSEWHERE) {
            let of_file = self.wrong.entry(diagnostic.source.name().to_owned()).or_default();
            of_file.push(diagnostic);
        }
    }

    /// Looks at a scenario that is not meant, without making all of its cases.
    pub(crate) fn glance(&mut self, project: &Project, path: &Path, meshes: &MeshFiles, shared: &SharedAxes) {
        self.glances += 1;
        let is_large = std::fs::metadata(path).is_ok_and(|metadata| metadata.len() > LARGEST);
        if self.glances > GLANCES || is_large {
            return;
        }
        let read = project.read_or_tell(path).map_err(|wrong| vec![wrong]);
        let read = read.and_then(|source| Scenario::read(project.scenario_id(path), source, shared));
        match read {
            Ok(scenario) => self.add(first_case(&scenario, meshes)),
            Err(wrong) => self.add(wrong),
        }
    }

    /// Tells of each file.
    pub(crate) fn tell(&self) {
        for (file, wrong) in self.wrong.iter().take(TOLD) {
            let Some(first) = wrong.first() else { continue };
            let line = if first.place.line > 0 {
                format!(":{}", first.place.line)
            } else {
                String::new()
            };
            let more = match wrong.len() - 1 {
                0 => String::new(),
                more => format!(" (and {more} more)"),
            };
            // Of a file that cannot be read, the message has the name.
            let place = match first.message.contains(file.as_str()) {
                true => String::new(),
                false => format!("{file}{line}: "),
            };
            say(&format!(
                "warning: left out, as it is invalid: {place}{}{more}; `meshkat lint` tells all of it",
                first.message
            ));
        }
        if let Some(more) = self.wrong.len().checked_sub(TOLD).filter(|more| *more > 0) {
            say(&format!("warning: {} more that are invalid", count(more, "file")));
        }
    }
}

/// What is wrong in the case that has the first value of each axis, where there is such a case.
fn first_case(scenario: &Scenario, meshes: &MeshFiles) -> Vec<Diagnostic> {
    let first = |(name, values): (&String, &Vec<Value>)| Some((name.clone(), values.first()?.clone()));
    let params: Option<_> = scenario.axes.iter().map(first).collect();
    match params {
        Some(params) if scenario.combinations.are_all() => scenario.case(params, meshes).err().unwrap_or_default(),
        _ => Vec::new(),
    }
}
