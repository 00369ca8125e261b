//! Covering arrays, held to an independent check of what they promise.

mod bounds;
mod check;
mod files;
mod parts;
mod problem;
mod properties;
mod sizes;
