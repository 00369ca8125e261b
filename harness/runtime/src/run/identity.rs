//! Which process a number means: a process's number is used again after it has gone, its start is not.

use serde::{Deserialize, Serialize};

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

    /// Sends SIGKILL to this very process, never to another that got its number since. Whether there was one to send to.
    pub(crate) fn kill(&self) -> std::io::Result<bool> {
        system::kill(self)
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::io;

    use rustix::io::Errno;
    use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};

    use super::ProcessIdentity;

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

    /// A pidfd means one process for ever, so that no other can slip in between the look and the signal.
    pub(crate) fn kill(identity: &ProcessIdentity) -> io::Result<bool> {
        let Some(pid) = i32::try_from(identity.pid).ok().and_then(Pid::from_raw) else {
            return Ok(false);
        };
        let result = match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(_) if !identity.is_alive() => return Ok(false),
            Ok(fd) => pidfd_send_signal(fd, Signal::KILL),
            Err(Errno::SRCH) => return Ok(false),
            // Sandboxes that know no pidfd.
            Err(_) if !identity.is_alive() => return Ok(false),
            Err(_) => kill_process(pid, Signal::KILL),
        };
        match result {
            Ok(()) => Ok(true),
            Err(Errno::SRCH) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::io;

    use rustix::io::Errno;
    use rustix::process::{Pid, Signal, kill_process};

    use super::ProcessIdentity;

    pub(crate) fn started(pid: u32) -> Option<String> {
        let output = std::process::Command::new("ps")
            .env("LC_ALL", "C")
            .args(["-o", "state=", "-o", "lstart=", "-p", &pid.to_string()])
            .output()
            .ok()?;
        parse(&String::from_utf8_lossy(&output.stdout))
    }

    pub(crate) fn parse(line: &str) -> Option<String> {
        let (state, started) = line.trim().split_once(char::is_whitespace)?;
        (!state.starts_with('Z')).then(|| started.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    pub(crate) fn kill(identity: &ProcessIdentity) -> io::Result<bool> {
        let Some(pid) = i32::try_from(identity.pid).ok().and_then(Pid::from_raw) else {
            return Ok(false);
        };
        if !identity.is_alive() {
            return Ok(false);
        }
        match kill_process(pid, Signal::KILL) {
            Ok(()) => Ok(true),
            Err(Errno::SRCH) => Ok(false),
            Err(error) => Err(error.into()),
        }
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

    #[test]
    fn the_same_number_with_another_start_is_another_process() {
        let mut child = std::process::Command::new("sleep")
            .arg("1000")
            .spawn()
            .expect("sleep starts");
        let real = ProcessIdentity::of(child.id()).expect("sleep runs");
        let earlier = ProcessIdentity {
            pid: real.pid,
            started: "1".to_owned(),
        };
        assert!(!earlier.is_alive());
        assert!(!earlier.kill().expect("nothing to kill"));
        assert!(real.is_alive(), "the wrong process was killed");
        assert!(real.kill().expect("it is ours"));
        child.wait().expect("it was killed");
        assert!(!real.is_alive());
        assert!(!real.kill().expect("it is gone"));
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
