//! Covering arrays, held to an independent check of what they promise.

mod check;
mod files;
mod parts;
mod properties;
mod sizes;
