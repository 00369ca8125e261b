//! Reports as a whole, held to runs whose outcome is known.

mod files;
mod links;
mod live;
mod model;
mod properties;
mod reports;
mod runs;
mod secrets;
