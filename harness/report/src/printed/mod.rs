//! What a terminal, a log or a CI server gets to see. All that the program prints goes through here.
//!
//! Three things are done to it, always: secrets are taken out, what a terminal would obey is made visible, and what a CI server
//! would take for a command gets a backslash into it. None of it depends on where the program thinks that it runs: not every
//! CI tells, and logs are passed on.

mod commands;
mod lines;
mod style;
mod texts;

pub(crate) use commands::harmless;
pub use lines::Lines;
pub use texts::{json, plain, styled};

#[cfg(test)]
mod tests;
