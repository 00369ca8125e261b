//! Why some cases of a scenario fail and others do not: which values of the axes the failures have in common, and which
//! case to run next to know better. Pure; what is run and for how long is the caller's.
//!
//! The question is that of combinatorial fault location: each failure has all values of a cause, no passing case has.
//! Among the sets of causes that fit, the ones that name the fewest values are taken (compare Nie and Leung, *The Minimal
//! Failure-Causing Schema of Combinatorial Testing*, ACM TOSEM 20(4), 2011). Further cases differ from what the failures
//! share in one value, so that each either proves the value needed or takes it out.

mod explain;
mod merged;
mod next;
mod study;
mod table;
mod tell;
#[cfg(test)]
mod tests;

pub use merged::of_results;
pub use study::{Conclusion, Study};
