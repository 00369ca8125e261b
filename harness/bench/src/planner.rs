//! What it gains that cases share meshes: the same cases each on a mesh of its own, and as they are planned.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

use meshkat_model::results::Results;
use tempfile::TempDir;

use crate::{Error, statistics::Spread};

/// Cases of all kinds: they look, they have an impact that is repaired, and some must have their mesh alone.
const CASES: [&str; 4] = ["eds/answers", "eds/back", "routing", "edge"];
const FEW: [&str; 1] = ["eds/answers[xds=ads*"];
/// Two, so that a plan that left a long mesh for the end would show.
const JOBS: &str = "2";

/// What one run took.
struct Run {
    seconds: f64,
    /// What the cases took taken together, in seconds: no plan changes that.
    cases: f64,
    /// `30 cases: 30 passed in …`.
    line: String,
}

/// Measures so many pairs in this runtime and gives the report.
///
/// # Errors
/// A run that did not pass: its time says nothing.
pub(crate) fn measure(bin: &Path, runtime: &str, pairs: usize, quick: bool) -> Result<String, Error> {
    let bin = bin
        .canonicalize()
        .map_err(|error| format!("{}: {error}; build first: cargo build --release", bin.display()))?;
    let select: &[&str] = if quick { &FEW } else { &CASES };
    let report = TempDir::new()?;
    let mut both = Vec::new();
    for _ in 0..pairs {
        both.push((
            run(&bin, runtime, select, "never", report.path())?,
            run(&bin, runtime, select, "repaired", report.path())?,
        ));
    }
    let s = |times: Spread| format!("{:6.1} s   ({:.1} to {:.1})", times.median, times.min, times.max);
    let around = |run: &Run| run.seconds * 2.0 - run.cases;
    let ratio = Spread::of(both.iter().map(|(own, shared)| shared.seconds / own.seconds));
    let rest = Spread::of(both.iter().map(|(own, shared)| around(shared) / around(own)));
    let lines = both
        .last()
        .map(|(own, shared)| format!("  {}\n  {}\n", own.line, shared.line));
    Ok(format!(
        "{}, runtime {runtime}, {JOBS} jobs, {pairs} pairs: median (range)\n\
         \x20 each on its own mesh    {}\n\
         \x20 as planned              {}\n\
         \x20 ratio                   {:6.2}     ({:.2} to {:.2})\n\
         \x20 of what is not cases    {:6.2}     ({:.2} to {:.2})   starts, repairs and ends of meshes\n{}",
        select.join(" "),
        s(Spread::of(both.iter().map(|(own, _)| own.seconds))),
        s(Spread::of(both.iter().map(|(_, shared)| shared.seconds))),
        ratio.median,
        ratio.min,
        ratio.max,
        rest.median,
        rest.min,
        rest.max,
        lines.unwrap_or_default(),
    ))
}

fn run(bin: &Path, runtime: &str, select: &[&str], share: &str, report: &Path) -> Result<Run, Error> {
    let start = Instant::now();
    let output = Command::new(bin.join("meshkat"))
        .args([
            "run",
            "--runtime",
            runtime,
            "--jobs",
            JOBS,
            "--share",
            share,
            "--culprit-within",
            "0",
            "--report-dir",
        ])
        .arg(report)
        .args(select)
        .stdin(Stdio::null())
        .output()?;
    let seconds = start.elapsed().as_secs_f64();
    let told = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("the run with --share {share} did not pass:\n{told}").into());
    }
    let results: Results = serde_json::from_str(&fs::read_to_string(report.join("results.json"))?)?;
    let ms: u64 = results.cases.iter().map(|case| case.duration_ms).sum();
    Ok(Run {
        seconds,
        cases: ms as f64 / 1000.0,
        line: told.lines().last().unwrap_or_default().to_owned(),
    })
}
