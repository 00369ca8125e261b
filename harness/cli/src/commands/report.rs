//! `meshkat report merge`: one report of several.

use meshkat_report::{Reporters, events_of, replay};

use crate::{args::ReportCommand, exit::Exit, output::say};

pub(crate) fn run(command: ReportCommand) -> Result<(), Exit> {
    let ReportCommand::Merge { dirs, report_dir } = command;
    let events = events_of(&dirs).map_err(|error| Exit::usage(error.to_string()))?;
    let mut reporters = Reporters::for_files(&report_dir).map_err(|error| Exit::environment(error.to_string()))?;
    replay(&events, &mut reporters).map_err(|error| Exit::environment(error.to_string()))?;
    say(&format!("the merged report is in {}", report_dir.display()));
    Ok(())
}
