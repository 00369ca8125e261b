//! Envoy's configuration as data: read, asked, changed by overlays, rebound to a pod, written back, validated. No text
//! templates.

mod address;
mod blame;
mod bootstrap;
mod discovery;
mod document;
mod error;
mod files;
mod fits;
mod harmless;
mod hosts;
mod kind;
mod lint;
mod logs;
mod naming;
mod node;
mod number;
mod overlay;
mod path;
mod place;
mod ports;
mod query;
mod readable;
mod rebind;
mod refused;
mod resources;
mod said;
mod select;
mod state;
mod unheard;
mod validate;
mod value;
mod written;
mod yaml;

pub use bootstrap::Bootstrap;
pub use error::{ConfigError, ValidateError};
pub use fits::MeshLint;
pub use hosts::{Found, Hosts};
pub use kind::{Document, kind_of};
pub use lint::{Diagnostic, Use, lint, lint_overlay, lint_resources};
pub use overlay::{Overlay, Wrong};
pub use path::DocPath;
pub use query::{EdsCluster, Listener, NamedEndpoint};
pub use rebind::{Rebind, Rebound};
pub use refused::Refusal;
pub use validate::Validator;
