//! `petstore`: a store and its pets, found through its own Envoy.

use std::process::ExitCode;

fn main() -> ExitCode {
    petstore::main(std::env::args_os())
}
