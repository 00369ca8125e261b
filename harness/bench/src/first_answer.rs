//! From start to the first 200 through the ingress: `meshkat up` against a bare script. And meshkat's own memory.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use meshkat_envoy::binary::{Request, locate};

use crate::{
    Error,
    bare::{Bare, Running},
    poll,
    statistics::Spread,
    up::Up,
};

pub(crate) const PATH: &str = "/stores/1";
pub(crate) const LIMIT: Duration = Duration::from_secs(30);
/// What the project promises.
const GOAL_RATIO: f64 = 1.3;
const GOAL_MB: f64 = 40.0;

/// Measures `pairs` pairs and gives the report.
pub(crate) async fn measure(bin: &Path, pairs: usize) -> Result<String, Error> {
    let bin = bin
        .canonicalize()
        .map_err(|error| format!("{}: {error}; build first: cargo build --release", bin.display()))?;
    let envoy = locate(
        &Request::from_environment(std::env::var("MESHKAT_ENVOY").ok())?,
        &mut std::io::stderr(),
    )?;
    let bare = Bare::prepare(&bin, &envoy.path, Path::new("envoy-configs")).await?;
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
    let mut up = Up::start(bin, &[])?;
    let ingress = up.ingress()?;
    poll::until_200(ingress, PATH, LIMIT)?;
    let took = start.elapsed().as_secs_f64() * 1000.0;
    up.wait_ready()?;
    let peak = peak_memory(up.pid())?;
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
