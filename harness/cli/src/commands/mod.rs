//! The commands, one file each.

pub(crate) mod busy;
mod clean;
mod completions;
mod cover;
mod doctor;
mod down;
mod envoy;
mod explain;
mod export;
mod fault;
mod init;
mod lint;
mod list;
pub(crate) mod reap;
mod replay;
mod report;
mod rerun;
mod run;
mod running;
mod schema;
mod status;
mod sync;
mod up;

use crate::{
    args::{Args, Command, ExportCommand},
    exit::Exit,
};

/// Runs the command.
pub(crate) async fn dispatch(args: Args) -> Result<(), Exit> {
    match args.command {
        Command::Init(init) => init::run(&init),
        Command::Run(run) => run::run(*run, args.color).await,
        Command::List(list) => list::run(&list).await,
        Command::Lint(lint) => lint::run(&lint).await,
        Command::Explain(explain) => explain::run(&explain).await,
        Command::Cover(cover) => cover::run(&cover),
        Command::Up(up) => up::run(up).await,
        Command::Export {
            command: ExportCommand::Compose(compose),
        } => export::compose(&compose).await,
        Command::Status => status::run().await,
        Command::Down(down) => down::run(&down).await,
        Command::Fault(fault) => fault::run(&fault).await,
        Command::Sync(sync) => sync::run(&sync).await,
        Command::Doctor(doctor) => doctor::run(&doctor).await,
        Command::Clean(clean) => clean::run(&clean).await,
        Command::Schema(schema) => schema::run(&schema),
        Command::Completions { shell } => completions::run(shell),
        Command::Envoy { command } => envoy::run(command).await,
        Command::Replay(replay) => replay::run(replay, args.color).await,
        Command::Report { command } => report::run(command),
        // Handled before anything else is set up.
        Command::Reap { .. } | Command::Busy { .. } => Err(Exit::usage("this command is for meshkat itself")),
    }
}
