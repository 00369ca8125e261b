//! The events that earlier reports stand for, so that several can be made into one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use indexmap::{IndexMap, IndexSet};
use meshkat_model::culprit::Culprit;
use meshkat_model::event::{Artifact, Event, PlannedCase};
use meshkat_model::results::{CaseResult, Results, RunInfo, Status};

use crate::bundle::{EXPLANATION, bundle_folder};
use crate::error::ReportError;
use crate::folder::real_folder;
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
    let mut room = Room {
        bytes: LARGEST,
        files: MOST,
    };
    for (id, (case, dir)) in cases {
        let below = bundle_folder(&id);
        let folder = real_folder(dir, Path::new(&below)).map_err(|why| ReportError::read(&dir.join(&below), why))?;
        let (mut files, mut left_out) = (Vec::new(), Vec::new());
        match folder {
            Some(folder) => collect(&folder, "", &mut room, &mut files, &mut left_out)?,
            // There is none, or it is somewhere else.
            None => left_out.extend(first_link(dir, Path::new(&below))),
        }
        if !files.is_empty() {
            events.push(Event::Artifacts { id, files });
        }
        events.extend(left_out.into_iter().map(|path| Event::Warning {
            message: format!("{} is a link or no regular file: it was left out", path.display()),
        }));
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

/// All bundles of a merge are in memory together.
const LARGEST: u64 = 512 << 20;
const MOST: usize = 100_000;
/// Of folders in a bundle.
const DEEPEST: usize = 8;

/// What may still be read.
struct Room {
    bytes: u64,
    files: usize,
}

/// The files below `folder`, by name. The explanation is left out: it is made anew. Links are left out, and told of: a report
/// that somebody sent must not have a file of this machine in it.
fn collect(
    folder: &Path,
    below: &str,
    room: &mut Room,
    files: &mut Vec<Artifact>,
    left_out: &mut Vec<PathBuf>,
) -> Result<(), ReportError> {
    let fail = |why| ReportError::read(folder, why);
    let too_much = |what: &str| fail(io::Error::new(io::ErrorKind::FileTooLarge, what.to_owned()));
    if below.matches('/').count() > DEEPEST {
        return Err(too_much("no bundle has folders as deep as this"));
    }
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(fail)? {
        entries.push(entry.map_err(fail)?);
        room.files = room
            .files
            .checked_sub(1)
            .ok_or_else(|| too_much("the bundles have too many files"))?;
    }
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = format!("{below}{}", entry.file_name().to_string_lossy());
        let kind = entry.file_type().map_err(fail)?;
        if kind.is_dir() {
            collect(&entry.path(), &format!("{path}/"), room, files, left_out)?;
        } else if !kind.is_file() {
            left_out.push(entry.path());
        } else if path != EXPLANATION {
            let read = meshkat_files::read_own(&entry.path(), room.bytes);
            let bytes = read.map_err(|why| match why.kind() {
                io::ErrorKind::FileTooLarge => too_much("the bundles are larger than 512 MiB together"),
                _ => ReportError::read(&entry.path(), why),
            })?;
            room.bytes -= bytes.len() as u64;
            files.push(Artifact {
                path,
                text: String::from_utf8_lossy(&bytes).into_owned(),
            });
        }
    }
    Ok(())
}

/// The first part of a path below `dir` that is a link.
fn first_link(dir: &Path, below: &Path) -> Option<PathBuf> {
    let mut path = dir.to_owned();
    below.components().find_map(|part| {
        path.push(part);
        path.is_symlink().then(|| path.clone())
    })
}
