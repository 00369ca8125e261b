//! Running a program in a sandbox until it ends, or until it has to.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use rustix::{
    io::Errno,
    process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid},
};

use super::{
    Sandbox,
    child::{Isolation, confine},
};

/// As much of the beginning and of the end of its output as is read.
const READ: u64 = 64 << 10;

/// One program to run.
pub(crate) struct Job<'a> {
    /// The program, as an absolute path.
    pub(crate) program: &'a Path,
    /// Its arguments.
    pub(crate) arguments: &'a [OsString],
    /// All of its environment.
    pub(crate) environment: &'a [(OsString, OsString)],
    /// The folder in which it starts, and where alone it may write.
    pub(crate) folder: &'a Path,
    /// What it may read, where that can be limited: besides what the system has.
    pub(crate) readable: &'a [std::path::PathBuf],
    /// For how long it may run.
    pub(crate) limit: Duration,
    /// Where.
    pub(crate) sandbox: Sandbox,
}

/// How it ended.
pub(crate) enum Ended {
    /// By itself.
    Itself(ExitStatus),
    /// It was killed: its time was over.
    TooLate,
}

impl Job<'_> {
    /// Runs it, and gives how it ended and what it printed to standard error: the beginning and the end, if that is much.
    /// Whatever it started in its process group is killed with it, also when it ends by itself.
    ///
    /// # Errors
    /// It could not be started, or not in its sandbox.
    pub(crate) fn run(&self) -> io::Result<(Ended, String)> {
        // A file, and no pipe: nobody has to read it while it grows, it grows no further than its limit, and nobody who holds
        // it open keeps us waiting.
        let mut output = tempfile::tempfile_in(self.folder)?;
        let ended = self.run_with(&output)?;
        Ok((ended, ends_of(&mut output)?))
    }

    fn run_with(&self, output: &File) -> io::Result<Ended> {
        let command = self.command(output)?;
        let (events, seen) = mpsc::channel();
        let (go_on, may_reap) = mpsc::channel::<()>();
        thread::scope(|scope| {
            // A thread of its own: what it gives up for the child it never gets back, and the child dies with it.
            let keeper = scope.spawn(move || {
                self.bind_this_thread()?;
                let mut child = spawn(command)?;
                let pid = Pid::from_child(&child);
                // Nobody waiting is no reason to stop.
                let _ = events.send(pid);
                wait_for_end(pid);
                drop(events);
                // Until it is reaped, its number is nobody else's, and all may signal its group.
                let _ = may_reap.recv();
                let _ = kill_process_group(pid, Signal::KILL);
                child.wait()
            });
            let mut too_late = false;
            if let Ok(pid) = seen.recv()
                && let Err(RecvTimeoutError::Timeout) = seen.recv_timeout(self.limit)
            {
                too_late = true;
                let _ = kill_process_group(pid, Signal::KILL);
            }
            drop(go_on);
            let status = keeper.join().map_err(|_| io::Error::other("its thread panicked"))??;
            Ok(if too_late {
                Ended::TooLate
            } else {
                Ended::Itself(status)
            })
        })
    }

    fn command(&self, output: &File) -> io::Result<Command> {
        let mut command = Command::new(self.program);
        command
            .args(self.arguments)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(output.try_clone()?);
        let isolation = match self.sandbox {
            Sandbox::Landlock => Isolation::Network,
            Sandbox::Namespaces => Isolation::mounts(self.folder)?,
            Sandbox::Nothing => Isolation::None,
        };
        confine(&mut command, isolation);
        Ok(command)
    }

    #[cfg(target_os = "linux")]
    fn bind_this_thread(&self) -> io::Result<()> {
        if self.sandbox != Sandbox::Landlock {
            return Ok(());
        }
        super::landlock::Rules {
            program: self.program.to_owned(),
            folder: self.folder.to_owned(),
            readable: self.readable.to_vec(),
        }
        .bind_this_thread()
    }

    #[cfg(not(target_os = "linux"))]
    fn bind_this_thread(&self) -> io::Result<()> {
        Ok(())
    }
}

fn spawn(mut command: Command) -> io::Result<Child> {
    command.spawn()
}

/// Waits until the process has ended, and leaves it to be reaped.
fn wait_for_end(pid: Pid) {
    let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    while waitid(WaitId::Pid(pid), ended).is_err_and(|error| error == Errno::INTR) {}
}

/// The whole of a short file, and of a long one the beginning and the end.
fn ends_of(file: &mut File) -> io::Result<String> {
    let length = file.metadata()?.len();
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.take(READ).read_to_end(&mut bytes)?;
    if length > READ {
        let from = length.saturating_sub(READ).max(READ);
        if from > READ {
            bytes.extend_from_slice(b"\n(...)\n");
        }
        file.seek(SeekFrom::Start(from))?;
        file.take(READ).read_to_end(&mut bytes)?;
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The variables that a program needs whatever it is: where programs and its user's folder are, and where it may write.
pub(crate) fn environment(folder: &Path) -> Vec<(OsString, OsString)> {
    let own = ["PATH", "HOME"]
        .into_iter()
        .filter_map(|name| Some((name.into(), std::env::var_os(name)?)));
    let of_the_folder = [("TMPDIR", folder.as_os_str()), ("LC_ALL", OsStr::new("C"))];
    let of_the_folder = of_the_folder
        .into_iter()
        .map(|(name, value)| (name.into(), value.to_owned()));
    own.chain(of_the_folder).collect()
}
