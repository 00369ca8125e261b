//! Processes as `ps` tells of them, on other systems than Linux.

use std::path::Path;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, getuid, kill_process};

use super::folder::try_lock;
use super::id::LeaseId;
use super::proof::Proof;
use crate::environment::RUN;

pub(super) fn started(pid: u32) -> Option<String> {
    parse(&ps(pid, &["-o", "state=", "-o", "lstart="])?)
}

/// `ps` does not tell of open files.
pub(super) fn usage(_: u32) -> Option<(u64, u64)> {
    None
}

pub(super) fn group(leader: u32) -> Vec<u32> {
    let output = std::process::Command::new("ps")
        .args(["-A", "-o", "pgid=", "-o", "pid="])
        .output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let text = text.unwrap_or_default();
    let lines = text
        .lines()
        .filter_map(|line| line.trim().split_once(char::is_whitespace));
    let group = lines.filter(|(group, _)| group.parse() == Ok(leader));
    group.filter_map(|(_, pid)| pid.trim().parse().ok()).collect()
}

pub(super) fn is_frozen(pid: u32) -> bool {
    ps(pid, &["-o", "state="]).is_some_and(|state| state.trim_start().starts_with('T'))
}

fn parse(line: &str) -> Option<String> {
    let (state, started) = line.trim().split_once(char::is_whitespace)?;
    (!state.starts_with('Z')).then(|| started.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// A process that a signal can be sent to.
pub(super) struct Process(Pid);

impl Process {
    /// The process that has this number; none if there can be none.
    pub(super) fn open(pid: u32) -> Option<Self> {
        i32::try_from(pid).ok().and_then(Pid::from_raw).map(Self)
    }

    pub(super) fn send(&self, signal: Signal) -> Result<(), Errno> {
        kill_process(self.0, signal)
    }
}

pub(super) fn is_ours(pid: u32, proof: Proof<'_>) -> bool {
    let proven = match proof {
        Proof::Child => number(pid, "ppid=") == Some(std::process::id()),
        Proof::Member(run) => has_mark(pid, run),
        Proof::Owner(folder) => owns(pid, folder),
    };
    proven && number(pid, "ruid=") == Some(getuid().as_raw())
}

fn number(pid: u32, column: &str) -> Option<u32> {
    ps(pid, &["-o", column])?.trim().parse().ok()
}

/// `ps` shows the environment of a process to its own user alone.
fn has_mark(pid: u32, run: &LeaseId) -> bool {
    let mark = format!("{RUN}={run}");
    ps(pid, &["-E", "-ww", "-o", "command="]).is_some_and(|line| line.split_whitespace().any(|word| word == mark))
}

/// What a process has open is not told here. Somebody holds the lock, and the process is this program.
fn owns(pid: u32, folder: &Path) -> bool {
    let lock = folder.join("lock");
    let is_held = lock.is_file() && matches!(try_lock(&lock), Ok(None));
    let own = std::env::current_exe().unwrap_or_default();
    is_held && ps(pid, &["-o", "comm="]).is_some_and(|program| Path::new(program.trim()).file_name() == own.file_name())
}

fn ps(pid: u32, columns: &[&str]) -> Option<String> {
    let output = std::process::Command::new("ps")
        .env("LC_ALL", "C")
        .args(columns)
        .args(["-p", &pid.to_string()])
        .output()
        .ok()?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}
