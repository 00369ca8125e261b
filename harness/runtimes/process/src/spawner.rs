//! The one thread that starts every process of every mesh.
//!
//! On Linux a child can ask to be killed when its parent dies, but "parent" means the thread that forked it. A thread of
//! an async runtime may end long before its program does, so all children are forked from a thread that lives as long
//! as any mesh. As it does one job after the other, it is also where the order of starts is kept.

use std::io;
use std::os::fd::AsFd;
use std::process::Stdio;
use std::sync::{Arc, mpsc};

use meshkat_runtime::RuntimeError;
use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::block::Block;

type Job = Box<dyn FnOnce() + Send>;

/// A handle to the thread. The thread ends when the last handle is gone, and every child with it.
#[derive(Debug, Clone)]
pub(crate) struct Spawner {
    jobs: mpsc::Sender<Job>,
}

impl Spawner {
    /// Starts the thread.
    pub(crate) fn start() -> Result<Self, RuntimeError> {
        let (jobs, todo) = mpsc::channel::<Job>();
        std::thread::Builder::new()
            .name("spawner".to_owned())
            .spawn(move || todo.into_iter().for_each(|job| job()))
            .map_err(|error| RuntimeError::caused("failed to start the thread that starts processes", error))?;
        Ok(Self { jobs })
    }

    /// Does a job on the thread, after all that were handed in before, within the caller's async runtime. The job is
    /// done to its end even when nobody waits for it any more.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, RuntimeError> {
        let gone = || RuntimeError::other("the thread that starts processes has ended");
        let runtime = Handle::current();
        let (answer, answered) = oneshot::channel();
        let job = Box::new(move || {
            let _inside = runtime.enter();
            // Nobody waiting is no reason to fail: what was started is watched all the same.
            let _ = answer.send(job());
        });
        self.jobs.send(job).map_err(|_| gone())?;
        answered.await.map_err(|_| gone())
    }
}

/// Starts a program as a process of a mesh: it dies with this process, has its own process group, so that a terminal's
/// Ctrl-C does not reach it, and holds the mesh's block of addresses.
///
/// Only for the spawner's thread.
pub(crate) fn spawn(mut command: Command, block: &Arc<Block>) -> io::Result<Child> {
    command.stdin(Stdio::null()).kill_on_drop(true).process_group(0);
    let parent = rustix::process::getpid();
    let block = Arc::clone(block);
    let in_child = move || {
        die_with(parent)?;
        // Everything of Rust's is closed on exec; the block's socket is to stay open.
        rustix::io::fcntl_setfd(block.socket().as_fd(), rustix::io::FdFlags::empty())?;
        Ok(())
    };
    // The standard library itself clears the mask of blocked signals in the child.
    #[expect(unsafe_code, reason = "there is no safe way to act between fork and exec")]
    // SAFETY: between fork and exec only async-signal-safe calls are allowed. The closure makes prctl, getppid and fcntl
    // system calls, takes no lock and allocates nothing: its errors are plain numbers.
    unsafe {
        command.pre_exec(in_child);
    }
    command.spawn()
}

/// Asks the kernel to kill this process when the thread that forked it is gone.
#[cfg(target_os = "linux")]
fn die_with(parent: rustix::process::Pid) -> io::Result<()> {
    use rustix::io::Errno;
    use rustix::process::{Signal, getppid, set_parent_process_death_signal};

    set_parent_process_death_signal(Some(Signal::KILL))?;
    // A parent that was gone before that call sends no signal any more.
    if getppid() == Some(parent) {
        Ok(())
    } else {
        Err(Errno::SRCH.into())
    }
}

/// Other systems know no such thing: there the reaper ends what is left.
#[cfg(not(target_os = "linux"))]
fn die_with(_parent: rustix::process::Pid) -> io::Result<()> {
    Ok(())
}
