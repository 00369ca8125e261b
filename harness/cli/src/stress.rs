//! Threads that are kept busy beside a run, so that what only holds on a quiet machine is found.

use std::{
    io::{self, Read as _},
    os::unix::process::CommandExt as _,
    process::{Child, Command, Stdio},
};

use crate::{
    backend::own_path,
    exit::{Exit, count},
};

/// What the process with the threads says when they are busy.
pub(crate) const READY: u8 = b'.';

/// A process whose threads are busy until this is dropped, or this process ends, in whatever way: it reads from a pipe of which this
/// process alone holds the other end.
pub(crate) struct Stress {
    process: Child,
}

impl Stress {
    /// Starts it, and waits until it is busy.
    ///
    /// # Errors
    /// The process does not start.
    pub(crate) fn start(threads: u16) -> Result<Self, Exit> {
        let mut command = Command::new(own_path()?);
        command
            .args(["busy", &threads.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // A terminal's Ctrl-C is for the run, which goes on until all is given back.
            .process_group(0);
        let failed = |error: io::Error| {
            let threads = count(usize::from(threads), "thread");
            Exit::environment(format!("failed to keep {threads} busy: {error}"))
        };
        let process = command.spawn().map_err(failed)?;
        let mut stress = Self { process };
        let mut said = [0];
        let out = stress.process.stdout.as_mut();
        out.map_or(Ok(()), |out| out.read_exact(&mut said)).map_err(failed)?;
        Ok(stress)
    }

    /// Whether it has ended by itself: then the machine is no longer as busy as the report says.
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.process.try_wait(), Ok(None))
    }
}

impl Drop for Stress {
    fn drop(&mut self) {
        // Whoever has ended already cannot be killed, and is only waited for.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
