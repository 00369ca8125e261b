//! `collector`: what Envoys send out.

use std::process::ExitCode;

fn main() -> ExitCode {
    collector::main(std::env::args_os())
}
