//! `oha` and `wrk`, as far as they are installed.

use std::{
    net::SocketAddr,
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use meshkat_model::scenario::value::Protocol;
use serde_json::Value;

use super::find;
use crate::Error;

/// What one came to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Figures {
    /// Requests a second.
    pub(super) rate: f64,
    pub(super) p50: Duration,
    pub(super) p99: Duration,
}

impl Figures {
    /// The one whose rate is in the middle.
    pub(super) fn median(all: &[Self]) -> Option<Self> {
        let mut all = all.to_vec();
        all.sort_by(|one, other| one.rate.total_cmp(&other.rate));
        all.get(all.len() / 2).copied()
    }

    pub(super) fn told(&self) -> String {
        format!("{:.0} ({}, {})", self.rate, self.p50.as_micros(), self.p99.as_micros())
    }
}

fn output(command: &mut Command) -> Result<String, Error> {
    let output = command.stdin(Stdio::null()).output()?;
    if !output.status.success() {
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(format!("{command:?} failed: {told}").into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// oha, in Rust, on hyper.
pub(super) struct Oha(PathBuf);

impl Oha {
    pub(super) fn find() -> Option<Self> {
        find("oha").map(Self)
    }

    pub(super) fn measure(
        &self,
        to: SocketAddr,
        protocol: Protocol,
        connections: usize,
        time: Duration,
    ) -> Result<Figures, Error> {
        let mut command = Command::new(&self.0);
        command.args(["--no-tui", "--output-format", "json", "-w"]).args([
            "-c",
            &connections.to_string(),
            "-z",
            &format!("{}ms", time.as_millis()),
        ]);
        if protocol == Protocol::H2 {
            command.args(["--http2", "-p", "1"]);
        }
        let told: Value = serde_json::from_str(&output(command.arg(format!("http://{to}/")))?)?;
        let rate = told["summary"]["requestsPerSec"].as_f64();
        let of = |name: &str| told["latencyPercentiles"][name].as_f64().map(Duration::from_secs_f64);
        let answered = told["statusCodeDistribution"]["200"].as_u64().unwrap_or_default();
        match (rate, of("p50"), of("p99")) {
            (Some(rate), Some(p50), Some(p99)) if answered > 0 => Ok(Figures { rate, p50, p99 }),
            _ => Err(format!("oha says something else: {told}").into()),
        }
    }
}

/// wrk, in C.
pub(super) struct Wrk(PathBuf);

impl Wrk {
    pub(super) fn find() -> Option<Self> {
        find("wrk").map(Self)
    }

    pub(super) fn measure(&self, to: SocketAddr, connections: usize, time: Duration) -> Result<Figures, Error> {
        let threads = connections.min(2).to_string();
        // It knows whole seconds alone.
        let seconds = format!("{}s", time.as_secs_f64().ceil().max(1.0));
        let told = output(
            Command::new(&self.0)
                .args([
                    "-t",
                    &threads,
                    "-c",
                    &connections.to_string(),
                    "-d",
                    &seconds,
                    "--latency",
                ])
                .arg(format!("http://{to}/")),
        )?;
        let line = |begin: &str| {
            let mut lines = told.lines().map(str::trim);
            lines.find_map(|line| Some(line.strip_prefix(begin)?.trim().to_owned()))
        };
        let rate = line("Requests/sec:").and_then(|rate| rate.parse().ok());
        let time = |begin: &str| line(begin).and_then(|text| written(&text));
        match (rate, time("50%"), time("99%")) {
            (Some(rate), Some(p50), Some(p99)) => Ok(Figures { rate, p50, p99 }),
            _ => Err(format!("wrk says something else: {told}").into()),
        }
    }
}

/// `345.00us`, `1.23ms`, `2.01s`.
fn written(text: &str) -> Option<Duration> {
    let unit = text.find(|c: char| c.is_ascii_alphabetic())?;
    let number: f64 = text[..unit].parse().ok()?;
    let seconds = match &text[unit..] {
        "us" => number / 1e6,
        "ms" => number / 1e3,
        "s" => number,
        _ => return None,
    };
    Some(Duration::from_secs_f64(seconds))
}
