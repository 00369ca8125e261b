//! The events of several runs as those of one.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use meshkat_model::event::{Artifact, Event, Logged};
use meshkat_model::planned::PlannedCase;
use meshkat_model::results::{RunInfo, Status};
use meshkat_model::round::Round;

use crate::bundle_path::{EXPLANATION, bundle_folder};
use crate::error::ReportError;
use crate::event_log::read_events;
use crate::place::real_folder;

/// The events of the runs whose reports are in `dirs`, as those of one run, in the order of their times. Of a case that several
/// have, the last one counts, and nothing is told of it from another; one in which it was skipped counts only where it ran in none. The
/// rounds of a case are cases apart.
/// What each of them found out about failures comes along as it is, and can be put together by who knows how to reason about it.
///
/// The run took as long as the longest of them, for shards run side by side; one whose end is not in its log was interrupted. Bundles
/// come along. All is read before this returns, so one of `dirs` may be where the new report goes.
///
/// # Errors
/// When a folder has no `events.jsonl` that this version knows, or a bundle cannot be read.
pub fn events_of(dirs: &[PathBuf]) -> Result<Vec<Logged>, ReportError> {
    let logs: Vec<Vec<Logged>> = dirs.iter().map(|dir| read_events(dir)).collect::<Result<_, _>>()?;
    let counts = Counts::of(&logs);
    let mut run: Option<RunInfo> = None;
    let mut planned: IndexMap<String, PlannedCase> = IndexMap::new();
    let mut events = Vec::new();
    let mut room = Room {
        bytes: LARGEST,
        files: MOST,
    };
    // As planned, and the first number that is no mesh's.
    let (mut sum, mut meshes): (usize, usize) = (0, 0);
    for (number, (log, dir)) in logs.into_iter().zip(dirs).enumerate() {
        let last = log.last().map_or(0, |logged| logged.at_ms);
        let mut end = (last, true);
        let before = meshes;
        for mut logged in log {
            if of_case(&logged.event).is_some_and(|(id, round)| !counts.have(number, id, round)) {
                continue;
            }
            match &mut logged.event {
                Event::RunStarted {
                    run: more,
                    cases,
                    meshes: more_meshes,
                } => {
                    sum = sum.saturating_add(*more_meshes);
                    planned.extend(cases.drain(..).map(|case| (case.id.clone(), case)));
                    run = Some(match run {
                        None => more.clone(),
                        Some(run) => join(run, more),
                    });
                    continue;
                }
                Event::RunFinished {
                    duration_ms,
                    interrupted,
                } => {
                    end = (*duration_ms, *interrupted);
                    continue;
                }
                Event::MeshStarting { mesh, .. } | Event::MeshReady { mesh, .. } | Event::MeshRepaired { mesh, .. } => {
                    *mesh = mesh.saturating_add(before);
                    meshes = meshes.max(mesh.saturating_add(1));
                }
                // They are in the case's folder, which is read when it has ended.
                Event::Artifacts { .. } => continue,
                Event::CaseFinished { case } => {
                    events.extend(bundle(dir, &case.id, case.round, logged.at_ms, &mut room)?);
                }
                _ => {}
            }
            events.push(logged);
        }
        if let Some(run) = &mut run {
            run.duration_ms = run.duration_ms.max(end.0);
            run.interrupted |= end.1;
        }
    }
    let Some(mut run) = run else { return Ok(Vec::new()) };
    events.sort_by_key(|logged| logged.at_ms);
    let last = events.last().map_or(0, |logged| logged.at_ms);
    // As at the start of a run, of whose end nobody knows.
    let duration_ms = std::mem::take(&mut run.duration_ms);
    let interrupted = std::mem::take(&mut run.interrupted);
    let cases = planned.into_values().collect();
    let started = Event::RunStarted {
        run,
        cases,
        meshes: sum,
    };
    events.insert(0, at(0, started));
    let end = Event::RunFinished {
        duration_ms,
        interrupted,
    };
    events.push(at(last.max(duration_ms), end));
    Ok(events)
}

/// The log that counts for each case that has ended, by id and by the number of the round.
struct Counts(HashMap<String, HashMap<Option<u32>, Counted>>);

struct Counted {
    log: usize,
    is_run: bool,
}

impl Counts {
    fn of(logs: &[Vec<Logged>]) -> Self {
        let mut counts: HashMap<String, HashMap<Option<u32>, Counted>> = HashMap::new();
        for (log, events) in logs.iter().enumerate() {
            for logged in events {
                let Event::CaseFinished { case } = &logged.event else {
                    continue;
                };
                let rounds = counts.entry(case.id.clone()).or_default();
                let is_run = case.status != Status::Skipped;
                // That one runtime cannot run it says nothing about what another one found.
                if is_run || !rounds.values().any(|counted| counted.is_run) {
                    rounds.insert(case.round.map(|round| round.number), Counted { log, is_run });
                }
            }
        }
        for rounds in counts.values_mut() {
            if rounds.values().any(|counted| counted.is_run) {
                rounds.retain(|_, counted| counted.is_run);
            }
        }
        Self(counts)
    }

    /// Whether what a log tells of a round of a case counts. Of a case that has ended nowhere, all of it does; of one that has, what
    /// has ended.
    fn have(&self, log: usize, id: &str, round: Option<Round>) -> bool {
        let Some(rounds) = self.0.get(id) else { return true };
        rounds
            .get(&round.map(|round| round.number))
            .is_some_and(|counted| counted.log == log)
    }
}

/// The case that an event is of, and its round.
fn of_case(event: &Event) -> Option<(&str, Option<Round>)> {
    match event {
        Event::CaseStarted { id, round, .. }
        | Event::StepStarted { id, round, .. }
        | Event::StepFinished { id, round, .. }
        | Event::CaseVoid { id, round, .. }
        | Event::Artifacts { id, round, .. } => Some((id, *round)),
        Event::CaseFinished { case } => Some((&case.id, case.round)),
        Event::RunStarted { .. }
        | Event::MeshStarting { .. }
        | Event::MeshReady { .. }
        | Event::MeshRepaired { .. }
        | Event::Machine { .. }
        | Event::Trying { .. }
        | Event::Culprit { .. }
        | Event::Warning { .. }
        | Event::RunFinished { .. } => None,
    }
}

fn at(at_ms: u64, event: Event) -> Logged {
    Logged {
        schema: None,
        at_ms,
        event,
    }
}

/// What a case has left to look at, and what of it is left out.
fn bundle(dir: &Path, id: &str, round: Option<Round>, at_ms: u64, room: &mut Room) -> Result<Vec<Logged>, ReportError> {
    let below = bundle_folder(id, round);
    let folder = real_folder(dir, Path::new(&below)).map_err(|why| ReportError::read(&dir.join(&below), why))?;
    let (mut files, mut left_out) = (Vec::new(), Vec::new());
    match folder {
        Some(folder) => collect(&folder, "", room, &mut files, &mut left_out)?,
        // There is none, or it is somewhere else.
        None => left_out.extend(first_link(dir, Path::new(&below))),
    }
    let mut events = Vec::new();
    if !files.is_empty() {
        let id = id.to_owned();
        events.push(at(at_ms, Event::Artifacts { id, round, files }));
    }
    events.extend(left_out.into_iter().map(|path| {
        let message = format!("{} is a link or no regular file: it was left out", path.display());
        at(at_ms, Event::Warning { message })
    }));
    Ok(events)
}

/// Two runs as one. What differs and cannot be put together is the first one's.
fn join(mut run: RunInfo, more: &RunInfo) -> RunInfo {
    run.shard = None;
    // Where one of them was disturbed on purpose, the whole was; and there were as many rounds as one of them had.
    run.stress = run.stress.max(more.stress);
    run.rounds = match (run.rounds, more.rounds) {
        (Some(one), Some(other)) if other.of > one.of => Some(other),
        (one, other) => one.or(other),
    };
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
