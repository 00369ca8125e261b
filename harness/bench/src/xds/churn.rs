//! Many changes in quick succession.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    discovery::Discovery,
    hosts,
    streams::{Streams, ms},
    variant::{Delta, Sotw, Variant},
};
use crate::{Error, statistics::Spread, table};

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) streams: usize,
    pub(crate) services: u32,
    /// Changes a second.
    pub(crate) rate: u32,
    pub(crate) seconds: u32,
}

impl Size {
    pub(crate) const FULL: Self = Self {
        streams: 100,
        services: 100,
        rate: 100,
        seconds: 30,
    };
    pub(crate) const QUICK: Self = Self {
        streams: 10,
        services: 5,
        rate: 50,
        seconds: 1,
    };

    fn changes(self) -> u32 {
        self.rate * self.seconds
    }
}

/// Measures and gives the report. That a stream does not end on the last version is an error.
pub(crate) async fn measure(bin: &Path, size: Size) -> Result<String, Error> {
    let rows = vec![row::<Sotw>(bin, size).await?, row::<Delta>(bin, size).await?];
    Ok(table::render(
        &format!(
            "{} changes a second for {} s, in turn to {} services of one endpoint; {} aggregated streams hold all of them",
            size.rate, size.seconds, size.services, size.streams
        ),
        [
            "streams",
            "on the last version",
            "changes",
            "responses a stream",
            "changes a response",
            "last PUT to all, ms",
            "PUT due to answered, p95 ms",
            "CPU of sds",
            "memory growth",
        ],
        rows,
        &["goal: every stream ends on the last version of everything; the streams have a connection each"],
    ))
}

async fn row<V: Variant>(bin: &Path, size: Size) -> Result<[String; 9], Error> {
    let names: Arc<[String]> = hosts::names(size.services).into();
    let sds = Discovery::start(bin)?;
    sds.register(&names, 1).await?;
    let streams = Streams::<V>::open(&sds.service.url(""), size.streams, size.streams, Arc::clone(&names)).await?;
    sds.settled().await?;
    let (memory, cpu, traffic) = (sds.memory()?, sds.cpu()?, streams.traffic());

    let all = streams.awaiting(size.changes());
    let begun = Instant::now();
    let (sent_last, answered) = changes(&sds, &names, size).await?;
    let took = begun.elapsed();
    let last = streams.until(all).await?;
    sds.settled().await?;
    let cpu = sds.cpu()?.saturating_sub(cpu);
    let grown = sds.memory()?.saturating_sub(memory);
    let traffic = streams.traffic().since(traffic);
    let last_of_each: Vec<u32> = (size.changes().saturating_sub(size.services) + 1..=size.changes()).collect();
    let behind = streams.behind(&last_of_each);
    if behind > 0 {
        return Err(format!(
            "{}: {behind} of {} streams did not end on the last version",
            V::NAME,
            size.streams
        )
        .into());
    }
    let each = traffic.responses as f64 / size.streams as f64;
    Ok([
        V::NAME.to_owned(),
        format!("{} of {}", size.streams - behind, size.streams),
        format!("{} in {:.1} s", size.changes(), took.as_secs_f64()),
        format!("{each:.0}"),
        format!("{:.2}", f64::from(size.changes()) / each),
        format!("{:.1}", ms(last.duration_since(sent_last))),
        format!("{:.1}", Spread::of(answered.into_iter().map(ms)).p95),
        format!("{:.0} %", cpu.as_secs_f64() / took.as_secs_f64() * 100.0),
        format!("{:.1} MB", grown as f64 / f64::from(1 << 20)),
    ])
}

/// Makes each change when it is due, or as soon as the one before it has been answered: of two changes of one service, the
/// later one has to be the last. Gives when the last was sent, and how long after it was due each was answered.
async fn changes(sds: &Discovery, names: &[String], size: Size) -> Result<(Instant, Vec<Duration>), Error> {
    let (begun, mut sent, mut took) = (Instant::now(), Instant::now(), Vec::new());
    for change in 1..=size.changes() {
        let due = begun + Duration::from_secs(1) * change / size.rate;
        tokio::time::sleep_until(due.into()).await;
        sent = Instant::now();
        sds.put(&names[change as usize % names.len()], hosts::service(change, 1))
            .await?;
        took.push(due.elapsed());
    }
    Ok((sent, took))
}
