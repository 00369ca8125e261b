//! Reports of a run, each made from its [events](meshkat_model::event) alone: terminal, JSON, JUnit, Markdown, HTML, and
//! a folder for each case that did not pass.
//!
//! What is [printed], and what reports are written from, is fit for others to see: see there and [`Secrets`].
//!
//! Whether the events come from a run that goes on, from a list or from the log of a run makes no difference: [`replay`] and
//! [`replay_log`] write the same files.

mod bundle;
mod bundle_path;
mod culprit;
mod documents;
mod earlier;
mod error;
mod event_log;
mod explain;
mod folder;
mod html;
mod json;
mod junit;
mod loads;
mod markdown;
mod merge;
mod options;
mod place;
pub mod printed;
mod record;
mod reporter;
mod reporters;
mod runs;
mod secrets;
mod terminal;
mod text;
mod times;

pub use bundle::Bundles;
pub use bundle_path::bundle_folder;
pub use documents::Documents;
pub use error::ReportError;
pub use event_log::read_events;
pub use json::{Json, read_results};
pub use merge::events_of;
pub use options::{ColorChoice, ReportOptions, UnknownColorChoice};
pub use record::{Record, ScenarioCount};
pub use reporter::Reporter;
pub use reporters::{Reporters, replay, replay_log};
pub use runs::{KEPT, Runs};
pub use secrets::Secrets;
pub use terminal::{Look, Terminal};
pub use text::{time, visible};
pub use times::{TimesFile, read_times};
