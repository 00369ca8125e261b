//! Which process a number means: a process's number is used again after it has gone, its start is not.

use std::io;
use std::path::Path;

use rustix::process::Signal;
use serde::{Deserialize, Serialize};

use super::id::LeaseId;
use crate::environment::RUN;

/// How a process is known to be ours. What a file says of it proves nothing: whoever can write a ledger can write any number
/// and any start into it. So the kernel is asked about the process itself.
#[derive(Debug, Clone, Copy)]
pub enum Proof<'a> {
    /// This process has started it.
    Child,
    /// A process of this run: it was given the run's name in its environment when it was started.
    Member(&'a LeaseId),
    /// The owner of the run with this folder: it has the folder's lock open.
    Owner(&'a Path),
}

/// What came of a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signalled {
    /// It was sent.
    Sent,
    /// There is no such process any more.
    Gone,
    /// There is one, but nothing proves that it is ours: nothing was sent.
    NotOurs,
}

/// A process, told apart from every later one of the same number by when it started.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ProcessIdentity {
    /// Its number.
    pub pid: u32,
    /// When it started, as the kernel writes it: on Linux clock ticks since the machine started (field 22 of
    /// `/proc/PID/stat`), elsewhere the date that `ps` tells.
    pub started: String,
}

impl ProcessIdentity {
    /// The identity of the process that has that number now; none when there is none, or it is only a zombie.
    pub fn of(pid: u32) -> Option<Self> {
        system::started(pid).map(|started| Self { pid, started })
    }

    /// This process's.
    pub fn own() -> Option<Self> {
        Self::of(std::process::id())
    }

    /// Whether this very process still lives. A zombie does not.
    pub fn is_alive(&self) -> bool {
        system::started(self.pid).is_some_and(|started| started == self.started)
    }

    /// Whether all of it stands still, as after SIGSTOP.
    pub fn is_frozen(&self) -> bool {
        system::is_frozen(self.pid) && self.is_alive()
    }

    /// What would come of a signal; none is sent.
    pub fn prove(&self, proof: Proof<'_>) -> Signalled {
        if self.pid != std::process::id() && system::is_ours(self.pid, proof) {
            return Signalled::Sent;
        }
        // It may have ended while it was looked at.
        if self.is_alive() {
            Signalled::NotOurs
        } else {
            Signalled::Gone
        }
    }

    /// The others that are in the process group that this one leads, or led. Nothing proves yet whose they are.
    pub fn group(pid: u32) -> Vec<Self> {
        let others = system::group(pid).into_iter().filter(|other| *other != pid);
        others.filter_map(Self::of).collect()
    }

    /// Sends a signal to this very process if it is proven to be ours and this user's: never to another that got its number
    /// since, to one that a forged ledger names, or to this process itself. All signals to processes that this one does not
    /// wait for are sent here.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn signal(&self, signal: Signal, proof: Proof<'_>) -> io::Result<Signalled> {
        if self.pid == std::process::id() {
            return Ok(Signalled::NotOurs);
        }
        system::signal(self, signal, proof)
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::io;
    use std::os::unix::fs::MetadataExt as _;
    use std::path::Path;
    use std::time::Duration;

    use rustix::io::Errno;
    use rustix::process::{
        Pid, PidfdFlags, Signal, getuid, kill_process, pidfd_open, pidfd_send_signal, test_kill_process_group,
    };

    use super::{LeaseId, ProcessIdentity, Proof, RUN, Signalled};

    pub(crate) fn started(pid: u32) -> Option<String> {
        let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
        parse(&String::from_utf8_lossy(&stat))
    }

    /// The 22nd field, unless the third says that nothing but the exit code is left. The second field is the program's
    /// name in parentheses, which may itself hold spaces and parentheses.
    pub(crate) fn parse(stat: &str) -> Option<String> {
        let (_, rest) = stat.rsplit_once(')')?;
        let mut fields = rest.split_ascii_whitespace();
        match fields.next()? {
            "Z" | "X" | "x" => None,
            _ => fields.nth(18).map(str::to_owned),
        }
    }

    /// The numbers of the processes of a group: in the third field after the program's name is whose group it is.
    pub fn group(leader: u32) -> Vec<u32> {
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
    pub fn is_frozen(pid: u32) -> bool {
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

    /// A pidfd means one process for ever, so that no other can slip in between the look and the signal.
    pub(crate) fn signal(identity: &ProcessIdentity, signal: Signal, proof: Proof<'_>) -> io::Result<Signalled> {
        let Some(pid) = i32::try_from(identity.pid).ok().and_then(Pid::from_raw) else {
            return Ok(Signalled::Gone);
        };
        let process = match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(process) => Some(process),
            Err(Errno::SRCH) => return Ok(Signalled::Gone),
            // Sandboxes that know no pidfd.
            Err(_) => None,
        };
        if !identity.is_alive() {
            return Ok(Signalled::Gone);
        }
        let proven = identity.prove(proof);
        if proven != Signalled::Sent {
            return Ok(proven);
        }
        let sent = match process {
            Some(process) => pidfd_send_signal(process, signal),
            None => kill_process(pid, signal),
        };
        match sent {
            Ok(()) => Ok(Signalled::Sent),
            Err(Errno::SRCH) => Ok(Signalled::Gone),
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) fn is_ours(pid: u32, proof: Proof<'_>) -> bool {
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
    /// program it has none, and from when it begins to end; it may take a while until it has ended.
    fn has_mark(pid: u32, run: &LeaseId) -> bool {
        let mark = format!("{RUN}={run}");
        for _ in 0..LOOKS {
            let environment = match std::fs::read(format!("/proc/{pid}/environ")) {
                Ok(environment) => environment,
                Err(error) if Errno::from_io_error(&error) == Some(Errno::SRCH) => Vec::new(),
                Err(_) => return false,
            };
            if !environment.is_empty() {
                return environment
                    .split(|byte| *byte == 0)
                    .any(|variable| variable == mark.as_bytes());
            }
            if started(pid).is_none() {
                return false;
            }
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
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::io;
    use std::path::Path;

    use rustix::io::Errno;
    use rustix::process::{Pid, Signal, getuid, kill_process};

    use super::{LeaseId, ProcessIdentity, Proof, RUN, Signalled};
    use crate::run::folder::try_lock;

    pub(crate) fn started(pid: u32) -> Option<String> {
        parse(&ps(pid, &["-o", "state=", "-o", "lstart="])?)
    }

    pub fn group(leader: u32) -> Vec<u32> {
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

    pub fn is_frozen(pid: u32) -> bool {
        ps(pid, &["-o", "state="]).is_some_and(|state| state.trim_start().starts_with('T'))
    }

    pub(crate) fn parse(line: &str) -> Option<String> {
        let (state, started) = line.trim().split_once(char::is_whitespace)?;
        (!state.starts_with('Z')).then(|| started.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    pub(crate) fn signal(identity: &ProcessIdentity, signal: Signal, proof: Proof<'_>) -> io::Result<Signalled> {
        let Some(pid) = i32::try_from(identity.pid).ok().and_then(Pid::from_raw) else {
            return Ok(Signalled::Gone);
        };
        if !identity.is_alive() {
            return Ok(Signalled::Gone);
        }
        let proven = identity.prove(proof);
        if proven != Signalled::Sent {
            return Ok(proven);
        }
        match kill_process(pid, signal) {
            Ok(()) => Ok(Signalled::Sent),
            Err(Errno::SRCH) => Ok(Signalled::Gone),
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) fn is_ours(pid: u32, proof: Proof<'_>) -> bool {
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
        is_held
            && ps(pid, &["-o", "comm="]).is_some_and(|program| Path::new(program.trim()).file_name() == own.file_name())
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_process_lives() {
        let own = ProcessIdentity::own().expect("this process runs");
        assert!(own.is_alive());
        assert_eq!(ProcessIdentity::of(own.pid), Some(own));
    }

    fn sleep(mark: Option<&str>) -> std::process::Child {
        let mut sleep = std::process::Command::new("sleep");
        sleep.env_remove(RUN).envs(mark.map(|mark| (RUN, mark)));
        sleep.arg("1000").spawn().expect("sleep starts")
    }

    fn kill(identity: &ProcessIdentity, proof: Proof<'_>) -> Signalled {
        identity.signal(Signal::KILL, proof).expect("the kernel answers")
    }

    #[test]
    fn the_same_number_with_another_start_is_another_process() {
        let mut child = sleep(None);
        let real = ProcessIdentity::of(child.id()).expect("sleep runs");
        let earlier = ProcessIdentity {
            pid: real.pid,
            started: "1".to_owned(),
        };
        assert!(!earlier.is_alive());
        assert_eq!(kill(&earlier, Proof::Child), Signalled::Gone);
        assert!(real.is_alive(), "the wrong process was killed");
        assert_eq!(kill(&real, Proof::Child), Signalled::Sent);
        child.wait().expect("it was killed");
        assert!(!real.is_alive());
        assert_eq!(kill(&real, Proof::Child), Signalled::Gone);
    }

    #[test]
    fn a_process_is_signalled_only_if_it_is_proven_to_be_ours() {
        let run: LeaseId = "1-1-0-0".parse().expect("it is a name");
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("lock"), "").expect("the folder is ours");
        // The right number and the right start, as any forged ledger can have them; of another run; and of a run whose name
        // begins the same.
        for mark in [None, Some("1-1-0-1"), Some("1-1-0-00")] {
            let mut child = sleep(mark);
            let stranger = ProcessIdentity::of(child.id()).expect("sleep runs");
            assert_eq!(kill(&stranger, Proof::Member(&run)), Signalled::NotOurs, "{mark:?}");
            assert_eq!(
                kill(&stranger, Proof::Owner(folder.path())),
                Signalled::NotOurs,
                "{mark:?}"
            );
            assert!(stranger.is_alive());
            child.kill().expect("it is ours");
            child.wait().expect("it was killed");
        }
        let mut child = sleep(Some("1-1-0-0"));
        let member = ProcessIdentity::of(child.id()).expect("sleep runs");
        assert_eq!(kill(&member, Proof::Member(&run)), Signalled::Sent);
        child.wait().expect("it was killed");
    }

    #[test]
    fn a_process_that_is_ending_is_gone_and_no_stranger() {
        let run: LeaseId = "1-1-0-0".parse().expect("it is a name");
        for _ in 0..50 {
            let mut child = sleep(Some("1-1-0-0"));
            let member = ProcessIdentity::of(child.id()).expect("sleep runs");
            child.kill().expect("it is ours");
            // It was not waited for: it ends, or is a zombie.
            assert_ne!(member.prove(Proof::Member(&run)), Signalled::NotOurs);
            child.wait().expect("it was killed");
            assert_eq!(member.prove(Proof::Member(&run)), Signalled::Gone);
        }
    }

    #[test]
    fn neither_the_first_process_nor_this_one_is_signalled() {
        let run: LeaseId = "1-1-0-0".parse().expect("it is a name");
        let folder = tempfile::tempdir().expect("a folder");
        let lock = std::fs::File::create(folder.path().join("lock")).expect("the folder is ours");
        for pid in [1, std::process::id()] {
            let identity = ProcessIdentity::of(pid).expect("it runs");
            for proof in [Proof::Child, Proof::Member(&run), Proof::Owner(folder.path())] {
                assert_eq!(kill(&identity, proof), Signalled::NotOurs, "{pid}, {proof:?}");
            }
        }
        drop(lock);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn names_with_parentheses_and_zombies_are_read() {
        let tail = "1 1 1 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 4711 8 9";
        assert_eq!(
            system::parse(&format!("12 (a) R (b)) S {tail}")),
            Some("4711".to_owned())
        );
        assert_eq!(system::parse(&format!("12 (a) Z {tail}")), None);
        assert_eq!(system::parse("12 (a"), None);
    }
}
