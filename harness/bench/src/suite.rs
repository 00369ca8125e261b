//! Where the processor time of the pairwise suite goes, by program.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use meshkat_model::results::Results;
use tempfile::TempDir;

use crate::{Error, statistics::Spread, table};

/// Between two looks at all programs. What one does after the last look at it is not seen, and told as that.
const PAUSE: Duration = Duration::from_millis(50);
/// So long after its start a program is starting: an Envoy has read its configuration by then, and its mesh is ready.
const STARTING: Duration = Duration::from_millis(500);
/// The quick one: five cases of one kind.
const FEW: &str = "eds/answers[xds=ads*";

/// What a program has used, all its processes together.
#[derive(Debug, Clone, Default)]
struct Used {
    processes: usize,
    starting: Duration,
    rest: Duration,
    /// Of the largest of its processes, in KiB, at any time.
    memory: u64,
}

/// One run of the suite.
struct Run {
    wall: Duration,
    /// Of all programs that have ended, as the kernel counted it.
    total: Duration,
    by_program: BTreeMap<String, Used>,
    results: Results,
}

/// Measures the suite with these binaries, and with those of another state in turn, where there are some.
///
/// # Errors
/// A run that did not pass: it says nothing.
pub(crate) fn measure(bin: &Path, against: Option<&Path>, pairs: usize, quick: bool) -> Result<String, Error> {
    let mut runs = Vec::new();
    for _ in 0..pairs {
        let before = against.map(|bin| run(bin, quick)).transpose()?;
        runs.push((before, run(bin, quick)?));
    }
    let mut report = String::new();
    if let Some((_, last)) = runs.last() {
        report.push_str(&tell(last));
    }
    let ratio = |figure: fn(&Run) -> f64| {
        let ratios: Vec<f64> = runs
            .iter()
            .filter_map(|(before, after)| Some(figure(after) / figure(before.as_ref()?)))
            .collect();
        (!ratios.is_empty()).then(|| Spread::of(ratios))
    };
    for (name, spread) in [
        ("time", ratio(|run| run.wall.as_secs_f64())),
        ("processor time", ratio(|run| run.total.as_secs_f64())),
    ] {
        if let Some(Spread { median, min, max, .. }) = spread {
            report.push_str(&format!(
                "  {name} against the other state: {median:.2} ({min:.2} to {max:.2}, {pairs} pairs)\n"
            ));
        }
    }
    Ok(report)
}

fn run(bin: &Path, quick: bool) -> Result<Run, Error> {
    let bin = bin
        .canonicalize()
        .map_err(|error| format!("{}: {error}; build first: cargo build --release", bin.display()))?;
    let report = TempDir::new()?;
    let before = children();
    let start = Instant::now();
    let mut command = Command::new(bin.join("meshkat"));
    command.args(["run", "--coverage", "pairwise", "--culprit-within", "0", "--report-dir"]);
    command.arg(report.path()).env("MESHKAT_SERVICES", &bin);
    command.args(quick.then_some(FEW));
    let told = fs::File::create(report.path().join("told"))?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(told)
        .spawn()?;
    let mut seen: BTreeMap<u32, (String, Used)> = BTreeMap::new();
    let status = loop {
        look(child.id(), &mut seen);
        match child.try_wait()? {
            Some(status) => break status,
            None => thread::sleep(PAUSE),
        }
    };
    let wall = start.elapsed();
    if !status.success() {
        let told = fs::read_to_string(report.path().join("told"))?;
        return Err(format!("the suite did not pass:\n{told}").into());
    }
    let mut by_program: BTreeMap<String, Used> = BTreeMap::new();
    for (name, used) in seen.into_values() {
        let all = by_program.entry(name).or_default();
        all.processes += 1;
        all.starting += used.starting;
        all.rest += used.rest;
        all.memory = all.memory.max(used.memory);
    }
    Ok(Run {
        wall,
        total: children() - before,
        by_program,
        results: serde_json::from_str(&fs::read_to_string(report.path().join("results.json"))?)?,
    })
}

/// What the kernel says of a process (`/proc/PID/stat`, proc(5)).
struct Stat {
    name: String,
    parent: u32,
    used: Duration,
    /// Of those of its children that have ended, and of theirs.
    of_children: Duration,
    /// Since the machine began.
    started: Duration,
}

/// The kernel tells times in hundredths of a second, on every Linux.
const TICKS: f64 = 100.0;

fn stat(pid: &str) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in brackets and may have anything in it.
    let (head, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    // The first behind the name is field 3.
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    let time = |number: usize| Some(Duration::from_secs_f64(field(number)? as f64 / TICKS));
    Some(Stat {
        name: head.split_once('(')?.1.to_owned(),
        parent: u32::try_from(field(4)?).ok()?,
        used: time(14)? + time(15)?,
        of_children: time(16)? + time(17)?,
        started: time(22)?,
    })
}

/// The processor time of all that this process has started and that has ended.
fn children() -> Duration {
    stat("self").map_or(Duration::ZERO, |own| own.of_children)
}

/// Looks at a process and all that it started.
fn look(root: u32, seen: &mut BTreeMap<u32, (String, Used)>) {
    let (Ok(folder), Ok(uptime)) = (fs::read_dir("/proc"), fs::read_to_string("/proc/uptime")) else {
        return;
    };
    let now = uptime.split(' ').next().and_then(|text| text.parse().ok());
    let now = Duration::from_secs_f64(now.unwrap_or_default());
    let pids = folder
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok());
    let all: BTreeMap<u32, Stat> = pids.filter_map(|pid| Some((pid.parse().ok()?, stat(&pid)?))).collect();
    for (pid, stat) in &all {
        let mut at = *pid;
        while at != root {
            match all.get(&at) {
                Some(of) => at = of.parent,
                None => break,
            }
        }
        if at != root {
            continue;
        }
        let (name, used) = seen.entry(*pid).or_default();
        // It has the name of its parent until it is what it is to be.
        name.clone_from(&stat.name);
        match now.saturating_sub(stat.started) < STARTING {
            true => used.starting = stat.used,
            false => used.rest = stat.used.saturating_sub(used.starting),
        }
        used.memory = used.memory.max(memory(*pid));
    }
}

/// The most memory that a process has had, in KiB (`VmHWM`).
fn memory(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse().ok())
        .unwrap_or_default()
}

fn tell(run: &Run) -> String {
    let totals = &run.results.totals;
    let s = |time: Duration| format!("{:.1} s", time.as_secs_f64());
    let mut rows: Vec<_> = run.by_program.iter().collect();
    rows.sort_by_key(|(_, used)| std::cmp::Reverse(used.starting + used.rest));
    let seen: Duration = rows.iter().map(|(_, used)| used.starting + used.rest).sum();
    let own = run
        .by_program
        .get("meshkat")
        .map_or(Duration::ZERO, |used| used.starting + used.rest);
    let rows = rows
        .into_iter()
        .map(|(name, used)| {
            [
                name.clone(),
                used.processes.to_string(),
                s(used.starting),
                s(used.rest),
                format!("{} MB", used.memory / 1024),
            ]
        })
        .collect();
    let each = |time: Duration| time.as_secs_f64() * 1000.0 / totals.requests.max(1) as f64;
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let notes = [
        format!(
            "{} cases, {} passed, {} requests, {} checks, {} voids in {}",
            totals.cases,
            totals.passed,
            totals.requests,
            totals.checks,
            totals.voids,
            s(run.wall)
        ),
        format!(
            "processor time {} ({:.0}% of {processors} processors), of which {} after the last look at a program",
            s(run.total),
            run.total.as_secs_f64() * 100.0 / run.wall.as_secs_f64() / processors as f64,
            s(run.total.saturating_sub(seen))
        ),
        format!(
            "each request: {:.2} ms, of which meshkat {:.2} ms",
            each(run.total),
            each(own)
        ),
    ];
    let notes: Vec<&str> = notes.iter().map(String::as_str).collect();
    let header = ["program", "processes", "starting", "then", "memory, most"];
    table::render("the pairwise suite: processor time by program", header, rows, &notes)
}
