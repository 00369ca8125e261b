//! What proves that a process is ours.

use std::path::Path;

use super::id::LeaseId;

/// How a process is known to be ours. What a file says of it proves nothing: whoever can write a ledger can write any number
/// and any start into it. So the kernel is asked about the process itself.
#[derive(Debug, Clone, Copy)]
pub enum Proof<'a> {
    /// This process has started it.
    Child,
    /// A process of this run: it was given the run's name in its environment when it was started.
    Member(&'a LeaseId),
    /// The owner of the run with this folder: it has the folder's lock open.
    Owner(&'a Path),
}
