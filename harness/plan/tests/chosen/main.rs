//! The cases that a coverage chooses of scenarios, held to the independent check that holds covering arrays to what they promise.

#[path = "../../../cover/tests/cover/check.rs"]
mod check;
#[path = "../../../cover/tests/cover/parts.rs"]
mod parts;
mod scenarios;
#[path = "../support/mod.rs"]
mod support;
