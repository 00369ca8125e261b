//! Where something was written, and how to tell a person that it is wrong.

mod diagnostic;
mod excerpt;
mod letters;
mod text;

pub use self::{
    diagnostic::Diagnostic,
    text::{Place, Source},
};

#[cfg(test)]
mod tests;
