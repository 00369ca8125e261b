//! The events that earlier reports stand for, so that several can be made into one.

use std::fs;
use std::path::{Path, PathBuf};

use indexmap::{IndexMap, IndexSet};
use meshkat_model::culprit::Culprit;
use meshkat_model::event::{Artifact, Event, PlannedCase};
use meshkat_model::results::{CaseResult, Results, RunInfo, Status};

use crate::bundle::{EXPLANATION, bundle_folder};
use crate::error::ReportError;
use crate::json::read_results;

/// The events that give the reports in `dirs`, as one run. Of a case that several have, the last one counts; one in which it
/// was skipped counts only where it ran in none. What each of them found out about failures comes along as it is, and can be
/// put together by who knows how to reason about it.
///
/// The run took as long as the longest of them, for shards run side by side. Bundles come along. All is read before this
/// returns, so one of `dirs` may be where the new report goes.
///
/// # Errors
/// When a folder has no `results.json` that this version knows, or a bundle cannot be read.
pub fn events_of(dirs: &[PathBuf]) -> Result<Vec<Event>, ReportError> {
    let mut cases: IndexMap<String, (CaseResult, &Path)> = IndexMap::new();
    let mut run: Option<RunInfo> = None;
    let mut culprits: Vec<Culprit> = Vec::new();
    let mut not_run: Vec<String> = Vec::new();
    for dir in dirs {
        let Results {
            run: more,
            cases: list,
            culprits: found,
            not_run: left,
            ..
        } = read_results(dir)?;
        run = Some(match run {
            None => more,
            Some(run) => join(run, &more),
        });
        culprits.extend(found);
        not_run.extend(left);
        for case in list {
            let ran = |known: &CaseResult| known.status != Status::Skipped;
            // That one runtime cannot run it says nothing about what another one found.
            if case.status == Status::Skipped && cases.get(&case.id).is_some_and(|(known, _)| ran(known)) {
                continue;
            }
            cases.insert(case.id.clone(), (case, dir.as_path()));
        }
    }
    let Some(run) = run else { return Ok(Vec::new()) };
    let (duration_ms, interrupted) = (run.duration_ms, run.interrupted);

    // What one did not come to may have ended in another.
    let not_run: IndexSet<String> = not_run.into_iter().filter(|id| !cases.contains_key(id)).collect();
    let planned = cases.values().map(|(case, _)| planned(case));
    let planned = planned.chain(not_run.into_iter().map(unknown)).collect();
    let mut events = vec![Event::RunStarted {
        run,
        cases: planned,
        meshes: 0,
    }];
    for (id, (case, dir)) in cases {
        let folder = dir.join(bundle_folder(&id));
        let mut files = Vec::new();
        if folder.is_dir() {
            collect(&folder, "", &mut files)?;
        }
        if !files.is_empty() {
            events.push(Event::Artifacts { id, files });
        }
        events.push(Event::CaseFinished { case: Box::new(case) });
    }
    events.extend(culprits.into_iter().map(|culprit| Event::Culprit {
        culprit: Box::new(culprit),
    }));
    events.push(Event::RunFinished {
        duration_ms,
        interrupted,
    });
    Ok(events)
}

/// Two runs as one. What differs and cannot be put together is the first one's.
fn join(mut run: RunInfo, more: &RunInfo) -> RunInfo {
    run.duration_ms = run.duration_ms.max(more.duration_ms);
    run.interrupted |= more.interrupted;
    run.shard = None;
    if more.started < run.started {
        run.started.clone_from(&more.started);
    }
    for version in &more.envoy {
        if !run.envoy.contains(version) {
            run.envoy.push(version.clone());
        }
    }
    run
}

fn planned(case: &CaseResult) -> PlannedCase {
    PlannedCase {
        id: case.id.clone(),
        scenario: case.scenario.clone(),
        promise: case.promise.clone(),
        params: case.params.clone(),
        tags: case.tags.clone(),
    }
}

/// A case of which no more than its id is known.
fn unknown(id: String) -> PlannedCase {
    PlannedCase {
        scenario: id.split('[').next().unwrap_or_default().to_owned(),
        promise: String::new(),
        params: IndexMap::new(),
        tags: Vec::new(),
        id,
    }
}

/// The files below `folder`, by name. The explanation is left out: it is made anew.
fn collect(folder: &Path, below: &str, files: &mut Vec<Artifact>) -> Result<(), ReportError> {
    let fail = |why| ReportError::read(folder, why);
    let mut entries = fs::read_dir(folder)
        .map_err(fail)?
        .collect::<Result<Vec<_>, _>>()
        .map_err(fail)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = format!("{below}{}", entry.file_name().to_string_lossy());
        let kind = entry.file_type().map_err(fail)?;
        if kind.is_dir() {
            collect(&entry.path(), &format!("{path}/"), files)?;
        } else if kind.is_file() && path != EXPLANATION {
            let bytes = fs::read(entry.path()).map_err(|why| ReportError::read(&entry.path(), why))?;
            files.push(Artifact {
                path,
                text: String::from_utf8_lossy(&bytes).into_owned(),
            });
        }
    }
    Ok(())
}
