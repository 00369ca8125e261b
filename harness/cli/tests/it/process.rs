//! Processes: `meshkat` while it runs, and whoever it has left behind.

use std::{
    fs,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

/// Long enough for a machine that is busy with other things.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// Waits until something is so.
#[track_caller]
pub(crate) fn until(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !so() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// What a command said, and how it ended.
#[derive(Debug)]
pub(crate) struct Told {
    status: ExitStatus,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
}

impl Told {
    /// Holds the exit code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        let actual = self.status.code();
        assert_eq!(actual, Some(code), "{:?}\n{}\n{}", self.status, self.out, self.err);
        self
    }

    /// Holds that it was killed.
    #[track_caller]
    pub(crate) fn was_killed(self) {
        assert_eq!(
            self.status.signal(),
            Some(Signal::KILL.as_raw()),
            "{}\n{}",
            self.out,
            self.err
        );
    }

    /// Holds that standard error has these parts, in any order.
    #[track_caller]
    pub(crate) fn says(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.err.contains(part), "`{part}` is not in\n{}", self.err);
        }
        self
    }
}

/// A command that runs. It is killed when it is dropped.
pub(crate) struct Running {
    child: Child,
    out: PathBuf,
    err: PathBuf,
}

impl Running {
    /// Starts `command`; what it says goes into files in `folder`, whose names begin with `name`.
    pub(crate) fn start(mut command: Command, folder: &Path, name: &str) -> Self {
        let (out, err) = (folder.join(format!("{name}.out")), folder.join(format!("{name}.err")));
        let file = |path: &Path| fs::File::create(path).expect("the folder is the test's own");
        command.stdin(Stdio::null()).stdout(file(&out)).stderr(file(&err));
        let child = command.spawn().expect("the program is there");
        Self { child, out, err }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has said so far on standard error.
    pub(crate) fn err(&self) -> String {
        fs::read_to_string(&self.err).unwrap_or_default()
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("it is our child").is_some()
    }

    /// Sends a signal to it, and to nobody else.
    pub(crate) fn signal(&self, signal: Signal) {
        // It has not been waited for, so that its number is still its own.
        send(self.pid(), signal);
    }

    /// Waits until it says something on standard error.
    #[track_caller]
    pub(crate) fn until_it_says(&mut self, text: &str) {
        until(text, || {
            let ended = self.has_ended();
            let said = self.err();
            assert!(
                said.contains(text) || !ended,
                "it ended without having said `{text}`:\n{said}"
            );
            said.contains(text)
        });
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn end(mut self) -> Told {
        let deadline = Instant::now() + DEADLINE;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                break status;
            }
            assert!(Instant::now() < deadline, "it does not end; it said\n{}", self.err());
            thread::sleep(Duration::from_millis(2));
        };
        let read = |path: &Path| fs::read_to_string(path).expect("it is text");
        Told {
            status,
            out: read(&self.out),
            err: read(&self.err),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // What has been waited for is left alone.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

pub(crate) fn send(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid)
        .ok()
        .and_then(Pid::from_raw)
        .expect("it is a process's number");
    // One that has just ended needs no signal.
    let _gone = kill_process(pid, signal);
}

/// The processes whose environment has `variable` with this very value: whoever was started with it, and all that they
/// started, whatever became of them.
pub(crate) fn with_environment(variable: &str, value: &Path) -> Vec<u32> {
    let wanted = [variable.as_bytes(), b"=", value.as_os_str().as_encoded_bytes()].concat();
    let pids = fs::read_dir("/proc").expect("it is there").flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let own = std::process::id();
    pids.filter(|pid| *pid != own)
        .filter(|pid| {
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|entry| entry == wanted)
        })
        .collect()
}

/// A process's command line, its parts joined by blanks.
pub(crate) fn command_line(pid: u32) -> String {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&line).replace('\0', " ")
}
