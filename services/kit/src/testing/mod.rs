//! Starting services from tests: in this process, or as the real binaries.
//!
//! What cannot be done panics, as a test wants it.

pub mod python;
pub mod siege;

use std::future::Future;
use std::io::{self, BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::launch::Shutdown;

/// How long a test waits for anything at all.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// A service that runs in this process, on a free port of 127.0.0.1.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<io::Result<()>>,
}

impl Running {
    /// Starts a service; it is reachable when this returns.
    pub async fn start<R, F>(run: R) -> Self
    where
        R: FnOnce(TcpListener, Shutdown) -> F,
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        Self::start_on("127.0.0.1", run).await
    }

    /// The same on a free port of another address.
    pub async fn start_on<R, F>(ip: &str, run: R) -> Self
    where
        R: FnOnce(TcpListener, Shutdown) -> F,
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        let listener = TcpListener::bind((ip, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let (stop, stopped) = oneshot::channel();
        let shutdown = Box::pin(async {
            // A dropped handle stops the service too.
            let _ = stopped.await;
        });
        Self {
            address,
            stop,
            task: tokio::spawn(run(listener, shutdown)),
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path, which begins with a slash.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Tells it to stop, and gives the handle of its end.
    pub fn stop(self) -> JoinHandle<io::Result<()>> {
        let _ = self.stop.send(());
        self.task
    }
}

/// A service's binary. Killed when dropped.
#[derive(Debug)]
pub struct Binary {
    child: Child,
    address: SocketAddr,
}

impl Binary {
    /// Starts it on a free port of 127.0.0.1 with further arguments; it listens when this returns.
    pub fn start(path: &str, args: &[&str]) -> Self {
        Self::start_in(path, args, &[])
    }

    /// The same with further variables in its environment.
    pub fn start_in(path: &str, args: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::spawn(&mut Command::new(path), args, environment)
    }

    /// The same with a soft limit of open files, as a shell would give it.
    pub fn start_limited(path: &str, args: &[&str], files: u32) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("ulimit -Sn {files}; exec \"$0\" \"$@\""), path]);
        Self::spawn(&mut shell, args, &[])
    }

    /// The same with a limit of open files that it cannot raise.
    pub fn start_with_few_files(path: &str, args: &[&str], files: u32) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("ulimit -n {files}; exec \"$0\" \"$@\""), path]);
        Self::spawn(&mut shell, args, &[])
    }

    fn spawn(command: &mut Command, args: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut child = command
            .args(["--listen", "127.0.0.1:0"])
            .args(args)
            .env_remove(crate::TOKEN_VARIABLE)
            .envs(environment.iter().copied())
            .env("RUST_LOG", "info")
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let stderr = child.stderr.take().expect("stderr is piped");
        let (send, receive) = mpsc::channel();
        std::thread::spawn(move || {
            // Read on to the end, so that the service never blocks on a full pipe.
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if let Some((_, address)) = line.split_once("listening on ") {
                    let _ = send.send(address.trim().parse().expect("an address"));
                }
            }
        });
        let address = receive
            .recv_timeout(DEADLINE)
            .expect("the binary says where it listens");
        Self { child, address }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path, which begins with a slash.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The id of its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("the process is there");
    }

    /// SIGTERM.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// SIGKILL, and gone when this returns.
    pub fn kill(mut self) {
        self.child.kill().expect("the process is there");
        self.child.wait().expect("the process ends");
    }

    /// Waits for its end: the status, and how long that took.
    pub async fn wait(mut self) -> (ExitStatus, Duration) {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("the process can be waited for") {
                return (status, begun.elapsed());
            }
            assert!(begun.elapsed() < DEADLINE, "the process did not end");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

impl Drop for Binary {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends bytes on a new connection and reads until the peer closes it. A reset counts as a close.
pub async fn exchange(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let work = async {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        stream.write_all(bytes).await.expect("sent");
        let mut answer = Vec::new();
        if let Err(error) = stream.read_to_end(&mut answer).await {
            assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{error}");
        }
        answer
    };
    tokio::time::timeout(DEADLINE, work)
        .await
        .expect("the peer closes the connection in time")
}

/// Waits until nobody listens at an address any more: a service that was told to stop has heard it.
pub async fn refused(address: SocketAddr) {
    let begun = Instant::now();
    while TcpStream::connect(address).await.is_ok() {
        assert!(begun.elapsed() < DEADLINE, "{address} still takes connections");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
