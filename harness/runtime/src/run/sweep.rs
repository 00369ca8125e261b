//! Cleaning up after runs that ended without doing it themselves, and telling which runs live.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::folder::{ledger, remove_folder, run_folder, runs, try_lock, turn};
use super::identity::ProcessIdentity;
use super::ledger::{Ledger, RuntimeName};
use crate::{RuntimeError, docker};

/// How long a killed process may take to go.
const KERNEL: Duration = Duration::from_secs(10);

/// How often to look whether it has gone.
const LOOK: Duration = Duration::from_millis(2);

/// What was done about one left-over run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Swept {
    /// The lease's name.
    pub id: String,
    /// Its folder.
    pub folder: PathBuf,
    /// The processes that were still there and were killed.
    pub killed: Vec<u32>,
    /// How many containers were still there and were removed.
    pub containers: usize,
    /// How many networks of containers were still there and were removed.
    pub networks: usize,
    /// Why something of it is still there; none when nothing is.
    pub failure: Option<String>,
}

impl Swept {
    fn of(folder: &Path) -> Self {
        let id = folder
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        Self {
            id,
            folder: folder.to_owned(),
            killed: Vec::new(),
            containers: 0,
            networks: 0,
            failure: None,
        }
    }
}

/// Removes what dead runs have left in a state folder: their processes and their folders. Goes on past a failure and
/// tells of it. Runs that live are left alone, unless `force`: then they are ended first. Blocks for as long as the
/// processes take to go.
///
/// # Errors
/// When the state folder cannot be read at all.
pub fn sweep(state_dir: &Path, force: bool) -> Result<Vec<Swept>, RuntimeError> {
    let mut swept = Vec::new();
    for folder in folders(state_dir)? {
        match claim(state_dir, &folder)? {
            // Its lock is held until the folder is gone, so that two sweeps do not do the same work twice.
            Claim::Dead(_lock) => swept.push(clean(&folder, force)),
            Claim::Live if force => swept.push(clean(&folder, true)),
            Claim::Live | Claim::Gone => {}
            Claim::Unknown(error) => {
                let failure = format!("failed to see whether it lives: {error}");
                swept.push(Swept {
                    failure: Some(failure),
                    ..Swept::of(&folder)
                });
            }
        }
    }
    Ok(swept)
}

/// The ledgers of the runs that live, by their names.
///
/// # Errors
/// When the state folder cannot be read at all.
pub fn live_runs(state_dir: &Path) -> Result<Vec<Ledger>, RuntimeError> {
    let mut live = Vec::new();
    for folder in folders(state_dir)? {
        // One that cannot be read is being made or being removed.
        if let Ok(Some(ledger)) = Ledger::read(&ledger(&folder))
            && ledger.owner.is_alive()
        {
            live.push(ledger);
        }
    }
    Ok(live)
}

/// The folders of all runs, by name.
fn folders(state_dir: &Path) -> Result<Vec<PathBuf>, RuntimeError> {
    let runs = runs(state_dir);
    let failed = |source| RuntimeError::Folder {
        action: "read the folder",
        path: runs.clone(),
        source,
    };
    let entries = match std::fs::read_dir(&runs) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut folders = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}

/// What a look at a run's lock tells.
#[derive(Debug)]
enum Claim {
    /// The run has ended; nobody else can claim it while this file is open.
    Dead(std::fs::File),
    /// Its run lives, or another sweep is at it.
    Live,
    /// The folder is no longer there.
    Gone,
    /// The lock is not ours to use.
    Unknown(io::Error),
}

fn claim(state_dir: &Path, folder: &Path) -> Result<Claim, RuntimeError> {
    let _turn = turn(state_dir)?;
    Ok(match try_lock(&folder.join("lock")) {
        Ok(Some(lock)) => Claim::Dead(lock),
        Ok(None) => Claim::Live,
        Err(_) if !folder.exists() => Claim::Gone,
        Err(error) => Claim::Unknown(error),
    })
}

/// Kills what a run's ledger lists and still lives, waits until it is gone, and removes the folder.
pub(crate) fn clean(folder: &Path, owner_too: bool) -> Swept {
    let mut swept = Swept::of(folder);
    let mut failures = Vec::new();
    match Ledger::read(&ledger(folder)) {
        Ok(Some(ledger)) => {
            let runtime = ledger.runtime;
            kill_all(&listed(ledger, owner_too), &mut swept.killed, &mut failures);
            if runtime == RuntimeName::Docker {
                remove_containers(&mut swept, &mut failures);
            }
        }
        Ok(None) => {}
        Err(error) => failures.push(format!("failed to read the ledger: {error}")),
    }
    if let Err(error) = remove_folder(folder) {
        failures.push(format!("failed to remove the folder: {error}"));
    }
    swept.failure = (!failures.is_empty()).then(|| failures.join("; "));
    swept
}

/// Removes what Docker has of a run.
fn remove_containers(swept: &mut Swept, failures: &mut Vec<String>) {
    match docker::remove::dead_run(&swept.id) {
        Ok(removed) => {
            swept.containers += removed.containers;
            swept.networks += removed.networks;
        }
        Err(error) => failures.push(error.to_string()),
    }
    if let Some(state_dir) = swept.folder.parent().and_then(Path::parent) {
        docker::remove::unfinished_images(state_dir);
    }
}

/// Removes what Docker still has of runs of any state folder whose own folder is gone, or has ended without removing it, or
/// that live, with `force`. Blocks.
///
/// # Errors
/// When Docker cannot be reached.
pub fn sweep_docker(force: bool) -> Result<Vec<Swept>, RuntimeError> {
    let mut all = Vec::new();
    for (id, state_dir) in docker::remove::runs()? {
        let state_dir = PathBuf::from(state_dir);
        let folder = run_folder(&state_dir, &id);
        let mut swept = Swept::of(&folder);
        let mut failures = Vec::new();
        if folder.is_dir() {
            match claim(&state_dir, &folder)? {
                Claim::Dead(_lock) => swept = clean(&folder, force),
                Claim::Live if force => swept = clean(&folder, true),
                Claim::Live => continue,
                Claim::Gone => remove_containers(&mut swept, &mut failures),
                Claim::Unknown(error) => failures.push(format!("failed to see whether it lives: {error}")),
            }
        } else if state_dir.is_dir() || force {
            remove_containers(&mut swept, &mut failures);
        } else {
            failures.push("its state folder is not on this machine; --force removes it all the same".to_owned());
        }
        if !failures.is_empty() {
            swept.failure = Some(failures.join("; "));
        }
        all.push(swept);
    }
    Ok(all)
}

/// Who is to be killed, the owner first, as it could start more. Never this process itself.
fn listed(ledger: Ledger, owner_too: bool) -> Vec<ProcessIdentity> {
    let owner = owner_too.then_some(ledger.owner);
    // Those of containers are the daemon's to end.
    let processes = match ledger.runtime {
        RuntimeName::Process => ledger.processes,
        RuntimeName::Docker => Vec::new(),
    };
    let all = owner
        .into_iter()
        .chain(processes.into_iter().map(|process| process.identity));
    all.filter(|identity| identity.pid != std::process::id()).collect()
}

fn kill_all(processes: &[ProcessIdentity], killed: &mut Vec<u32>, failures: &mut Vec<String>) {
    let mut going = Vec::new();
    for process in processes {
        match process.kill() {
            Ok(true) => {
                killed.push(process.pid);
                going.push(process);
            }
            Ok(false) => {}
            Err(error) => failures.push(format!("failed to kill process {}: {error}", process.pid)),
        }
    }
    let deadline = Instant::now() + KERNEL;
    while going.iter().any(|process| process.is_alive()) && Instant::now() < deadline {
        std::thread::sleep(LOOK);
    }
    let left = going.into_iter().filter(|process| process.is_alive());
    failures.extend(left.map(|process| format!("process {} did not go after SIGKILL", process.pid)));
}
