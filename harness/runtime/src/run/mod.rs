//! What a run leaves on disk while it lives, and how that is cleaned up when it does not do so itself.

pub(crate) mod begun;
pub(crate) mod by_hand;
pub(crate) mod folder;
pub(crate) mod id;
mod identity;
pub(crate) mod ledger;
mod log;
pub(crate) mod owner;
#[cfg(target_os = "linux")]
mod proc;
mod proof;
#[cfg(not(target_os = "linux"))]
mod ps;
mod reaper;
pub(crate) mod state;
mod sweep;
pub(crate) mod token;

pub use begun::Begun;
pub use by_hand::note_by_hand;
pub use folder::{
    RunFolder, absolute, certificates, configuration_file, kept_folder, log_file, program_folder, resources,
    run_folder, sds_state, try_lock,
};
pub use id::{LeaseId, NotALease};
pub use identity::{ProcessIdentity, Signalled};
pub use ledger::{Ledger, LedgerFile, LedgerPod, LedgerProcess, RuntimeName};
pub use log::{BoundedLog, LIMIT as LOG_LIMIT, LogKeeper, since, tail};
pub use owner::{Owner, end};
pub use proof::Proof;
pub use reaper::{reap, reaper_main};
pub use state::{STATE_DIR, check_state_dir, default_state_dir, open_state_dir};
pub use sweep::{Found, Left, Removed, RuntimeSwept, Sweeper, Sweepers, Swept, live_runs, sweep, sweep_runtime};
pub use token::{TOKEN, Token, authorization_file, read_authorization};
