//! The driver beside `oha` and `wrk` on the same listener of one Envoy, how late it sends in an open loop, and a thousand requests with
//! what is expected of them beside `hurl`.

mod checks;
mod edge;
mod memory;
mod others;

use std::{net::SocketAddr, path::Path, time::Duration};

use meshkat_driver::{Client, Load, Pace, Request, Route, Schedule};
use meshkat_envoy::binary::{Request as Asked, locate};
use meshkat_model::scenario::value::{Connections, Protocol};

use self::{
    edge::Edge,
    others::{Figures, Oha, Wrk},
};
use crate::{Error, statistics::Spread, table};

/// What is promised: requests a second beside others', and how late 99 of 100 requests may be sent.
const BESIDE_OHA: f64 = 1.0;
const BESIDE_WRK: f64 = 0.8;
const LATE: Duration = Duration::from_millis(1);

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    /// How long each one sends.
    time: Duration,
    /// How often each is measured, in turn.
    rounds: usize,
    connections: &'static [usize],
    /// The open loop, in requests a second, and for how long.
    rate: f64,
    open: Duration,
    checks: usize,
    /// How long the load takes of which the memory is measured.
    long: Duration,
}

impl Size {
    pub(crate) const FULL: Self = Self {
        time: Duration::from_secs(4),
        rounds: 3,
        connections: &[1, 32, 256],
        rate: 5000.0,
        open: Duration::from_secs(10),
        checks: 1000,
        long: Duration::from_secs(120),
    };
    pub(crate) const QUICK: Self = Self {
        time: Duration::from_millis(300),
        rounds: 1,
        connections: &[1, 8],
        rate: 500.0,
        open: Duration::from_millis(500),
        checks: 50,
        long: Duration::from_millis(800),
    };
}

/// Measures, and gives the report. Programs that are not there are named, and left out.
pub(crate) async fn measure(size: Size) -> Result<String, Error> {
    let envoy = locate(
        &Asked::from_environment(std::env::var("MESHKAT_ENVOY").ok())?,
        &mut std::io::stderr(),
    )?;
    let edge = Edge::start(&envoy.path).await?;
    let mut report = closed(&edge, size).await?;
    report.push_str(&open(&edge, size).await?);
    report.push_str(&checks::measure(&edge, size.checks, size.rounds).await?);
    report.push_str(&memory::measure(&edge, size.long).await?);
    Ok(report)
}

/// A request of the driver.
fn request(to: SocketAddr, protocol: Protocol, connections: Option<usize>) -> Result<Request, Error> {
    let route = Route { socket: to, host: None };
    let request = Request::new("GET", &route, "/", [], Duration::from_secs(5))?.over(Some(protocol), None)?;
    let number = connections.map(u32::try_from).transpose()?;
    Ok(match number {
        Some(number) => request.connections(Connections::Of(number)),
        None => request,
    })
}

/// The driver in a closed loop.
async fn ours(to: SocketAddr, protocol: Protocol, connections: usize, time: Duration) -> Result<Figures, Error> {
    let request = request(to, protocol, Some(connections))?;
    let load = Load::start(&Client::new(), vec![request], Pace::Closed(connections));
    tokio::time::sleep(time).await;
    let until = load.now();
    let window = load.window(Duration::ZERO, until).await;
    Load::end_all([&load]).await;
    if window.errors > 0 {
        return Err(format!("the driver had errors: {}", window.summary()).into());
    }
    Ok(Figures {
        rate: window.requests as f64 / until.as_secs_f64(),
        p50: window.latency.p50,
        p99: window.latency.p99,
    })
}

async fn closed(edge: &Edge, size: Size) -> Result<String, Error> {
    let (oha, wrk) = (Oha::find(), Wrk::find());
    let (mut rows, mut notes) = (Vec::new(), Vec::new());
    for (protocol, name) in [(Protocol::Http1, "HTTP/1.1"), (Protocol::H2, "HTTP/2")] {
        for connections in size.connections {
            let (mut own, mut of_oha, mut of_wrk) = (Vec::new(), Vec::new(), Vec::new());
            // In turn, so that a machine that becomes slower does so for each.
            for _ in 0..size.rounds {
                own.push(ours(edge.address, protocol, *connections, size.time).await?);
                if let Some(oha) = &oha {
                    of_oha.push(oha.measure(edge.address, protocol, *connections, size.time)?);
                }
                if let (Some(wrk), Protocol::Http1) = (&wrk, protocol) {
                    of_wrk.push(wrk.measure(edge.address, *connections, size.time)?);
                }
            }
            let of = |all: &[Figures]| Figures::median(all);
            let Some(figures) = of(&own) else { continue };
            let beside = |other: &Option<Figures>, goal: f64| match other {
                None => "-".to_owned(),
                Some(other) => format!("{:.2} (goal {goal})", figures.rate / other.rate),
            };
            let (of_oha, of_wrk) = (of(&of_oha), of(&of_wrk));
            rows.push([
                format!("{name}, {connections} connections"),
                figures.told(),
                of_oha.as_ref().map_or("-".to_owned(), Figures::told),
                of_wrk.as_ref().map_or("-".to_owned(), Figures::told),
                beside(&of_oha, BESIDE_OHA),
                beside(&of_wrk, BESIDE_WRK),
            ]);
        }
    }
    for (name, is_there) in [
        ("oha (cargo install oha)", oha.is_some()),
        ("wrk (apt install wrk)", wrk.is_some()),
    ] {
        if !is_there {
            notes.push(format!("{name} is not installed, and left out"));
        }
    }
    notes.push("wrk speaks no HTTP/2".to_owned());
    let notes: Vec<&str> = notes.iter().map(String::as_str).collect();
    let title = format!(
        "closed loop on one Envoy: requests a second, p50 and p99 in µs; median of {} rounds of {:?} each",
        size.rounds, size.time
    );
    let header = ["", "driver", "oha", "wrk", "beside oha", "beside wrk"];
    Ok(table::render(&title, header, rows, &notes))
}

async fn open(edge: &Edge, size: Size) -> Result<String, Error> {
    let mut rows = Vec::new();
    for (protocol, name) in [(Protocol::Http1, "HTTP/1.1"), (Protocol::H2, "HTTP/2")] {
        let mut late = Vec::new();
        let mut last = None;
        for _ in 0..size.rounds {
            let pace = Pace::Open(Schedule::constant(size.rate));
            let load = Load::start(&Client::new(), vec![request(edge.address, protocol, None)?], pace);
            let window = load.window(Duration::ZERO, size.open).await;
            Load::end_all([&load]).await;
            late.push(window.queue.p99.as_secs_f64() * 1e6);
            last = Some(window);
        }
        let Some(window) = last else { continue };
        let spread = Spread::of(late);
        rows.push([
            name.to_owned(),
            format!("{:.0} ({:.0} to {:.0})", spread.median, spread.min, spread.max),
            format!("{}", window.queue.max.as_micros()),
            format!("{}", window.latency.p50.as_micros()),
            format!("{}", window.latency.p99.as_micros()),
            format!("{}", window.errors),
        ]);
    }
    let title = format!(
        "open loop at {}/s for {:?}: how late requests were sent, and the latency from when they were due, in µs",
        size.rate, size.open
    );
    let header = ["", "late, p99 (range)", "late, max", "p50", "p99", "errors"];
    let note = format!("goal: p99 of lateness below {LATE:?} on a quiet machine");
    Ok(table::render(&title, header, rows, &[&note]))
}

/// A program in the path.
fn find(name: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| Path::is_file(file))
}
