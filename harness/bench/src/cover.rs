//! Covering arrays: how many rows, and how long they take, beside the published table and allpairspy on the same machine.

use std::{
    collections::BTreeMap,
    process::Command,
    time::{Duration, Instant},
};

use meshkat_cover::{Effort, Problem, cover};

use crate::{Error, table};

/// A problem: its name, how many axes have how many levels, the strength, and of pairwise.org's table PICT's size and the best
/// size of any tool.
struct Entry {
    name: &'static str,
    axes: &'static [(usize, usize)],
    ways: usize,
    published: Option<(usize, usize)>,
}

/// The columns of the table on pairwise.org, and what it has not.
const ENTRIES: [Entry; 11] = [
    entry("3⁴", &[(3, 4)], 2, Some((9, 9))),
    entry("3¹³", &[(3, 13)], 2, Some((18, 15))),
    entry("4¹⁵3¹⁷2²⁹", &[(4, 15), (3, 17), (2, 29)], 2, Some((37, 28))),
    entry("4¹3³⁹2³⁵", &[(4, 1), (3, 39), (2, 35)], 2, Some((27, 20))),
    entry("2¹⁰⁰", &[(2, 100)], 2, Some((15, 10))),
    entry("10²⁰", &[(10, 20)], 2, Some((210, 181))),
    entry("4¹⁰⁰", &[(4, 100)], 2, None),
    entry("3⁴, t=3", &[(3, 4)], 3, None),
    entry("4²3²2², t=3", &[(4, 2), (3, 2), (2, 2)], 3, None),
    entry("5⁶, t=3", &[(5, 6)], 3, None),
    entry("2¹⁰, t=4", &[(2, 10)], 4, None),
];

const fn entry(
    name: &'static str,
    axes: &'static [(usize, usize)],
    ways: usize,
    published: Option<(usize, usize)>,
) -> Entry {
    Entry {
        name,
        axes,
        ways,
        published,
    }
}

impl Entry {
    fn sizes(&self) -> Vec<usize> {
        let each = self.axes.iter();
        each.flat_map(|(levels, axes)| std::iter::repeat_n(*levels, *axes))
            .collect()
    }

    fn rows(&self, effort: Effort) -> Result<(usize, Duration), Error> {
        let problem = Problem::uniform(&self.sizes(), self.ways);
        let started = Instant::now();
        let rows = cover(&problem, effort, 0).map_err(|failure| format!("{}: {failure:?}", self.name))?;
        Ok((rows.len(), started.elapsed()))
    }
}

/// Every entry with both efforts; quick: two of them with one, and without allpairspy.
pub(crate) fn measure(quick: bool) -> Result<String, Error> {
    let entries = &ENTRIES[..if quick { 2 } else { ENTRIES.len() }];
    let other = match quick {
        true => Err("not asked in a quick run".to_owned()),
        false => allpairspy(entries),
    };
    let mut rows = Vec::new();
    for entry in entries {
        let (default, took) = entry.rows(Effort::Default)?;
        let high = if quick { None } else { Some(entry.rows(Effort::High)?) };
        let there = |figure: Option<String>| figure.unwrap_or_else(|| "-".to_owned());
        let other = other.as_ref().ok().and_then(|other| other.get(entry.name));
        rows.push([
            entry.name.to_owned(),
            default.to_string(),
            seconds(took),
            there(high.map(|(rows, _)| rows.to_string())),
            there(high.map(|(_, took)| seconds(took))),
            there(entry.published.map(|(pict, _)| pict.to_string())),
            there(entry.published.map(|(_, best)| best.to_string())),
            there(other.map(|(rows, _)| rows.to_string())),
            there(other.map(|(_, took)| seconds(*took))),
        ]);
    }
    let header = [
        "problem",
        "default",
        "time",
        "high",
        "time",
        "PICT",
        "best published",
        "allpairspy",
        "time",
    ];
    let left_out = other.err().map(|why| format!("allpairspy is left out: {why}"));
    let mut notes =
        vec!["rows, fewer are better; PICT and the best of six tools as published on pairwise.org; t=2 by default"];
    notes.extend(left_out.as_deref());
    Ok(table::render("covering arrays", header, rows, &notes))
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

/// Rows and time of allpairspy for the problems of pairs, on this machine. It is fetched into a folder that goes away.
///
/// # Errors
/// Why it could not be asked.
fn allpairspy(entries: &[Entry]) -> Result<BTreeMap<String, (u64, Duration)>, String> {
    const SCRIPT: &str = "
import json, sys, time
from allpairspy import AllPairs
for name, sizes in json.load(open(sys.argv[1])):
    started = time.perf_counter()
    rows = sum(1 for _ in AllPairs([list(range(size)) for size in sizes]))
    print(json.dumps([name, rows, time.perf_counter() - started]), flush=True)
";
    let told = |error: std::io::Error| error.to_string();
    let folder = tempfile::tempdir().map_err(told)?;
    let fetched = Command::new("python3")
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--target",
        ])
        .arg(folder.path())
        .arg("allpairspy")
        .output()
        .map_err(|error| format!("no python3: {error}"))?;
    if !fetched.status.success() {
        return Err(format!("pip: {}", String::from_utf8_lossy(&fetched.stderr).trim()));
    }
    let pairs = entries.iter().filter(|entry| entry.ways == 2);
    let asked: Vec<(&str, Vec<usize>)> = pairs.map(|entry| (entry.name, entry.sizes())).collect();
    let problems = folder.path().join("problems.json");
    let text = serde_json::to_string(&asked).map_err(|error| error.to_string())?;
    std::fs::write(&problems, text).map_err(told)?;
    let ran = Command::new("python3")
        .args(["-c", SCRIPT])
        .arg(&problems)
        .env("PYTHONPATH", folder.path())
        .output()
        .map_err(told)?;
    if !ran.status.success() {
        return Err(String::from_utf8_lossy(&ran.stderr).trim().to_owned());
    }
    let lines = String::from_utf8_lossy(&ran.stdout).into_owned();
    let row = |line: &str| {
        let (name, rows, took): (String, u64, f64) = serde_json::from_str(line).ok()?;
        Some((name, (rows, Duration::from_secs_f64(took))))
    };
    Ok(lines.lines().filter_map(row).collect())
}
