//! Envoy's binary: which versions there are, where one lies, and how one is fetched.

mod cache;
mod client;
mod error;
mod fetch;
mod github;
mod known;
mod locate;
mod program;
mod release;
mod remembered;
mod request;
mod task;
mod version;

pub use cache::{Cached, cached, list};
pub use error::{Attempt, EnvoyError};
pub use known::KnownHashes;
pub use locate::{Envoy, Source, fetch_again, known_release, locate};
pub use release::{Platform, known_versions};
pub use request::Request;
pub use version::{Version, VersionError};
