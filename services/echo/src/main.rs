//! `echo`: a backend that tells what reached it.

use std::process::ExitCode;

fn main() -> ExitCode {
    echo::main(std::env::args_os())
}
