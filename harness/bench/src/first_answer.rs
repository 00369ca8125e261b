//! From start to the first 200 through the ingress: `meshkat up` against a bare script. And meshkat's own memory.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use meshkat_envoy::binary::{Request, locate};

use crate::{
    Error,
    bare::{Bare, Running},
    poll,
    statistics::Spread,
};

const PATH: &str = "/stores/1";
const LIMIT: Duration = Duration::from_secs(30);
/// What the project promises.
const GOAL_RATIO: f64 = 1.3;
const GOAL_MB: f64 = 40.0;

/// Measures `pairs` pairs and gives the report.
pub(crate) fn measure(bin: &Path, pairs: usize) -> Result<String, Error> {
    let bin = bin
        .canonicalize()
        .map_err(|error| format!("{}: {error}; build first: cargo build --release", bin.display()))?;
    let envoy = locate(
        &Request::from_environment(std::env::var("MESHKAT_ENVOY").ok())?,
        &mut std::io::stderr(),
    )?;
    let bare = Bare::prepare(&bin, &envoy.path, Path::new("envoy-configs"))?;
    let (mut times, mut memory) = (Vec::new(), Vec::new());
    // The first pair warms the caches and is not counted.
    for number in 0..=pairs {
        let (ours, peak) = meshkat_up(&bin)?;
        let theirs = bare_script(&bare)?;
        if number > 0 {
            times.push((ours, theirs));
            memory.push(peak);
        }
    }
    let ms = |times: Spread| format!("{:6.0} ms   ({:.0} to {:.0})", times.median, times.min, times.max);
    let ratio = Spread::of(times.iter().map(|(ours, theirs)| ours / theirs));
    let memory = Spread::of(memory);
    Ok(format!(
        "time to the first 200 of the petshop, 12 processes, {pairs} pairs: median (range)\n\
         \x20 meshkat up    {}\n\
         \x20 bare script   {}\n\
         \x20 ratio         {:6.2}      ({:.2} to {:.2})   goal: at most {GOAL_RATIO}\n\
         peak memory of meshkat itself\n\
         \x20 VmHWM         {:6.1} MB   ({:.1} to {:.1})   goal: at most {GOAL_MB}\n",
        ms(Spread::of(times.iter().map(|pair| pair.0))),
        ms(Spread::of(times.iter().map(|pair| pair.1))),
        ratio.median,
        ratio.min,
        ratio.max,
        memory.median,
        memory.min,
        memory.max,
    ))
}

/// Milliseconds to the first 200, and megabytes of memory.
fn meshkat_up(bin: &Path) -> Result<(f64, f64), Error> {
    let start = Instant::now();
    let mut up = Up::start(bin)?;
    let ingress = up.ingress()?;
    poll::until_200(ingress, PATH, LIMIT)?;
    let took = start.elapsed().as_secs_f64() * 1000.0;
    up.wait_ready()?;
    let peak = peak_memory(up.child.id())?;
    up.end()?;
    Ok((took, peak))
}

fn bare_script(bare: &Bare) -> Result<f64, Error> {
    let start = Instant::now();
    let running: Running = bare.start()?;
    poll::until_200(Bare::ingress(), PATH, LIMIT)?;
    let took = start.elapsed().as_secs_f64() * 1000.0;
    drop(running);
    Ok(took)
}

/// A `meshkat up` that runs.
struct Up {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Up {
    fn start(bin: &Path) -> Result<Self, Error> {
        let mut child = Command::new(bin.join("meshkat"))
            .args(["up", "petshop", "--in-background"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let out = child.stdout.take().ok_or("no output")?;
        Ok(Self {
            child,
            lines: BufReader::new(out).lines(),
        })
    }

    /// The address of the ingress, which `up` tells before the mesh is ready.
    fn ingress(&mut self) -> Result<SocketAddr, Error> {
        let line = self.lines.next().ok_or("`meshkat up` told no address")??;
        let url = line
            .strip_prefix("ingress http://")
            .ok_or_else(|| format!("unexpected: {line}"))?;
        Ok(url.parse()?)
    }

    fn wait_ready(&mut self) -> Result<(), Error> {
        for line in self.lines.by_ref() {
            if line? == "ready" {
                return Ok(());
            }
        }
        Err("`meshkat up` never was ready".into())
    }

    fn end(mut self) -> Result<(), Error> {
        Command::new("kill").arg(self.child.id().to_string()).status()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        // Only where measuring failed: it has ended otherwise.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The most memory that a process ever had resident, in megabytes (`VmHWM`, proc(5)).
fn peak_memory(pid: u32) -> Result<f64, Error> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .ok_or("no VmHWM")?;
    let kb: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kb / 1024.0)
}
