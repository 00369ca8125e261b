//! Processes as Linux tells of them, in `/proc`.

use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, getuid, kill_process, pidfd_open, pidfd_send_signal, test_kill_process_group,
};

use super::id::LeaseId;
use super::proof::Proof;
use crate::environment::RUN;

pub(super) fn started(pid: u32) -> Option<String> {
    let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    parse(&String::from_utf8_lossy(&stat))
}

/// The 22nd field, unless the third says that nothing but the exit code is left. The second field is the program's
/// name in parentheses, which may itself hold spaces and parentheses.
fn parse(stat: &str) -> Option<String> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    match fields.next()? {
        "Z" | "X" | "x" => None,
        _ => fields.nth(18).map(str::to_owned),
    }
}

/// How many files a process has open, and the kilobytes of memory that are its own: what it shares with others of the same program, such
/// as the program itself, is not among them. None where that is not shown.
pub(super) fn usage(pid: u32) -> Option<(u64, u64)> {
    let files = std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count();
    Some((files as u64, of_status(pid, "RssAnon:")?.into()))
}

/// The numbers of the processes of a group: in the third field after the program's name is whose group it is.
pub(super) fn group(leader: u32) -> Vec<u32> {
    // Most have none.
    let is_there = i32::try_from(leader).ok().and_then(Pid::from_raw);
    if is_there.is_none_or(|leader| test_kill_process_group(leader).is_err()) {
        return Vec::new();
    }
    let Ok(processes) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    let numbers = processes.flatten();
    let numbers = numbers.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let group = |pid: u32| {
        let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
        let stat = String::from_utf8_lossy(&stat);
        stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(2)?.parse().ok()
    };
    numbers.filter(|pid| group(*pid) == Some(leader)).collect()
}

/// Whether every thread is stopped.
pub(super) fn is_frozen(pid: u32) -> bool {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else {
        return false;
    };
    let state = |stat: &str| {
        stat.rsplit_once(')')?
            .1
            .split_ascii_whitespace()
            .next()
            .map(str::to_owned)
    };
    threads.flatten().all(|thread| {
        let stat = std::fs::read(thread.path().join("stat")).unwrap_or_default();
        state(&String::from_utf8_lossy(&stat)).is_some_and(|state| state == "T")
    })
}

/// A process that a signal can be sent to.
pub(super) struct Process {
    pid: Pid,
    /// None in sandboxes that know no pidfd.
    pidfd: Option<OwnedFd>,
}

impl Process {
    /// The process that has this number now; none if there is none. A pidfd means one process for ever, so that no other can slip in
    /// between a look and the signal.
    pub(super) fn open(pid: u32) -> Option<Self> {
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw)?;
        match pidfd_open(pid, PidfdFlags::empty()) {
            Err(Errno::SRCH) => None,
            opened => Some(Self {
                pid,
                pidfd: opened.ok(),
            }),
        }
    }

    pub(super) fn send(&self, signal: Signal) -> Result<(), Errno> {
        match &self.pidfd {
            Some(process) => pidfd_send_signal(process, signal),
            None => kill_process(self.pid, signal),
        }
    }
}

pub(super) fn is_ours(pid: u32, proof: Proof<'_>) -> bool {
    let proven = match proof {
        Proof::Child => of_status(pid, "PPid:") == Some(std::process::id()),
        Proof::Member(run) => has_mark(pid, run),
        Proof::Owner(folder) => has_open(pid, &folder.join("lock")),
    };
    proven && of_status(pid, "Uid:") == Some(getuid().as_raw())
}

/// The first number of a line of `/proc/PID/status`: the parent, or the user who started it.
fn of_status(pid: u32, line: &str) -> Option<u32> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let found = status.lines().find_map(|text| text.strip_prefix(line))?;
    found.split_ascii_whitespace().next()?.parse().ok()
}

/// How often it is looked for an environment, and how long to wait in between.
const LOOKS: u32 = 100;
const LOOK: Duration = Duration::from_millis(2);

/// The kernel shows the environment of a process to its own user alone. In the instant in which a process becomes another
/// program it has none, and from when it begins to end; it may take a while until it has ended. Of one that begins to end while it is
/// read there is only the beginning, so one without the mark is believed when it was seen twice.
fn has_mark(pid: u32, run: &LeaseId) -> bool {
    let mark = format!("{RUN}={run}");
    let mut seen = Vec::new();
    for _ in 0..LOOKS {
        let environment = match std::fs::read(format!("/proc/{pid}/environ")) {
            Ok(environment) => environment,
            Err(error) if Errno::from_io_error(&error) == Some(Errno::SRCH) => Vec::new(),
            Err(_) => return false,
        };
        let has_mark = environment
            .split(|byte| *byte == 0)
            .any(|variable| variable == mark.as_bytes());
        if has_mark {
            return true;
        }
        let is_whole = !environment.is_empty() && environment == seen;
        if is_whole || started(pid).is_none() {
            return false;
        }
        seen = environment;
        std::thread::sleep(LOOK);
    }
    false
}

/// So it does what a process has open.
fn has_open(pid: u32, file: &Path) -> bool {
    let Ok(wanted) = std::fs::symlink_metadata(file) else {
        return false;
    };
    let Ok(open) = std::fs::read_dir(format!("/proc/{pid}/fd")) else {
        return false;
    };
    open.flatten()
        .filter_map(|entry| std::fs::metadata(entry.path()).ok())
        .any(|found| (found.dev(), found.ino()) == (wanted.dev(), wanted.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_parentheses_and_zombies_are_read() {
        let tail = "1 1 1 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 4711 8 9";
        assert_eq!(parse(&format!("12 (a) R (b)) S {tail}")), Some("4711".to_owned()));
        assert_eq!(parse(&format!("12 (a) Z {tail}")), None);
        assert_eq!(parse("12 (a"), None);
    }
}
