//! Where the report of a run goes, and where those of earlier runs are.

use std::path::{Path, PathBuf};

use meshkat_model::project::Project;
use meshkat_report::Runs;

use crate::{exit::Exit, output::say};

/// The folder of a project for reports.
const REPORTS: &str = "reports";
/// Where merged reports go.
const MERGED: &str = "merged";

/// The folder that was named, or the project's own, in which each run has a folder.
pub(crate) struct Reports {
    named: Option<PathBuf>,
    runs: Runs,
}

impl Reports {
    /// `named` is what `--report-dir` says. The link to the last run is no folder of its own: who names it means the project's.
    pub(crate) fn new(project: &Project, named: Option<&Path>) -> Self {
        let runs = Runs::new(of(project));
        let is_link = |dir: &&Path| {
            let above = |path: &Path| std::path::absolute(path).ok()?.parent().map(Path::to_owned);
            dir.file_name() == runs.link().file_name() && above(dir) == above(&runs.link())
        };
        Self {
            named: named.filter(|dir| !is_link(dir)).map(Path::to_owned),
            runs,
        }
    }

    /// The folder of the last run. Where there was none, it is one that is not there.
    ///
    /// # Errors
    /// The link to it leads elsewhere.
    pub(crate) fn last(&self) -> Result<PathBuf, Exit> {
        if let Some(named) = &self.named {
            return Ok(named.clone());
        }
        let last = self.runs.latest().map_err(|error| Exit::report(&error))?;
        Ok(last.unwrap_or_else(|| self.runs.link()))
    }

    /// As [`Reports::last`]; of a link that leads elsewhere nothing is taken, and that is told.
    pub(crate) fn last_if_any(&self) -> Option<PathBuf> {
        let told = |exit: Exit| {
            let (message, help) = exit.into_parts();
            say(&format!("warning: {message}; {help}"));
        };
        self.last().map_err(told).ok()
    }

    /// The folder for a run, made.
    ///
    /// # Errors
    /// It cannot be made.
    pub(crate) fn make(&self, id: &str) -> Result<PathBuf, Exit> {
        match &self.named {
            Some(named) => Ok(named.clone()),
            None => self.runs.make(id).map_err(|error| Exit::report(&error)),
        }
    }

    /// Tells everybody that the last run is this one, as soon as its folder is held.
    pub(crate) fn publish(&self, folder: &Path) {
        if self.named.is_none() {
            for warning in self.runs.publish(folder) {
                say(&format!("warning: {warning}"));
            }
        }
    }
}

/// Where the report that is made of several goes, where nothing else is said: into the folder of the project, if this is in one.
pub(crate) fn merged() -> PathBuf {
    let here = std::env::current_dir().unwrap_or_default();
    let project = Project::find(&here);
    project
        .map_or_else(|| PathBuf::from(REPORTS), |project| of(&project))
        .join(MERGED)
}

/// Written as briefly as it can be from here.
fn of(project: &Project) -> PathBuf {
    PathBuf::from(project.shown(&project.root.join(REPORTS)))
}
