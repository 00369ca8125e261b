//! Expectations beyond the shorthand: CEL, the language that Envoy and Kubernetes use.

mod budget;
mod compiled;
mod foregone;
pub mod formula;
mod meter;
mod names;
mod problem;
mod refers;
mod value;
mod words;

pub use self::{
    budget::{Budget, MOST_STEPS, MOST_STEPS_TOGETHER},
    compiled::{Expression, Unheld},
    foregone::Foregone,
    names::Known,
    problem::Problem,
    refers::Refers,
    value::Variables,
};

#[cfg(test)]
mod tests;
