//! Clients that mean well, alone and amid many that do not.

use std::{
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use meshkat_kit::testing::siege::{Kind, Siege};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::{
    discovery::Discovery,
    hosts,
    streams::{Streams, ms},
    variant::{Delta, Sotw, Variant},
};
use crate::{Error, service::end, statistics::Spread, table};

/// What the project promises: of the 99th percentiles.
const GOAL: f64 = 1.5;
const GOAL_MB: u64 = 150;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    /// Clients that mean well.
    pub(crate) streams: usize,
    /// Clients that do not.
    pub(crate) hostile: usize,
    /// How often both are measured, in turn.
    pub(crate) blocks: u32,
    /// Changes in each block.
    pub(crate) changes: u32,
}

impl Size {
    pub(crate) const FULL: Self = Self {
        streams: 100,
        hostile: 2000,
        blocks: 4,
        changes: 100,
    };
    pub(crate) const QUICK: Self = Self {
        streams: 5,
        hostile: 54,
        blocks: 1,
        changes: 5,
    };
}

/// Between two changes.
const PAUSE: Duration = Duration::from_millis(20);
/// Until the hostile ones have all come, and until what they leave is gone. Of neither anything tells: they come and go all the time, and
/// the measure is of memory that is given back late.
const SETTLE: Duration = Duration::from_secs(3);
/// How long they go on without anybody who stops them.
const LONGEST_SIEGE: Duration = Duration::from_secs(600);

/// Begins a siege in this process, and goes on until it is killed. It gives way to everybody else on the processors: those
/// who mean it ill have machines of their own.
pub(crate) async fn besiege(address: SocketAddr, clients: usize) -> Result<String, Error> {
    let _niceness = rustix::process::nice(19)?;
    let limit = getrlimit(Resource::Nofile).maximum;
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit,
            maximum: limit,
        },
    )?;
    let siege = Siege::begin(address, clients, &Kind::ALL);
    tokio::time::sleep(LONGEST_SIEGE).await;
    siege.end().await;
    Ok(String::new())
}

/// Hostile clients in a process of their own, which ends when this is dropped.
struct Besieger(Child);

impl Besieger {
    fn start(address: SocketAddr, clients: usize) -> Result<Self, Error> {
        let child = Command::new(std::env::current_exe()?)
            .args(["--siege", &address.to_string(), "--siege-clients", &clients.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()?;
        Ok(Self(child))
    }
}

impl Drop for Besieger {
    fn drop(&mut self) {
        end(&mut self.0);
    }
}

/// Measures and gives the report.
pub(crate) async fn measure(bin: &Path, size: Size) -> Result<String, Error> {
    let rows = vec![row::<Sotw>(bin, size).await?, row::<Delta>(bin, size).await?];
    Ok(table::render(
        &format!(
            "from PUT to the last of {} aggregated streams having it, ms, alone and amid {} hostile clients of {} kinds, {} blocks of {} \
             changes in turn",
            size.streams,
            size.hostile,
            Kind::ALL.len(),
            size.blocks,
            size.changes
        ),
        [
            "streams",
            "alone, p50",
            "p99",
            "amid them, p50",
            "p99",
            "p99 to p99 alone",
            "sds, MB: before",
            "most amid them",
            "after",
        ],
        rows,
        &[
            &format!("goals: p99 at most {GOAL} times that alone; {GOAL_MB} MB, and back to where it was"),
            "the hostile clients are a process that gives way to the others on the processors",
        ],
    ))
}

async fn row<V: Variant>(bin: &Path, size: Size) -> Result<[String; 9], Error> {
    let names: Arc<[String]> = hosts::names(1).into();
    let sds = Discovery::start(bin)?;
    sds.register(&names, 2).await?;
    let streams = Streams::<V>::open(&sds.service.url(""), size.streams, size.streams, Arc::clone(&names)).await?;
    let (mut alone, mut amid) = (Vec::new(), Vec::new());
    let mut change = 0;
    let mut changes = async |times: &mut Vec<f64>| -> Result<u64, Error> {
        let mut most = 0;
        for _ in 0..size.changes {
            change += 1;
            let all = streams.awaiting(change);
            let (service, begun) = (hosts::service(change, 2), Instant::now());
            let (put, last) = tokio::join!(sds.put(&names[0], service), streams.until(all));
            put?;
            times.push(ms(last?.duration_since(begun)));
            most = most.max(sds.memory()?);
            tokio::time::sleep(PAUSE).await;
        }
        Ok(most)
    };
    // Not counted: what is done for the first time.
    changes(&mut Vec::new()).await?;
    let before = sds.memory()?;
    let mut most = 0;
    for _ in 0..size.blocks {
        changes(&mut alone).await?;
        let besieger = Besieger::start(sds.service.address(), size.hostile)?;
        tokio::time::sleep(SETTLE).await;
        most = most.max(changes(&mut amid).await?);
        drop(besieger);
        tokio::time::sleep(SETTLE).await;
    }
    let after = sds.memory()?;
    let (alone, amid) = (Spread::of(alone), Spread::of(amid));
    let mb = |bytes: u64| format!("{:.0}", bytes as f64 / f64::from(1 << 20));
    Ok([
        V::NAME.to_owned(),
        format!("{:.1}", alone.median),
        format!("{:.1}", alone.p99),
        format!("{:.1}", amid.median),
        format!("{:.1}", amid.p99),
        format!("{:.2}", amid.p99 / alone.p99),
        mb(before),
        mb(most),
        mb(after),
    ])
}
