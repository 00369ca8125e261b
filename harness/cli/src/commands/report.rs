//! `meshkat report merge`: one report of several.

use meshkat_model::{event::Event, results::CaseResult};
use meshkat_plan::culprit;
use meshkat_report::{Reporters, events_of, read_results, replay};

use crate::{args::ReportCommand, exit::Exit, output::say, reports};

pub(crate) fn run(command: ReportCommand) -> Result<(), Exit> {
    let ReportCommand::Merge { dirs, report_dir } = command;
    let report_dir = report_dir.unwrap_or_else(reports::merged);
    let usage = |error: meshkat_report::ReportError| Exit::usage(error.to_string());
    let reports = dirs.iter().map(|dir| read_results(dir).map_err(usage));
    let reports: Vec<_> = reports.collect::<Result<_, _>>()?;
    let mut events = events_of(&dirs).map_err(usage)?;
    // What each of them found out by itself is put together.
    events.retain(|event| !matches!(event, Event::Culprit { .. }));
    let ended = events.iter().filter_map(|event| match event {
        Event::CaseFinished { case } => Some((**case).clone()),
        _ => None,
    });
    let culprits = culprit::of_results(&ended.collect::<Vec<CaseResult>>(), &reports);
    let culprits = culprits.into_iter().map(|culprit| Event::Culprit {
        culprit: Box::new(culprit),
    });
    // The run's end is told last.
    let end = events.len().saturating_sub(1);
    events.splice(end..end, culprits);
    let mut reporters = Reporters::for_files(&report_dir).map_err(|error| Exit::report(&error))?;
    replay(&events, &mut reporters).map_err(|error| Exit::environment(error.to_string()))?;
    say(&format!("the merged report is in {}", report_dir.display()));
    Ok(())
}
