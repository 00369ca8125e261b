//! Cleaning up after runs that ended without doing it themselves, and telling which runs live.

use std::collections::BTreeSet;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::folder::{ledger, remove_folder, remove_half_made, run_folder, try_lock, turn};
use super::id::LeaseId;
use super::identity::{ProcessIdentity, Signalled};
use super::ledger::{Ledger, RuntimeName};
use super::proof::Proof;
use super::state::{check_state_dir, named, runs, there};
use crate::{Printable, RuntimeError};

/// How long a process may take to end that proves nothing, as one that is ending already does.
const ENDING: Duration = Duration::from_secs(3);

/// How long a killed process may take to go.
const KERNEL: Duration = Duration::from_secs(10);

/// How often to look whether it has gone.
const LOOK: Duration = Duration::from_millis(2);

/// What was done about one left-over run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Swept {
    /// The lease's name.
    pub id: LeaseId,
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
    fn of(id: &LeaseId, folder: &Path) -> Self {
        Self {
            id: id.clone(),
            folder: folder.to_owned(),
            killed: Vec::new(),
            containers: 0,
            networks: 0,
            failure: None,
        }
    }

    fn failed(self, failure: impl Into<String>) -> Self {
        Self {
            failure: Some(failure.into()),
            ..self
        }
    }
}

/// What was done about what a runtime has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuntimeSwept {
    /// The runs of which something was left.
    pub runs: Vec<Swept>,
    /// What has labels of ours and yet is not ours, and why; nothing was done to it. Fit to be shown.
    pub strangers: Vec<String>,
}

/// What removes what a runtime has of runs besides processes and folders.
pub trait Sweeper: Sync {
    /// Whose runs those are.
    fn runtime(&self) -> RuntimeName;

    /// Removes all that there is of a run that has ended, in a state folder. Blocks.
    ///
    /// # Errors
    /// What could not be removed, or that the runtime cannot be reached.
    fn remove(&self, run: &LeaseId, state_dir: &Path) -> Result<Removed, RuntimeError>;

    /// The runs of which there is still something. Blocks.
    ///
    /// # Errors
    /// The runtime cannot be reached.
    fn left(&self) -> Result<Left, RuntimeError>;
}

/// The sweepers of all runtimes that have anything to remove.
pub type Sweepers<'a> = &'a [&'a dyn Sweeper];

/// What was found and removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removed {
    /// How many containers.
    pub containers: usize,
    /// How many networks.
    pub networks: usize,
}

/// What a runtime has of runs.
#[derive(Debug, Default)]
pub struct Left {
    /// Those of this user.
    pub runs: BTreeSet<Found>,
    /// What has a label of ours and is nobody's run, and why. Fit to be shown.
    pub strangers: Vec<String>,
}

/// A run that a runtime has something of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    /// Its name.
    pub id: LeaseId,
    /// What is said to be its state folder; anybody can have written it.
    pub state_dir: String,
}

/// The folder of a run that a run of this user has made, as far as that can be proven: by its ledger, or because nothing is in
/// it but what a run makes before that. No other folder is ever removed.
#[derive(Debug)]
pub(crate) struct OwnRun {
    id: LeaseId,
    folder: PathBuf,
    /// None for one whose making was cut short.
    ledger: Option<Ledger>,
}

/// What has the name of a run is one of ours, or gone by now, or something else, which is told.
type Look = Result<Option<OwnRun>, Swept>;

impl OwnRun {
    /// What has the name of a run in a state folder, by name.
    ///
    /// # Errors
    /// The state folder is not this user's, or cannot be read.
    pub(crate) fn all(state_dir: &Path) -> Result<Vec<(LeaseId, Look)>, RuntimeError> {
        let ids = ids(state_dir)?;
        Ok(ids
            .into_iter()
            .map(|id| {
                let look = Self::look(state_dir, &id);
                (id, look)
            })
            .collect())
    }

    /// Looks at the folder of a run, in a state folder of this user; none if it is not there.
    fn look(state_dir: &Path, id: &LeaseId) -> Look {
        let folder = run_folder(state_dir, id);
        Self::prove(id, &folder).map_err(|why| {
            Swept::of(id, &folder).failed(format!(
                "it is not certain that a run made it, so it is left as it is: {why}; look at it, and remove it by hand"
            ))
        })
    }

    fn prove(id: &LeaseId, folder: &Path) -> Result<Option<Self>, String> {
        let Some(metadata) = there(folder).map_err(|error| error.to_string())? else {
            return Ok(None);
        };
        if !metadata.is_dir() {
            return Err("it is no folder".to_owned());
        }
        if metadata.uid() != rustix::process::geteuid().as_raw() {
            return Err(format!("it belongs to user {}", metadata.uid()));
        }
        let read = Ledger::read(&ledger(folder), id).map_err(|error| format!("failed to read the ledger: {error}"))?;
        if read.is_none() {
            match super::folder::is_half_made(folder) {
                Ok(true) => {}
                Ok(false) => {
                    return Err("it has no ledger, and other things in it than a run makes before that".to_owned());
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(error.to_string()),
            }
        }
        Ok(Some(Self {
            id: id.clone(),
            folder: folder.to_owned(),
            ledger: read,
        }))
    }

    /// Kills what the ledger lists and still lives, waits until it is gone, and removes the folder.
    pub(crate) fn clean(self, owner_too: bool, sweepers: Sweepers<'_>) -> Swept {
        let mut swept = Swept::of(&self.id, &self.folder);
        let mut failures = Vec::new();
        let removed = match &self.ledger {
            Some(ledger) => {
                self.kill_all(ledger, owner_too, &mut swept.killed, &mut failures);
                if let Some(sweeper) = sweepers.iter().find(|sweeper| sweeper.runtime() == ledger.runtime) {
                    remove_rest(*sweeper, &mut swept, &mut failures);
                }
                remove_folder(&self.folder)
            }
            None => remove_half_made(&self.folder),
        };
        if let Err(error) = removed {
            failures.push(format!("failed to remove the folder: {error}"));
        }
        swept.failure = (!failures.is_empty()).then(|| failures.join("; "));
        swept
    }

    /// The owner first, as it could start more. Never this process itself.
    fn kill_all(&self, ledger: &Ledger, owner_too: bool, killed: &mut Vec<u32>, failures: &mut Vec<String>) {
        let owner = owner_too.then_some((&ledger.owner, Proof::Owner(&self.folder)));
        let members = ledger
            .processes
            .iter()
            .map(|process| (&process.identity, Proof::Member(&self.id)));
        let all = owner.into_iter().chain(members);
        let mut open: Vec<_> = all.filter(|(identity, _)| identity.pid != std::process::id()).collect();
        let mut going = Vec::new();
        let begun = Instant::now();
        // Twice: one that is ending already, by whoever else's hand, has nothing left to prove itself with, and is gone by then.
        for is_last in [false, true] {
            for (process, proof) in std::mem::take(&mut open) {
                match process.signal(Signal::KILL, proof) {
                    Ok(Signalled::Sent) => {
                        killed.push(process.pid);
                        going.push(process);
                    }
                    Ok(Signalled::Gone) => {}
                    Ok(Signalled::NotOurs) if is_last => failures.push(not_ours(process)),
                    Ok(Signalled::NotOurs) => open.push((process, proof)),
                    Err(error) => failures.push(format!("failed to kill process {}: {error}", process.pid)),
                }
            }
            wait_for(going.iter().copied(), begun + KERNEL);
            wait_for(open.iter().map(|(process, _)| *process), begun + ENDING);
        }
        let left = going.into_iter().filter(|process| process.is_alive());
        failures.extend(left.map(|process| format!("process {} did not go after SIGKILL", process.pid)));
    }
}

/// Waits until these have gone, or until then.
fn wait_for<'a>(processes: impl Iterator<Item = &'a ProcessIdentity> + Clone, until: Instant) {
    while processes.clone().any(ProcessIdentity::is_alive) && Instant::now() < until {
        std::thread::sleep(LOOK);
    }
}

fn not_ours(process: &ProcessIdentity) -> String {
    format!(
        "process {} is left alone: the ledger lists it, but nothing proves that the run started it",
        process.pid
    )
}

/// Removes what dead runs have left in a state folder: their processes, what their runtimes have of them, and their folders. Goes on past a failure and
/// tells of it. Runs that live are left alone, unless `force`: then they are ended first. What is not proven to be a run's is
/// left alone in any case. Blocks for as long as the processes take to go.
///
/// # Errors
/// When the state folder is not this user's, or cannot be read at all.
pub fn sweep(state_dir: &Path, force: bool, sweepers: Sweepers<'_>) -> Result<Vec<Swept>, RuntimeError> {
    let mut swept = Vec::new();
    for id in ids(state_dir)? {
        if let Outcome::Done(done) = sweep_one(state_dir, &id, force, sweepers)? {
            swept.push(done);
        }
    }
    Ok(swept)
}

/// What became of one run that a sweep came to.
enum Outcome {
    /// Something was done about it, or should have been.
    Done(Swept),
    /// It lives.
    Lives,
    /// It has no folder.
    Gone,
}

fn sweep_one(state_dir: &Path, id: &LeaseId, force: bool, sweepers: Sweepers<'_>) -> Result<Outcome, RuntimeError> {
    let (run, _lock) = {
        // Nobody makes a folder meanwhile: one without a lock is of a run that ended as it was being made.
        let _turn = turn(state_dir)?;
        let run = match OwnRun::look(state_dir, id) {
            Ok(Some(run)) => run,
            Ok(None) => return Ok(Outcome::Gone),
            Err(swept) => return Ok(Outcome::Done(swept)),
        };
        match lock_of(&run.folder) {
            // Its lock is held until the folder is gone, so that two sweeps do not do the same work twice.
            Ok(Claim::Dead(lock)) => (run, lock),
            Ok(Claim::Live) if force => (run, None),
            Ok(Claim::Live) => return Ok(Outcome::Lives),
            Err(error) => {
                let failure = format!("failed to see whether it lives: {error}");
                return Ok(Outcome::Done(Swept::of(id, &run.folder).failed(failure)));
            }
        }
    };
    Ok(Outcome::Done(run.clean(force, sweepers)))
}

/// What a look at a run's lock tells.
enum Claim {
    /// The run has ended; nobody else can claim it while this file is open.
    Dead(Option<std::fs::File>),
    /// Its run lives, or another sweep is at it.
    Live,
}

fn lock_of(folder: &Path) -> io::Result<Claim> {
    let lock = folder.join("lock");
    match std::fs::symlink_metadata(&lock) {
        Ok(_) => Ok(try_lock(&lock)?.map_or(Claim::Live, |lock| Claim::Dead(Some(lock)))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Claim::Dead(None)),
        Err(error) => Err(error),
    }
}

/// The ledgers of the runs that live, by their names.
///
/// # Errors
/// When the state folder is not this user's, or cannot be read at all.
pub fn live_runs(state_dir: &Path) -> Result<Vec<Ledger>, RuntimeError> {
    let runs = OwnRun::all(state_dir)?;
    // One that cannot be read is being made or being removed.
    let ledgers = runs.into_iter().filter_map(|(_, run)| run.ok()??.ledger);
    Ok(ledgers.filter(|ledger| ledger.owner.is_alive()).collect())
}

/// The names in a state folder's `runs` that a lease can have; what has another name is not ours.
fn ids(state_dir: &Path) -> Result<Vec<LeaseId>, RuntimeError> {
    if check_state_dir(state_dir)?.is_none() {
        return Ok(Vec::new());
    }
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
    let mut ids = Vec::new();
    for entry in entries {
        let name = entry.map_err(failed)?.file_name();
        ids.extend(name.to_str().and_then(|name| name.parse().ok()));
    }
    ids.sort();
    Ok(ids)
}

/// Removes what a runtime has of a run.
fn remove_rest(sweeper: &dyn Sweeper, swept: &mut Swept, failures: &mut Vec<String>) {
    let state_dir = swept.folder.parent().and_then(Path::parent).unwrap_or(&swept.folder);
    match sweeper.remove(&swept.id, state_dir) {
        Ok(removed) => {
            swept.containers += removed.containers;
            swept.networks += removed.networks;
        }
        Err(error) => failures.push(error.to_string()),
    }
}

/// Removes what a runtime still has of this user's runs of any state folder that have ended without removing it, and of those whose
/// state folder is gone, with `force`. One that lives is ended from its own state folder alone, by [`sweep`]. What anybody writes into a label is no more than a name to look for: folders and
/// processes are proven as in [`sweep`]. Blocks.
///
/// # Errors
/// When the runtime cannot be reached.
pub fn sweep_runtime(sweeper: &dyn Sweeper, force: bool) -> Result<RuntimeSwept, RuntimeError> {
    let Left { runs, strangers } = sweeper.left()?;
    let mut all = RuntimeSwept {
        runs: Vec::new(),
        strangers,
    };
    for found in runs {
        match sweep_found(sweeper, &found, force)? {
            Ok(swept) => all.runs.extend(swept),
            Err(why) => all.strangers.push(format!(
                "containers or networks of run {}: their state folder {} {}",
                found.id,
                Printable(&found.state_dir),
                Printable(&why)
            )),
        }
    }
    Ok(all)
}

/// What was done about a run that a runtime has something of, if anything; or why it is none of ours.
fn sweep_found(
    sweeper: &dyn Sweeper,
    found: &Found,
    force: bool,
) -> Result<Result<Option<Swept>, String>, RuntimeError> {
    let (id, state_dir) = (&found.id, Path::new(&found.state_dir));
    let is_there = match named(state_dir) {
        Ok(folder) => folder.is_some(),
        Err(why) => return Ok(Err(why)),
    };
    let mut swept = Swept::of(id, &run_folder(state_dir, id));
    let outcome = if is_there {
        sweep_one(state_dir, id, false, &[sweeper])?
    } else if force {
        Outcome::Gone
    } else {
        let failure = "its state folder is not on this machine; --force removes it all the same";
        return Ok(Ok(Some(swept.failed(failure))));
    };
    Ok(Ok(match outcome {
        Outcome::Done(swept) => Some(swept),
        Outcome::Lives if force => {
            let way_out = "`clean --force` with that MESHKAT_STATE_DIR ends it";
            return Ok(Err(format!(
                "is not the one that is swept, and the run lives: {way_out}"
            )));
        }
        Outcome::Lives => None,
        Outcome::Gone => {
            let mut failures = Vec::new();
            remove_rest(sweeper, &mut swept, &mut failures);
            swept.failure = (!failures.is_empty()).then(|| failures.join("; "));
            Some(swept)
        }
    }))
}
