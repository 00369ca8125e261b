//! `ratelimit`: a rate limit service that Envoys ask.

use std::process::ExitCode;

fn main() -> ExitCode {
    ratelimit::main(std::env::args_os())
}
