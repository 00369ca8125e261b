//! `failures/<case>/`: what a case that did not pass leaves to look at.

use std::path::{Path, PathBuf};

use meshkat_model::event::{Artifact, Event};
use meshkat_model::results::{CaseResult, Status};
use meshkat_model::round::Round;

use crate::bundle_path::{EXPLANATION, bundle_folder, is_plain};
use crate::earlier::Written;
use crate::error::ReportError;
use crate::explain;
use crate::place;
use crate::reporter::Reporter;

/// Writes a folder for each case that failed, errored, or passed only on a retry.
pub struct Bundles {
    dir: PathBuf,
    written: Written,
}

impl Bundles {
    /// Writes below `failures/` in `dir`.
    pub fn new(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            written: Written::new(dir),
        }
    }

    fn artifacts(&mut self, id: &str, round: Option<Round>, files: &[Artifact]) -> Result<(), ReportError> {
        let folder = bundle_folder(id, round);
        let mut errors = Vec::new();
        for file in files {
            if !is_plain(&file.path) {
                errors.push(ReportError::ArtifactPath {
                    id: id.to_owned(),
                    path: file.path.clone(),
                });
            } else if let Err(error) = self.write(&Path::new(&folder).join(&file.path), &file.text) {
                errors.push(error);
            }
        }
        ReportError::gather(errors)
    }

    fn explanation(&mut self, case: &CaseResult) -> Result<(), ReportError> {
        let path = Path::new(&bundle_folder(&case.id, case.round)).join(EXPLANATION);
        self.write(&path, &explain::in_full(case))
    }

    /// Writes a file below the report folder, through no link.
    fn write(&mut self, path: &Path, text: &str) -> Result<(), ReportError> {
        self.written.add(path)?;
        let whole = self.dir.join(path);
        let above = path.parent().unwrap_or(Path::new(""));
        meshkat_files::folder_below(&self.dir, above).map_err(|why| ReportError::write(&whole, why))?;
        place::write(&whole, text)
    }
}

impl Reporter for Bundles {
    fn event(&mut self, event: &Event) -> Result<(), ReportError> {
        match event {
            Event::Artifacts { id, round, files } => self.artifacts(id, *round, files),
            Event::CaseFinished { case } if matches!(case.status, Status::Failed | Status::Errored | Status::Flaky) => {
                self.explanation(case)
            }
            _ => Ok(()),
        }
    }

    fn finish(&mut self) -> Result<(), ReportError> {
        Ok(())
    }
}
