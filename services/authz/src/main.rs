//! `authz`: an authorization service that Envoys ask.

use std::process::ExitCode;

fn main() -> ExitCode {
    authz::main(std::env::args_os())
}
