//! Requests and loads against servers that do what no good server does.

mod answers;
mod loads;
mod servers;
mod wire;
