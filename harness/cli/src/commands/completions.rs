//! `meshkat completions`.

use clap::CommandFactory;

use crate::{args::Args, exit::Exit, output::print_exactly};

pub(crate) fn run(shell: clap_complete::Shell) -> Result<(), Exit> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "meshkat", &mut script);
    print_exactly(&String::from_utf8_lossy(&script));
    Ok(())
}
