//! The `main` of every service's binary.

use std::future::Future;
use std::io::{self, IsTerminal as _};
use std::net::SocketAddr;
use std::pin::Pin;
use std::process::ExitCode;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::args::ServiceArgs;
use crate::identity::Identity;
use crate::log::OneLine;

/// The exit code of a wrong flag or a file that is invalid.
pub const EXIT_USAGE: u8 = 2;

/// The exit code of an environment that does not allow the service to run, such as an address in use.
pub const EXIT_ENVIRONMENT: u8 = 3;

/// Resolves when the service is to stop.
pub type Shutdown = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Logs to stderr, binds, runs the service until SIGTERM or SIGINT, and returns the exit code of the process.
///
/// 0: stopped as told. [`EXIT_USAGE`]: the host's name cannot be the instance's, or the rules of who may write are invalid. [`EXIT_ENVIRONMENT`]: no listener, or
/// `run` failed. Whatever fails is one line on stderr.
pub fn launch<R, F>(service: &'static str, args: &ServiceArgs, run: R) -> ExitCode
where
    R: FnOnce(TcpListener, Identity, Shutdown) -> F,
    F: Future<Output = io::Result<()>>,
{
    log_to_stderr();
    allow_many_connections();
    crate::memory::keep_together();
    let identity = match args.identity(service) {
        Ok(identity) => identity,
        Err(error) => return fail(service, EXIT_USAGE, &format!("{error}; give one with --instance")),
    };
    let identity = match args.guard.guard() {
        Ok(guard) => identity.guarded(guard),
        Err(error) => return fail(service, EXIT_USAGE, &error.to_string()),
    };
    // A pod is small and many run side by side: two threads each, however many cores there are.
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return fail(service, EXIT_ENVIRONMENT, &format!("cannot start threads: {error}")),
    };
    let result = runtime.block_on(async {
        let shutdown = signalled().map_err(|error| format!("cannot handle signals: {error}"))?;
        let listen = args.listen;
        let listener = bind(listen).await.map_err(|error| error.to_string())?;
        run(listener, identity, Box::pin(shutdown))
            .await
            .map_err(|error| error.to_string())
    });
    // Without a limit this would wait for blocking work, such as a name being looked up.
    runtime.shutdown_timeout(Duration::from_millis(50));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => fail(service, EXIT_ENVIRONMENT, &message),
    }
}

/// Listens at an address.
///
/// # Errors
/// It cannot be had, and the error says which.
pub async fn bind(listen: SocketAddr) -> io::Result<TcpListener> {
    let bound = TcpListener::bind(listen).await;
    bound.map_err(|error| io::Error::new(error.kind(), format!("cannot listen on {listen}: {error}")))
}

/// Raises the limit of open files to what the system allows this process: each connection is one, and the usual 1024 is
/// for programs that were written when waiting for more took something else.
fn allow_many_connections() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!("the limit of open files stays {:?}: {error}", limit.current);
    }
}

fn fail(service: &str, code: u8, message: &str) -> ExitCode {
    eprintln!("{service}: {message}");
    ExitCode::from(code)
}

/// Resolves on SIGTERM or SIGINT. The handlers are in place when this returns, so that no signal is lost or deadly.
fn signalled() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// `RUST_LOG` chooses what is logged, `info` by default; colours only on a terminal and without `NO_COLOR`.
fn log_to_stderr() {
    let filter = EnvFilter::builder()
        .with_default_directive(tracing::Level::INFO.into())
        .from_env_lossy();
    let colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(colours)
        .with_writer(|| OneLine(io::stderr()));
    // Fails only if the process already has a subscriber, which then stays.
    let _ = subscriber.try_init();
}
