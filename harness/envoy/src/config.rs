//! Envoy's configuration as data: read, asked, changed by overlays, rebound to a pod, written back, validated. No text
//! templates.

mod bootstrap;
mod discovery;
mod error;
mod harmless;
mod lint;
mod overlay;
mod path;
mod place;
mod query;
mod readable;
mod rebind;
mod said;
mod select;
mod state;
mod validate;
mod value;
mod yaml;

pub use bootstrap::Bootstrap;
pub use error::{ConfigError, ValidateError};
pub use lint::{Diagnostic, lint, lint_overlay};
pub use overlay::Overlay;
pub use path::DocPath;
pub use query::{EdsCluster, Listener};
pub use rebind::Rebind;
pub use validate::Validator;
