//! `sds`: the discovery service.

use std::process::ExitCode;

fn main() -> ExitCode {
    sds::main(std::env::args_os())
}
