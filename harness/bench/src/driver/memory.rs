//! What a long load takes of memory: it does not grow with its time.

use std::time::Duration;

use meshkat_driver::{Client, Load, Pace, Schedule};
use meshkat_model::scenario::value::Protocol;

use super::{edge::Edge, request};
use crate::{Error, table, usage};

/// Requests a second.
const RATE: f64 = 2000.0;

/// So often the memory is looked at.
const LOOKS: u32 = 8;

/// Sends for so long, and tells what this process has each eighth of it.
pub(super) async fn measure(edge: &Edge, time: Duration) -> Result<String, Error> {
    let pace = Pace::Open(Schedule::constant(RATE));
    let load = Load::start(
        &Client::new(),
        vec![request(edge.address, Protocol::Http1, None)?],
        pace,
    );
    let mut rows = Vec::new();
    for look in 1..=LOOKS {
        tokio::time::sleep_until((load.started() + time * look / LOOKS).into()).await;
        let memory = usage::private_memory(std::process::id())?;
        rows.push([
            format!("after {:.0?}", time * look / LOOKS),
            format!("{:.1}", memory as f64 / f64::from(1 << 20)),
            load.requests().to_string(),
        ]);
    }
    let window = load.window(Duration::ZERO, time).await;
    Load::end_all([&load]).await;
    let late = format!(
        "{} of {} requests had errors, and {} were sent late: each that is open takes some KB",
        window.errors, window.requests, window.late
    );
    let title = format!("memory of this process during an open loop at {RATE}/s for {time:?}, in MiB");
    let goal = "goal: flat from the second look on, when ten seconds are kept one by one";
    Ok(table::render(&title, ["", "memory", "requests"], rows, &[goal, &late]))
}
