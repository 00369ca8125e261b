//! What `just bench` measures. The machine may be shared and noisy: each figure comes with what it is compared with, the two
//! measured in turn in the same run.

mod bare;
mod first_answer;
mod poll;
mod statistics;

use std::{path::PathBuf, process::ExitCode};

use clap::Parser;

/// Measures, and prints ratios.
#[derive(Debug, Parser)]
struct Args {
    /// Pairs of runs that are counted, after one that is not.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u16).range(3..=200))]
    pairs: u16,
    /// The folder of the binaries: `meshkat` and the services.
    #[arg(long, default_value = "target/release")]
    bin: PathBuf,
}

/// Why something could not be measured.
type Error = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let args = Args::parse();
    match first_answer::measure(&args.bin, usize::from(args.pairs)) {
        Ok(report) => {
            use std::io::Write as _;
            drop(std::io::stdout().write_all(report.as_bytes()));
            ExitCode::SUCCESS
        }
        Err(error) => {
            use std::io::Write as _;
            drop(writeln!(std::io::stderr(), "failed to measure: {error}"));
            ExitCode::FAILURE
        }
    }
}
