//! Expectations held against what was seen: pure, with expected, actual, and the line that asked.

mod answer;
mod checks;
mod disturbance;
mod envoy;
mod logged;
mod received;
mod split;
mod stats;
mod unmet;
mod window;

pub use answer::{answer, response, response_undecided, took_part};
pub use checks::{Check, Surroundings, expressions};
pub use disturbance::{Disturbance, Queue, Undecided, unseen};
pub use envoy::envoy;
pub use logged::logged;
pub use received::received;
pub use unmet::Unmet;
pub use window::{window, window_may_be_of_limits, window_undecided};

#[cfg(test)]
mod tests;
