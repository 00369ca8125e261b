//! `meshkat busy`: what a run with `--stress` starts beside itself.

use std::{
    io::{self, Write as _},
    process::ExitCode,
    thread,
};

#[cfg(target_os = "linux")]
use rustix::process::{Signal, set_parent_process_death_signal};

use crate::stress::READY;

/// Keeps so many threads busy until standard input ends: the run alone holds its other end, and so has ended then, in whatever way.
pub(crate) fn run(threads: u16) -> ExitCode {
    match begin(threads).and_then(|()| io::copy(&mut io::stdin(), &mut io::sink())) {
        // The threads end with the process.
        Ok(_) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "it is read by the run that started this, and by nobody else"
)]
fn begin(threads: u16) -> io::Result<()> {
    // One that is stopped reads nothing, and this ends it all the same.
    #[cfg(target_os = "linux")]
    set_parent_process_death_signal(Some(Signal::KILL))?;
    for _ in 0..threads {
        thread::Builder::new().spawn(|| {
            loop {
                std::hint::spin_loop();
            }
        })?;
    }
    io::stdout().write_all(&[READY])?;
    io::stdout().flush()
}
