//! What a run leaves on disk while it lives, and how that is cleaned up when it does not do so itself.

pub(crate) mod begun;
pub(crate) mod by_hand;
pub(crate) mod folder;
pub(crate) mod id;
pub(crate) mod identity;
pub(crate) mod ledger;
pub(crate) mod log;
pub(crate) mod owner;
pub(crate) mod reaper;
pub(crate) mod state;
pub(crate) mod sweep;
pub(crate) mod token;

pub use by_hand::note_by_hand;
pub use folder::{configuration_file, kept_folder, run_folder};
pub use id::{LeaseId, NotALease};
pub use identity::{ProcessIdentity, Proof, Signalled};
pub use ledger::{Ledger, LedgerPod, LedgerProcess, RuntimeName};
pub use log::LIMIT as LOG_LIMIT;
pub use owner::end;
pub use reaper::{reap, reaper_main};
pub use state::{check_state_dir, open_state_dir};
pub use sweep::{Found, Left, Removed, RuntimeSwept, Sweeper, Sweepers, Swept, live_runs, sweep, sweep_runtime};
pub use token::{authorization_file, read_authorization};
