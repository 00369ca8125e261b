//! The same requests, each with what is expected of it: by the driver and what judges answers, and by `hurl`.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use meshkat_driver::Client;
use meshkat_model::{
    scenario::{
        value::{Json, Protocol, Statuses},
        verb::request::RequestStep,
    },
    source::Place,
    verdict::{self, Surroundings},
    yaml::At,
};
use serde_json::json;

use super::{
    edge::{BODY, Edge},
    find, request,
};
use crate::{Error, statistics::Spread, table};

/// What is promised: so many times as fast as hurl.
const GOAL: f64 = 3.0;

pub(super) async fn measure(edge: &Edge, number: usize, rounds: usize) -> Result<String, Error> {
    let hurl = find("hurl");
    let folder = tempfile::tempdir()?;
    let (all, one) = (folder.path().join("all.hurl"), folder.path().join("one.hurl"));
    fs::write(&all, entries(edge.address, number))?;
    fs::write(&one, entries(edge.address, 1))?;
    let (mut own, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        own.push(ours(edge.address, number).await?.as_secs_f64() * 1000.0);
        if let Some(hurl) = &hurl {
            // Without what it takes to begin.
            let took = run(hurl, &all)?.saturating_sub(run(hurl, &one)?);
            theirs.push(took.as_secs_f64() * 1000.0);
        }
    }
    let own = Spread::of(own);
    let told = |spread: &Spread| format!("{:.0} ({:.0} to {:.0})", spread.median, spread.min, spread.max);
    let mut rows = vec![["driver".to_owned(), told(&own), String::new()]];
    let mut notes = Vec::new();
    match theirs.is_empty() {
        true => notes.push("hurl (cargo install hurl) is not installed, and left out"),
        false => {
            let theirs = Spread::of(theirs);
            let times = format!("{:.1} times as fast (goal {GOAL})", theirs.median / own.median);
            rows.push(["hurl".to_owned(), told(&theirs), times]);
        }
    }
    let title =
        format!("{number} requests one after the other, each with a status, a header and JSON that is expected, in ms");
    Ok(table::render(&title, ["", "time (range)", ""], rows, &notes))
}

fn at<T>(value: T) -> At<T> {
    At {
        place: Place::default(),
        value,
    }
}

async fn ours(to: SocketAddr, number: usize) -> Result<Duration, Error> {
    let mut step = RequestStep::default();
    step.answer.status = Some(at(Statuses(vec![200])));
    step.answer.json = Some(at(Json(json!({"id": 1, "name": "Simurgh"}))));
    let header = at("content-type".to_owned());
    step.answer
        .response_headers
        .insert(header, Some("application/json".to_owned()));
    let (client, request) = (Client::new(), request(to, Protocol::Http1, None)?);
    let surroundings = Surroundings::default();
    let begun = Instant::now();
    for _ in 0..number {
        let response = client.send(&request).await;
        let checks = verdict::response(&step, &response, &surroundings);
        if checks.len() != 3 || checks.iter().any(|check| !check.passed) {
            return Err(format!("it did not hold: {checks:?}").into());
        }
    }
    Ok(begun.elapsed())
}

fn entries(to: SocketAddr, number: usize) -> String {
    debug_assert!(BODY.contains("Simurgh"), "it is what is expected");
    let entry = format!(
        "GET http://{to}/\nHTTP 200\ncontent-type: application/json\n[Asserts]\njsonpath \"$.id\" == 1\njsonpath \"$.name\" == \"Simurgh\"\n\n"
    );
    entry.repeat(number)
}

fn run(hurl: &PathBuf, file: &Path) -> Result<Duration, Error> {
    let begun = Instant::now();
    let output = Command::new(hurl)
        .arg("--test")
        .arg("--no-output")
        .arg(file)
        .stdin(Stdio::null())
        .output()?;
    if !output.status.success() {
        return Err(format!("hurl failed: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(begun.elapsed())
}
