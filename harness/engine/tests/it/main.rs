//! The engine on a backend in which nothing runs: servers of the test answer for the pods.

mod changes;
mod crashes;
mod culprit;
mod envoys;
mod events;
mod evidence;
mod hints;
mod hostile;
mod invariants;
mod loads;
mod network;
mod order;
mod programs;
mod ran;
mod ready;
mod repairs;
mod requests;
mod retries;
mod rounds;
mod scaled;
mod servers;
mod skipped;
mod splits;
mod stopping;
mod world;
