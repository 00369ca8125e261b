//! One changed resource among many: what delta spares.

use std::{path::Path, sync::Arc, time::Instant};

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
    pub(crate) services: u32,
    pub(crate) changes: u32,
}

impl Size {
    pub(crate) const FULL: Self = Self {
        services: 10_000,
        changes: 20,
    };
    pub(crate) const QUICK: Self = Self {
        services: 100,
        changes: 3,
    };
}

/// Bytes and milliseconds, each for one change.
struct Cost {
    name: &'static str,
    first: u64,
    response: u64,
    ack: u64,
    time: Spread,
    cpu: Spread,
}

/// Measures and gives the report.
pub(crate) async fn measure(bin: &Path, size: Size) -> Result<String, Error> {
    let sds = Discovery::start(bin)?;
    let names: Arc<[String]> = hosts::names(size.services).into();
    sds.register(&names, 1).await?;
    let whole = cost::<Sotw>(&sds, &names, size, 1).await?;
    let delta = cost::<Delta>(&sds, &names, size, 1 + size.changes).await?;
    let ratio = (whole.response + whole.ack) as f64 / (delta.response + delta.ack) as f64;
    Ok(table::render(
        &format!(
            "one changed ClusterLoadAssignment among {} that one aggregated stream has subscribed to by name, {} changes",
            size.services, size.changes
        ),
        [
            "stream",
            "first response, bytes",
            "response to a change, bytes",
            "its ACK, bytes",
            "PUT to response, p50 ms",
            "CPU of sds, ms a change",
        ],
        [whole, delta].map(row).into(),
        &[
            &format!("delta spares a factor of {ratio:.0}, response and ACK together"),
            "bytes are those of the encoded messages, without the frames of gRPC, HTTP/2 and TCP",
        ],
    ))
}

async fn cost<V: Variant>(sds: &Discovery, names: &Arc<[String]>, size: Size, first: u32) -> Result<Cost, Error> {
    // Its first response has to have the marker that is waited for.
    sds.put(&names[0], hosts::service(0, 1)).await?;
    let streams = Streams::<V>::open(&sds.service.url(""), 1, 1, Arc::clone(names)).await?;
    sds.settled().await?;
    let opened = streams.traffic();
    let (mut times, mut cpu) = (Vec::new(), Vec::new());
    for change in first..first + size.changes {
        let all = streams.awaiting(change);
        let (before, begun) = (sds.cpu()?, Instant::now());
        let name = &names[change as usize % names.len()];
        let (put, last) = tokio::join!(sds.put(name, hosts::service(change, 1)), streams.until(all));
        put?;
        times.push(ms(last?.duration_since(begun)));
        sds.settled().await?;
        cpu.push(ms(sds.cpu()?.saturating_sub(before)));
    }
    let traffic = streams.traffic().since(opened);
    let behind = streams.behind(&(first..first + size.changes).collect::<Vec<_>>());
    if traffic.responses != u64::from(size.changes) || behind > 0 {
        return Err(format!(
            "{}: {} responses to {} changes",
            V::NAME,
            traffic.responses,
            size.changes
        )
        .into());
    }
    Ok(Cost {
        name: V::NAME,
        first: opened.response_bytes,
        response: traffic.response_bytes / traffic.responses,
        ack: traffic.request_bytes / traffic.responses,
        time: Spread::of(times),
        cpu: Spread::of(cpu),
    })
}

fn row(cost: Cost) -> [String; 6] {
    [
        cost.name.to_owned(),
        cost.first.to_string(),
        cost.response.to_string(),
        cost.ack.to_string(),
        format!("{:.1}", cost.time.median),
        format!("{:.1}", cost.cpu.median),
    ]
}
