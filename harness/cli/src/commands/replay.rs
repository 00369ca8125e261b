//! `meshkat replay`: a run once more, as it was seen live.

use std::{io::IsTerminal as _, time::Duration};

use meshkat_report::{ReportError, ReportOptions, Reporters, Terminal, read_events};
use tokio::time::{Instant, sleep_until};

use crate::{
    args::{Color, Pace, ReplayArgs},
    exit::{Exit, INTERRUPTED},
    load,
    reports::Reports,
    signals,
};

/// Between two events: a run in which nothing happens for longer is no more to look at.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

#[expect(clippy::disallowed_methods, reason = "nothing is written to it")]
pub(crate) async fn run(args: ReplayArgs, color: Color) -> Result<(), Exit> {
    let dir = match args.dir {
        Some(dir) => dir,
        None => Reports::new(&load::project()?, None).last()?,
    };
    let usage = |error: ReportError| Exit::usage(error.to_string()).maybe_help(error.help().map(str::to_owned));
    let log = read_events(&dir).map_err(usage)?;
    let is_seen = std::io::stderr().is_terminal();
    let pace = args
        .speed
        .unwrap_or(if is_seen { Pace::AS_IT_WAS } else { Pace::AtOnce });
    let cancel = signals::cancel_on_signal()?;
    // The folder of the files that it tells of.
    let folder = if dir.is_dir() {
        dir
    } else {
        dir.parent().unwrap_or(&dir).to_owned()
    };
    let mut reporters = Reporters::new();
    reporters.add(Terminal::stderr(&ReportOptions {
        dir: folder,
        color: color.of_report(),
        progress: pace != Pace::AtOnce,
    }));
    let mut shown_at = Instant::now();
    let mut before = 0;
    for logged in &log {
        let since = logged.at_ms.saturating_sub(before);
        before = logged.at_ms;
        if let Some(pause) = pace.after(Duration::from_millis(since)) {
            shown_at += pause.min(LONGEST_PAUSE);
            // A run that was takes as long as it took; nothing is waited for that could come sooner.
            tokio::select! {
                biased;
                () = cancel.cancelled() => return Err(Exit::silent(INTERRUPTED)),
                () = sleep_until(shown_at) => {}
            }
        }
        reporters.logged(logged);
    }
    reporters.finish().map_err(|error| Exit::environment(error.to_string()))
}
