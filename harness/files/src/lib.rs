//! Reading and writing files where somebody else may have put links, pipes or files before.
//!
//! A checkout holds what a stranger committed, and a shared folder what another user made. So what meshkat writes replaces
//! a link and is never written through it, temporary files have names that nobody can guess, and what it reads is a regular
//! file of a size that is known to be bearable. Every writer of the harness is one of these functions.
//!
//! | to | there is |
//! |---|---|
//! | write a whole file | [`write`], [`write_private`] |
//! | write a file bit by bit | [`create`], [`append`] |
//! | hold a lock | [`open_lock`] |
//! | make a folder that nobody else sees | [`private_folder`] |
//! | make a folder below one that is trusted, through no link | [`folder_below`] |
//! | know that a path leads out of no folder | [`stays_in`] |
//! | read a file of strangers | [`read`], [`read_to_string`] |
//! | read a file in a folder of strangers, or how it begins | [`read_own`], [`head`] |

mod folder;
mod read;
mod write;

pub use folder::{folder_below, private_folder, stays_in};
pub use read::{head, read, read_own, read_to_string};
pub use write::{append, create, open_lock, write, write_private};
