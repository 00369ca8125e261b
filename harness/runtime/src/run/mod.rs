//! What a run leaves on disk while it lives, and how that is cleaned up when it does not do so itself.

pub(crate) mod folder;
pub(crate) mod identity;
pub(crate) mod ledger;
pub(crate) mod log;
pub(crate) mod owner;
pub(crate) mod reaper;
pub(crate) mod sweep;

pub use folder::{configuration_file, kept_folder, log_tail, run_folder};
pub use identity::ProcessIdentity;
pub use ledger::{Ledger, LedgerPod, LedgerProcess, RuntimeName};
pub use reaper::{reap, reaper_main};
pub use sweep::{Swept, live_runs, sweep, sweep_docker};
