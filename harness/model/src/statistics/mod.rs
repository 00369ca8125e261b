//! How sure a judgement of shares is: exact binomial tails, so that a promise such as "90 of 100 go to v1" is neither
//! broken by chance nor kept by too few requests.
//!
//! Two classes are one binomial number. More classes are as many, each exactly binomial by itself, and the union bound
//! (Bonferroni) holds the false alarms of all of them together under what was asked for, whatever their dependence.

mod binomial;
mod shares;
#[cfg(test)]
mod tests;

pub use binomial::{at_least, at_most};
pub use shares::{Region, Strictness, Test, needed};
