//! Reports of a run, each made from its [events](meshkat_model::event) alone: terminal, JSON, JUnit, Markdown, HTML, and
//! a folder for each case that did not pass.
//!
//! Whether the events come from a run that goes on or from a list makes no difference: [`replay`] writes the same files.

mod bundle;
mod culprit;
mod documents;
mod error;
mod explain;
mod folder;
mod html;
mod json;
mod junit;
mod markdown;
mod merge;
mod options;
mod record;
mod reporter;
mod terminal;
mod text;
mod times;

pub use bundle::{Bundles, bundle_folder};
pub use documents::Documents;
pub use error::ReportError;
pub use json::{Json, read_results};
pub use merge::events_of;
pub use options::{ColorChoice, ReportOptions, UnknownColorChoice};
pub use record::{Record, ScenarioCount};
pub use reporter::{Reporter, Reporters, replay};
pub use terminal::{Look, Terminal};
pub use text::time;
pub use times::{TimesFile, read_times};
