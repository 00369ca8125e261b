//! The reaper: a small process that outlives a run that is killed, and cleans up after it.
//!
//! `kill -9` lets nobody say goodbye. So a backend starts its own program once more, as a reaper, before it makes the
//! folder of its first mesh. The reaper reads from a pipe of which the backend alone holds the other end and into which
//! nothing is ever written: when it ends, the backend is gone, in whatever way. It then kills what is still there and
//! removes the folders. After an orderly end there are none.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

use super::id::LeasePrefix;
use super::state::runs;
use super::sweep::{OwnRun, Sweepers, Swept};
use crate::{RuntimeError, environment};

/// What a reaper says when it is ready.
const READY: u8 = b'.';

/// How long it may take until it is.
const START: Duration = Duration::from_secs(20);

/// A reaper that runs. It sees by the pipe that this was dropped, or that this process has ended.
#[derive(Debug)]
pub(crate) struct Reaper {
    _pipe: OwnedFd,
}

impl Reaper {
    /// Starts the reaper of all runs of a state folder whose names begin with `prefix`, and waits until it is ready. It is given
    /// the variables `reached_by`, where they are set.
    pub(crate) async fn start(
        command: &[OsString],
        reached_by: &[&str],
        state_dir: &Path,
        prefix: &LeasePrefix,
    ) -> Result<Self, RuntimeError> {
        Self::try_start(command, reached_by, state_dir, prefix)
            .await
            .map_err(|source| {
                RuntimeError::caused("failed to start the reaper", source)
                    .with_help("the program that cleans up must be able to start itself again".to_owned())
            })
    }

    async fn try_start(
        command: &[OsString],
        reached_by: &[&str],
        state_dir: &Path,
        prefix: &LeasePrefix,
    ) -> io::Result<Self> {
        let [program, arguments @ ..] = command else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "its command line is empty"));
        };
        let mut command = Command::new(program);
        command.args(arguments).arg(runs(state_dir).join(prefix.as_str()));
        // It outlives this process, and needs no secret of its environment for as long.
        command
            .env_clear()
            .envs(environment::handed_on())
            .envs(environment::of_reaper(state_dir, reached_by));
        // Of what it inherits nothing may keep a reader of this process's output waiting.
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        #[expect(unsafe_code, reason = "there is no safe way to act between fork and exec")]
        // SAFETY: between fork and exec only async-signal-safe calls are allowed; setsid is one, and the closure makes
        // no other.
        unsafe {
            // Its own session: neither a terminal's Ctrl-C nor its closing reaches it.
            command.pre_exec(|| rustix::process::setsid().map(drop).map_err(io::Error::from));
        }
        let mut child = command.spawn()?;
        let (Some(pipe), Some(mut stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other("it has no pipes"));
        };
        match tokio::time::timeout(START, stdout.read_u8()).await {
            Ok(Ok(READY)) => Ok(Self {
                _pipe: pipe.into_owned_fd()?,
            }),
            Ok(_) => {
                drop(pipe);
                let status = child.wait().await?;
                Err(io::Error::other(format!(
                    "{} ended before it was ready: {status}",
                    program.display()
                )))
            }
            Err(_) => {
                child.kill().await?;
                Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    format!("{} did not get ready", program.display()),
                ))
            }
        }
    }
}

/// What the reaper's process does, from its start to its end: says that it is ready, waits for the end of its standard
/// input, and reaps. SIGINT, SIGTERM, SIGHUP and SIGQUIT do not end it. Blocks.
///
/// To be called by the program that [`Owner`](super::Owner) was given, with its last argument.
///
/// # Errors
/// When it could not get ready, or the argument names no runs: then nothing is touched. The backend then refuses to start
/// anything.
pub fn reaper_main(prefix: &Path, sweepers: Sweepers<'_>) -> io::Result<Vec<Swept>> {
    let runs = Runs::named(prefix)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let _inside = runtime.enter();
    // A signal with a handler no longer ends the process, and nobody asks this handler.
    let _ignored = [
        SignalKind::interrupt(),
        SignalKind::terminate(),
        SignalKind::hangup(),
        SignalKind::quit(),
    ]
    .map(signal)
    .into_iter()
    .collect::<io::Result<Vec<_>>>()?;
    io::stdout().write_all(&[READY])?;
    io::stdout().flush()?;
    // An error means that there is nothing more to wait for, as does the end.
    let _ = io::copy(&mut io::stdin(), &mut io::sink());
    Ok(runs.reap(sweepers))
}

/// Kills what is left of every run of a backend, waits until it is gone, and removes the folders. `prefix` is the state
/// folder's `runs/` and what the names of those runs begin with. Blocks.
///
/// # Errors
/// The argument names no runs: then nothing is touched.
pub fn reap(prefix: &Path, sweepers: Sweepers<'_>) -> io::Result<Vec<Swept>> {
    Ok(Runs::named(prefix)?.reap(sweepers))
}

/// The runs of one backend in a state folder.
struct Runs {
    state_dir: PathBuf,
    prefix: LeasePrefix,
}

impl Runs {
    /// Those that an argument names.
    fn named(argument: &Path) -> io::Result<Self> {
        let wrong = |why: &str| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{} names no runs: {why}", argument.display()),
            )
        };
        let folder = argument.parent().ok_or_else(|| wrong("it is no path"))?;
        let state_dir = folder
            .parent()
            .filter(|state_dir| runs(state_dir) == folder && state_dir.is_absolute());
        let state_dir = state_dir.ok_or_else(|| wrong("it is not in the folder `runs` of a state folder"))?;
        let prefix = argument.file_name().and_then(OsStr::to_str).unwrap_or_default();
        let prefix = prefix
            .parse()
            .map_err(|_| wrong("what their names begin with is PROCESS-START-NUMBER-"))?;
        Ok(Self {
            state_dir: state_dir.to_owned(),
            prefix,
        })
    }

    fn reap(&self, sweepers: Sweepers<'_>) -> Vec<Swept> {
        // One that is not this user's, or not there, has none of its runs.
        let Ok(found) = OwnRun::all(&self.state_dir) else {
            return Vec::new();
        };
        let own = found.into_iter().filter(|(id, _)| self.prefix.is_of(id));
        own.filter_map(|(_, run)| match run {
            Ok(run) => Some(run?.clean(false, sweepers)),
            Err(swept) => Some(swept),
        })
        .collect()
    }
}
