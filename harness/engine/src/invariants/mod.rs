//! What must hold of a mesh after every case: a file for each invariant, which judges what was seen before and after. What is seen is
//! [`Seen`]'s; that a case breaks one on purpose is said by its steps, or by its `allows`.

mod breach;
mod crash;
mod error_log;
mod growth;
mod hang;
mod judge;
mod miscount;
mod nack;
mod panic;

pub(crate) use judge::judge;

#[cfg(test)]
mod tests;
