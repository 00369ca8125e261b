//! `events.jsonl`: all that happened in a run, a line for each event, written as it happens. Every other report can be made from it.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

use meshkat_model::event::{Artifact, Event, LOG_SCHEMA, Logged};

use crate::error::ReportError;
use crate::place::EVENTS;

/// The largest log that is read: some fifty thousand cases.
const LARGEST: u64 = 256 << 20;

/// Writes the log.
///
/// A line is there as a whole before the next event is told to anybody, so that a run that is killed leaves all that had happened.
pub(crate) struct EventLog {
    path: PathBuf,
    file: Option<File>,
    /// How much of it are whole lines.
    length: u64,
    began: Instant,
}

impl EventLog {
    /// Writes to `events.jsonl` in `dir`, which must be there. Its clock begins with the first event.
    pub(crate) fn new(dir: &Path) -> Self {
        Self {
            path: dir.join(EVENTS),
            file: None,
            length: 0,
            began: Instant::now(),
        }
    }

    /// Adds an event that happens now, or happened at `at_ms` of a run before.
    pub(crate) fn add(&mut self, at_ms: Option<u64>, event: &Event) -> Result<(), ReportError> {
        let is_first = self.file.is_none();
        if is_first {
            self.began = Instant::now();
        }
        let line = Logged {
            schema: is_first.then_some(LOG_SCHEMA),
            at_ms: at_ms.unwrap_or_else(|| u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)),
            event: without_texts(event),
        };
        let mut line = serde_json::to_vec(&line).map_err(|why| ReportError::Json {
            id: EVENTS.to_owned(),
            why,
        })?;
        line.push(b'\n');
        let mut write = || -> io::Result<()> {
            let file = match &mut self.file {
                Some(file) => file,
                None => self.file.insert(create(&self.path)?),
            };
            let written = file.write_all(&line);
            match &written {
                Ok(()) => self.length += line.len() as u64,
                // Half a line would be taken for a part of the next one.
                Err(_) => file.set_len(self.length)?,
            }
            written
        };
        write().map_err(|why| ReportError::write(&self.path, why))
    }
}

/// For others to read, as every report is; what lies there is replaced.
fn create(path: &Path) -> io::Result<File> {
    meshkat_files::write(path, b"")?;
    meshkat_files::append(path)
}

/// The texts of a case's files are in its folder.
fn without_texts(event: &Event) -> Event {
    match event {
        Event::Artifacts { id, round, files } => Event::Artifacts {
            id: id.clone(),
            round: *round,
            files: files
                .iter()
                .map(|file| Artifact {
                    path: file.path.clone(),
                    text: String::new(),
                })
                .collect(),
        },
        event => event.clone(),
    }
}

/// Reads the `events.jsonl` of a report folder, or the file itself. In a folder, which may be a stranger's, it is no link. Half a
/// line at its end is what a kill leaves, and is passed over.
///
/// # Errors
/// When there is none, when it is no regular file or larger than 256 MiB, or when it is not one that this version knows: its first
/// event is that a run started, no other one is, and no case ends twice in one round.
pub fn read_events(path: &Path) -> Result<Vec<Logged>, ReportError> {
    let in_folder = path.is_dir();
    let path = if in_folder { path.join(EVENTS) } else { path.to_owned() };
    let read = if in_folder {
        meshkat_files::read_own
    } else {
        meshkat_files::read
    };
    let text = read(&path, LARGEST).map_err(|why| match why.kind() {
        io::ErrorKind::NotFound => ReportError::NoEvents { path: path.clone() },
        _ => ReportError::read(&path, why),
    })?;
    let not_ours = |line: usize, why: &dyn std::fmt::Display| ReportError::NotAReport {
        path: path.clone(),
        why: format!("line {line}: {why}"),
    };
    let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let (mut events, mut ended): (Vec<Logged>, HashSet<_>) = Default::default();
    for (index, line) in text[..whole].split_inclusive(|byte| *byte == b'\n').enumerate() {
        let logged: Logged = serde_json::from_slice(line).map_err(|why| not_ours(index + 1, &why))?;
        let starts = matches!(logged.event, Event::RunStarted { .. });
        if starts != (index == 0) {
            return Err(not_ours(index + 1, &"a run starts with its first event, and once"));
        }
        let schema = logged.schema.unwrap_or(LOG_SCHEMA);
        if schema > LOG_SCHEMA {
            let why = format!("its schema is {schema}, and this version knows up to {LOG_SCHEMA}");
            return Err(not_ours(index + 1, &why));
        }
        if let Event::CaseFinished { case } = &logged.event
            && !ended.insert((case.id.clone(), case.round.map(|round| round.number)))
        {
            return Err(not_ours(index + 1, &format!("{} ends a second time", case.id)));
        }
        events.push(logged);
    }
    if events.is_empty() {
        return Err(not_ours(1, &"no event is in it"));
    }
    Ok(events)
}
