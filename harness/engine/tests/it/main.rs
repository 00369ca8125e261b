//! The engine on a backend in which nothing runs: servers of the test answer for the pods.

mod changes;
mod crashes;
mod envoys;
mod events;
mod evidence;
mod loads;
mod order;
mod ran;
mod requests;
mod retries;
mod servers;
mod stopping;
mod world;
