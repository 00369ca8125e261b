//! Expectations held against what was seen: pure, with expected, actual, and the line that asked.

mod answer;
mod checks;
mod envoy;
mod split;
mod stats;
mod unmet;
mod window;

pub use answer::{answer, response, took_part};
pub use checks::{Check, Surroundings, expressions};
pub use envoy::envoy;
pub use unmet::Unmet;
pub use window::window;

#[cfg(test)]
mod tests;
