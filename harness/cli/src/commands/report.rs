//! `meshkat report merge`: one report of several.

use meshkat_model::event::{Event, Logged};
use meshkat_plan::culprit;
use meshkat_report::{Record, ReportError, Reporters, events_of, read_events, replay_log};

use crate::{args::ReportCommand, exit::Exit, output::say, reports};

pub(crate) fn run(command: ReportCommand) -> Result<(), Exit> {
    let ReportCommand::Merge { dirs, report_dir } = command;
    let report_dir = report_dir.unwrap_or_else(reports::merged);
    let usage = |error: ReportError| Exit::usage(error.to_string()).maybe_help(error.help().map(str::to_owned));
    let mut reports = Vec::new();
    for dir in &dirs {
        reports.extend(Record::of(&read_events(dir).map_err(usage)?).results());
    }
    let mut events = events_of(&dirs).map_err(usage)?;
    // What each of them found out by itself is put together.
    events.retain(|logged| !matches!(logged.event, Event::Culprit { .. }));
    let culprits = culprit::of_results(&Record::of(&events).cases, &reports);
    // The run's end is told last.
    let end = events.len().saturating_sub(1);
    let at_ms = events.last().map_or(0, |logged| logged.at_ms);
    let culprits = culprits.into_iter().map(|culprit| Logged {
        schema: None,
        at_ms,
        event: Event::Culprit {
            culprit: Box::new(culprit),
        },
    });
    events.splice(end..end, culprits);
    let mut reporters = Reporters::for_files(&report_dir).map_err(|error| Exit::report(&error))?;
    replay_log(&events, &mut reporters).map_err(|error| Exit::environment(error.to_string()))?;
    say(&format!("the merged report is in {}", report_dir.display()));
    Ok(())
}
