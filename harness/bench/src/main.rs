//! What `just bench` measures. The machine may be shared and noisy: each figure comes with what it is compared with, the two
//! measured in turn in the same run.

mod bare;
mod cover;
mod docker;
mod driver;
mod first_answer;
mod planner;
mod poll;
mod service;
mod statistics;
mod suite;
mod table;
mod up;
mod usage;
mod xds;

use std::{io::Write as _, net::SocketAddr, path::PathBuf, process::ExitCode};

use clap::{Parser, ValueEnum};

/// Measures, and prints figures beside their goals.
#[derive(Debug, Parser)]
struct Args {
    /// Measure this alone; may be given several times.
    #[arg(long, value_enum, value_name = "BENCH")]
    only: Vec<Bench>,
    /// Measure far less: to see that it works, not for the figures.
    #[arg(long)]
    quick: bool,
    /// first-answer, docker: pairs of runs that are counted, after one that is not [default: 15 and 9, quick: 3]; planner: pairs
    /// of runs [default: 3, quick: 1]; suite: runs, or pairs of them with `--against` [default: 1, and 3].
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=200))]
    pairs: Option<u16>,
    /// xds-latency: rounds that are counted, after one that is not [default: 60, quick: 2].
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1000))]
    rounds: Option<u16>,
    /// The folder of the binaries: `meshkat` and the services.
    #[arg(long, default_value = "target/release")]
    bin: PathBuf,
    /// suite: the binaries of another state of the project, to run in turn with these.
    #[arg(long, value_name = "FOLDER")]
    against: Option<PathBuf>,
    /// xds-hostile: be the hostile clients of this address.
    #[arg(long, hide = true)]
    siege: Option<SocketAddr>,
    #[arg(long, hide = true, default_value_t = 1)]
    siege_clients: usize,
}

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Bench {
    /// From start to the first 200 of the petshop: `meshkat up` against a bare script.
    FirstAnswer,
    /// The same in Docker: `meshkat up --runtime docker` against `docker compose up`.
    Docker,
    /// From PUT to the first request that reaches the new endpoint, over each transport.
    XdsLatency,
    /// One change pushed to many streams.
    XdsFanout,
    /// Many changes in quick succession.
    XdsChurn,
    /// One change among many resources: delta against State of the World.
    XdsBytes,
    /// Changes pushed to streams, alone and amid many clients that mean it ill.
    XdsHostile,
    /// Cases each on a mesh of its own, and as they are planned.
    Planner,
    /// Where the processor time of the pairwise suite goes, by program.
    Suite,
    /// Requests of the driver beside oha, wrk and hurl, as far as they are installed.
    Driver,
    /// Sizes of covering arrays, beside what is published and what allpairspy gives.
    Cover,
}

/// Why something could not be measured.
type Error = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let args = Args::parse();
    match measure(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            drop(writeln!(std::io::stderr(), "failed to measure: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn measure(args: &Args) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    if let Some(address) = args.siege {
        let siege = xds::hostile::besiege(address, args.siege_clients);
        return runtime.block_on(unless_told_to_stop(siege)).map(drop);
    }
    for bench in Bench::value_variants() {
        if !args.only.is_empty() && !args.only.contains(bench) {
            continue;
        }
        let report = report(*bench, args);
        let report = match bench {
            // It blocks, and a signal ends the process as ever.
            Bench::FirstAnswer | Bench::Docker | Bench::Planner | Bench::Suite => runtime.block_on(report),
            _ => runtime.block_on(unless_told_to_stop(report)),
        };
        let report = report?;
        writeln!(std::io::stdout(), "{report}")?;
    }
    Ok(())
}

async fn report(bench: Bench, args: &Args) -> Result<String, Error> {
    use xds::{bytes, churn, fanout, hostile, latency};
    let (bin, quick) = (&args.bin, args.quick);
    match bench {
        Bench::FirstAnswer => first_answer::measure(bin, args.pairs()).await,
        Bench::Docker => docker::measure(bin, args.docker_pairs()),
        Bench::XdsLatency => latency::measure(bin, args.rounds()).await,
        Bench::XdsFanout if quick => fanout::measure(bin, fanout::Size::QUICK).await,
        Bench::XdsFanout => fanout::measure(bin, fanout::Size::FULL).await,
        Bench::XdsChurn if quick => churn::measure(bin, churn::Size::QUICK).await,
        Bench::XdsChurn => churn::measure(bin, churn::Size::FULL).await,
        Bench::XdsHostile if quick => hostile::measure(bin, hostile::Size::QUICK).await,
        Bench::XdsHostile => hostile::measure(bin, hostile::Size::FULL).await,
        Bench::Suite => suite::measure(bin, args.against.as_deref(), args.suite_pairs(), quick),
        Bench::Cover => cover::measure(quick),
        Bench::Driver if quick => driver::measure(driver::Size::QUICK).await,
        Bench::Driver => driver::measure(driver::Size::FULL).await,
        Bench::Planner => {
            let mut report = planner::measure(bin, "process", args.planner_pairs(), quick)?;
            match docker::is_there() {
                _ if quick => {}
                // Each run takes minutes there.
                true => report.push_str(&planner::measure(bin, "docker", 1, quick)?),
                false => report.push_str("SKIPPED in Docker: there is none\n"),
            }
            Ok(report)
        }
        Bench::XdsBytes if quick => bytes::measure(bin, bytes::Size::QUICK).await,
        Bench::XdsBytes => bytes::measure(bin, bytes::Size::FULL).await,
    }
}

/// What is started ends when it is dropped, which a signal by itself would not do.
async fn unless_told_to_stop(measured: impl Future<Output = Result<String, Error>>) -> Result<String, Error> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        report = measured => report,
        _ = terminate.recv() => Err("told to stop".into()),
        _ = interrupt.recv() => Err("interrupted".into()),
    }
}

impl Args {
    fn pairs(&self) -> usize {
        usize::from(self.pairs.unwrap_or(if self.quick { 3 } else { 15 }))
    }

    /// A pair takes some seconds.
    fn docker_pairs(&self) -> usize {
        usize::from(self.pairs.unwrap_or(if self.quick { 3 } else { 9 }))
    }

    /// A pair takes a minute.
    fn planner_pairs(&self) -> usize {
        usize::from(self.pairs.unwrap_or(if self.quick { 1 } else { 3 }))
    }

    /// One tells where the time goes; to compare two states wants several.
    fn suite_pairs(&self) -> usize {
        let several = self.against.is_some() && !self.quick;
        usize::from(self.pairs.unwrap_or(if several { 3 } else { 1 }))
    }

    fn rounds(&self) -> u32 {
        u32::from(self.rounds.unwrap_or(if self.quick { 2 } else { 60 }))
    }
}
