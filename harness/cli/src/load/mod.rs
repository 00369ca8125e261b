//! From the files of a project to the cases that were asked for.

mod cases;
mod causes;
mod invalid;
mod overlays;
mod project;
mod scenario;
mod selection;
mod wanted;

pub(crate) use cases::{Loaded, cases};
pub(crate) use invalid::invalid;
pub(crate) use overlays::check_overlays;
pub(crate) use project::{cannot_read, meshes, project};
pub(crate) use scenario::scenario_cases;
pub(crate) use selection::{select_from, selected};
pub(crate) use wanted::Wanted;
