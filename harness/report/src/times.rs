//! `times.json`: how long things took in the runs of a report folder, for the plans of the next ones.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use meshkat_model::event::Event;
use meshkat_model::results::RunInfo;
use meshkat_model::times::{SCHEMA, Times};

use crate::error::ReportError;
use crate::json::read_results;
use crate::place::{self, TIMES};
use crate::reporter::Reporter;

/// The largest `times.json` that is read: five times of each of a hundred thousand cases.
pub(crate) const LARGEST: u64 = 32 << 20;

/// Adds a run's times to those in `times.json`. Unlike the rest of a report, that file outlives the next run: a run of a few
/// cases forgets nothing of the others.
pub struct TimesFile {
    path: PathBuf,
    seen: Times,
    run: Option<RunInfo>,
    /// The name of each mesh, by its number.
    meshes: HashMap<usize, String>,
}

impl TimesFile {
    /// Writes to `times.json` in `dir`, which must be there. What is in it that cannot be read is replaced: it is only what
    /// the last runs took.
    pub fn new(dir: &Path) -> Self {
        Self {
            path: dir.join(TIMES),
            seen: Times::default(),
            run: None,
            meshes: HashMap::new(),
        }
    }
}

impl Reporter for TimesFile {
    fn event(&mut self, event: &Event) -> Result<(), ReportError> {
        if let Event::RunStarted { run, .. } = event {
            self.run = Some(run.clone());
        }
        // What a machine that is kept busy takes says nothing of one that is not.
        let Some(run) = self.run.as_ref().filter(|run| run.stress.is_none()) else {
            return Ok(());
        };
        let seen = self.seen.of_runtime(&run.runtime);
        match event {
            Event::MeshStarting { mesh, name, .. } => {
                self.meshes.insert(*mesh, name.clone());
            }
            Event::MeshReady { mesh, took_ms } => {
                if let Some(name) = self.meshes.get(mesh) {
                    seen.meshes.entry(name.clone()).or_default().add(*took_ms);
                }
            }
            // One in vain took its time, too: where most are, a new mesh is there sooner.
            Event::MeshRepaired {
                mesh, scaled, took_ms, ..
            } => {
                let seen = match scaled.is_empty() {
                    true => &mut seen.repairs,
                    false => &mut seen.scalings,
                };
                if let Some(name) = self.meshes.get(mesh) {
                    seen.entry(name.clone()).or_default().add(*took_ms);
                }
            }
            Event::CaseFinished { case } => seen.ended(&case.id, case.status, case.duration_ms),
            _ => {}
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), ReportError> {
        if self.run.is_none() {
            return Ok(());
        }
        let mut times = read_file(&self.path, meshkat_files::read_own).unwrap_or_default();
        times.add(&self.seen);
        let mut text = serde_json::to_vec_pretty(&times).map_err(|why| ReportError::Json {
            id: TIMES.to_owned(),
            why,
        })?;
        text.push(b'\n');
        place::write(&self.path, text)
    }
}

/// What things took, from a report folder (its `times.json`, or else its `results.json`) or one of these two files.
///
/// # Errors
/// There is none of them, or it is not what it is called.
pub fn read_times(path: &Path) -> Result<Times, ReportError> {
    let in_folder = path.is_dir();
    let (file, has_none) = match in_folder {
        true => (path.join(TIMES), !path.join(TIMES).exists()),
        false => (path.to_owned(), false),
    };
    let read = if in_folder {
        meshkat_files::read_own
    } else {
        meshkat_files::read
    };
    let of_results = || read_results(path).map(|results| Times::of(&results));
    match has_none {
        true => of_results(),
        // A results.json that was named is no times.json; what is neither is told as the latter.
        false => read_file(&file, read).or_else(|error| of_results().map_err(|_| error)),
    }
}

fn read_file(path: &Path, read: fn(&Path, u64) -> io::Result<Vec<u8>>) -> Result<Times, ReportError> {
    let text = read(path, LARGEST).map_err(|why| ReportError::read(path, why))?;
    let not_times = |why: String| ReportError::NotTimes {
        path: path.to_owned(),
        why,
    };
    let times: Times = serde_json::from_slice(&text).map_err(|why| not_times(why.to_string()))?;
    if times.schema > SCHEMA {
        let why = format!("its schema is {}, and this version knows up to {SCHEMA}", times.schema);
        return Err(not_times(why));
    }
    Ok(times)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use meshkat_model::results::Status;
    use tempfile::tempdir;

    use super::*;

    #[test]
    fn times_are_read_from_a_folder_or_a_file_and_what_is_none_is_refused() {
        let folder = tempdir().unwrap();
        let told = |path: &Path| read_times(path).map_err(|error| error.to_string());
        assert!(
            told(folder.path()).unwrap_err().contains("results.json"),
            "there is nothing"
        );
        let mut times = Times::default();
        times.of_runtime("process").ended("a/1", Status::Passed, 10);
        let file = folder.path().join(TIMES);
        fs::write(&file, serde_json::to_string(&times).unwrap()).unwrap();
        assert_eq!(told(folder.path()), Ok(times.clone()));
        assert_eq!(told(&file), Ok(times));
        for wrong in ["", "[]", "{\"schema\": 1}", "{\"schema\": 2, \"runtimes\": {}}"] {
            fs::write(&file, wrong).unwrap();
            assert!(
                told(&file)
                    .unwrap_err()
                    .contains("times.json: it does not hold the times"),
                "{wrong}"
            );
            assert!(told(folder.path()).is_err(), "{wrong}");
        }
    }
}
