//! `pet`: the pets of a store.

use std::process::ExitCode;

fn main() -> ExitCode {
    pet::main(std::env::args_os())
}
