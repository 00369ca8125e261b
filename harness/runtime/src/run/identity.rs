//! Which process a number means: a process's number is used again after it has gone, its start is not.

use std::io;

use rustix::io::Errno;
use rustix::process::Signal;
use serde::{Deserialize, Serialize};

use crate::Usage;

#[cfg(target_os = "linux")]
use super::proc as system;
use super::proof::Proof;
#[cfg(not(target_os = "linux"))]
use super::ps as system;

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

    /// What it has of its machine; none where nothing tells it.
    pub fn usage(&self) -> Option<Usage> {
        let (files, kilobytes) = system::usage(self.pid)?;
        // Asked behind the look: else it may have been of another process of the same number.
        self.is_alive().then_some(Usage {
            files,
            memory: kilobytes * 1024,
        })
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
        let Some(process) = system::Process::open(self.pid).filter(|_| self.is_alive()) else {
            return Ok(Signalled::Gone);
        };
        let proven = self.prove(proof);
        if proven != Signalled::Sent {
            return Ok(proven);
        }
        match process.send(signal) {
            Ok(()) => Ok(Signalled::Sent),
            Err(Errno::SRCH) => Ok(Signalled::Gone),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::id::LeaseId;
    use super::*;
    use crate::environment::RUN;

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
}
