//! What meshkat is told and what it says: scenarios, cases, observations, verdicts, events, results.
//!
//! Pure: no network, no clock. The one thing read from outside are the files of a [`project`].

pub mod axis;
pub mod capability;
pub mod case;
pub mod certificates;
pub mod combine;
pub mod culprit;
pub mod event;
pub mod expression;
pub mod filled;
pub mod flakes;
pub mod grpc;
pub mod host;
pub mod invariant;
pub mod limits;
mod loaded;
pub mod machine;
pub mod mesh;
pub mod mesh_file;
pub mod network;
pub mod observation;
pub mod outcome;
pub mod planned;
pub mod program;
pub mod project;
pub mod results;
pub mod round;
pub mod scenario;
pub mod shorten;
pub mod source;
pub mod statistics;
pub mod suggest;
pub mod times;
pub mod verdict;
pub mod yaml;
