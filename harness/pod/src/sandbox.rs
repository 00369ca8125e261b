//! The first process of the sandbox container.

use std::io;

use rustix::process::{WaitOptions, wait};
use signal_hook::{
    consts::{SIGCHLD, SIGINT, SIGTERM},
    iterator::Signals,
};

/// Returns when SIGTERM or SIGINT came. Until then reaps every child that ends: as the first process of its namespace it
/// inherits the orphans of what was started with `docker exec`.
///
/// # Errors
/// The signals cannot be listened to.
pub(crate) fn run() -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGCHLD])?;
    // Those that ended before anybody listened.
    reap();
    for signal in signals.forever() {
        if signal != SIGCHLD {
            break;
        }
        reap();
    }
    Ok(())
}

/// Reaps all children that have ended: several ends may come as one signal.
fn reap() {
    // An error is that there is no child.
    while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
}
