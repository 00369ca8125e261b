//! One change, pushed to many streams.

use std::{path::Path, sync::Arc, time::Instant};

use super::{
    discovery::Discovery,
    hosts,
    streams::{Streams, ms},
    variant::{Delta, Sotw, Variant},
};
use crate::{Error, statistics::Spread, table};

/// What the project promises.
const GOAL_MS: f64 = 250.0;
const GOAL_KB: f64 = 60.0;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) streams: usize,
    /// How many connections the streams have where they do not have one each.
    pub(crate) shared: usize,
    pub(crate) endpoints: u32,
    pub(crate) changes: u32,
}

impl Size {
    pub(crate) const FULL: Self = Self {
        streams: 1000,
        shared: 10,
        endpoints: 100,
        changes: 20,
    };
    pub(crate) const QUICK: Self = Self {
        streams: 20,
        shared: 2,
        endpoints: 5,
        changes: 3,
    };
}

/// How a stream holds its endpoints.
#[derive(Debug, Clone, Copy)]
enum Shape {
    /// All in one service.
    OneService,
    /// Each in a service of its own.
    OneEach,
}

/// Measures and gives the report.
pub(crate) async fn measure(bin: &Path, size: Size) -> Result<String, Error> {
    let mut rows = Vec::new();
    for connections in [size.streams, size.shared] {
        for shape in [Shape::OneService, Shape::OneEach] {
            rows.push(row::<Sotw>(bin, size, shape, connections).await?);
            rows.push(row::<Delta>(bin, size, shape, connections).await?);
        }
    }
    Ok(table::render(
        &format!(
            "one change pushed to {} aggregated streams that hold {} endpoints each, {} changes; clients on the same processors",
            size.streams, size.endpoints, size.changes
        ),
        [
            "streams",
            "connections",
            "all have it, p50 ms",
            "worst ms",
            "CPU of sds, ms a change",
            "memory, KB a stream",
            "after the changes",
        ],
        rows,
        &[
            &format!("goals: all have it within {GOAL_MS:.0} ms on two cores, {GOAL_KB:.0} KB a stream"),
            "from the PUT being sent to the last stream having the response; CPU up to the last ACK heard",
            "memory is private to sds, the connection's part included; the kernel's socket buffers are not",
        ],
    ))
}

async fn row<V: Variant>(bin: &Path, size: Size, shape: Shape, connections: usize) -> Result<[String; 7], Error> {
    let (services, each) = match shape {
        Shape::OneService => (1, size.endpoints),
        Shape::OneEach => (size.endpoints, 1),
    };
    let names: Arc<[String]> = hosts::names(services).into();
    let sds = Discovery::start(bin)?;
    sds.register(&names, each).await?;
    // So that what the first question costs is not counted as a stream's.
    sds.settled().await?;
    let empty = sds.memory()?;
    let streams = Streams::<V>::open(&sds.service.url(""), size.streams, connections, Arc::clone(&names)).await?;
    sds.settled().await?;
    let kb_a_stream = |memory: u64| (memory.saturating_sub(empty)) as f64 / 1024.0 / size.streams as f64;
    let open = kb_a_stream(sds.memory()?);

    let (mut times, mut cpu) = (Vec::new(), Vec::new());
    for change in 1..=size.changes {
        let name = &names[change as usize % names.len()];
        let all = streams.awaiting(change);
        let (service, before, begun) = (hosts::service(change, each), sds.cpu()?, Instant::now());
        let (put, last) = tokio::join!(sds.put(name, service), streams.until(all));
        put?;
        times.push(ms(last?.duration_since(begun)));
        sds.settled().await?;
        cpu.push(ms(sds.cpu()?.saturating_sub(before)));
    }
    let (times, cpu) = (Spread::of(times), Spread::of(cpu));
    let held = match shape {
        Shape::OneService => format!("1 service of {}", size.endpoints),
        Shape::OneEach => format!("{} services of 1", size.endpoints),
    };
    Ok([
        format!("{}, {held}", V::NAME),
        connections.to_string(),
        format!("{:.1}", times.median),
        format!("{:.1}", times.max),
        format!("{:.1}", cpu.median),
        format!("{open:.1}"),
        format!("{:.1}", kb_a_stream(sds.memory()?)),
    ])
}
