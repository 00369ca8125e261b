//! A service's binary that is measured, on a port of its own.

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, ChildStderr, Command, Stdio},
    thread,
};

use crate::Error;

/// A service that runs. Killed when dropped.
#[derive(Debug)]
pub(crate) struct Service {
    child: Child,
    address: SocketAddr,
}

impl Service {
    /// Starts the binary of that name; it listens when this returns.
    ///
    /// # Errors
    /// There is no such binary, or it ended instead of listening.
    pub(crate) fn start(bin: &Path, name: &str, instance: &str) -> Result<Self, Error> {
        let binary = bin.join(name);
        let mut child = Command::new(&binary)
            .args(["--listen", "127.0.0.1:0", "--instance", instance])
            .env("RUST_LOG", "info")
            .env_remove("STATE")
            .env_remove("MESHKAT_TOKEN")
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}; build first: cargo build --release", binary.display()))?;
        let told = child.stderr.take().ok_or("no output")?;
        match listening(told) {
            Ok(address) => Ok(Self { child, address }),
            Err(error) => {
                end(&mut child);
                Err(format!("{}: {error}", binary.display()).into())
            }
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path, which begins with a slash.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// Ends a process that may have ended already.
pub(crate) fn end(child: &mut Child) {
    drop(child.kill());
    drop(child.wait());
}

/// Where a service says that it listens. What it says afterwards is read too, so that it never blocks on a full pipe.
fn listening(told: ChildStderr) -> Result<SocketAddr, Error> {
    let mut lines = BufReader::new(told).lines();
    let mut last = String::new();
    for line in lines.by_ref() {
        let line = line?;
        if let Some((_, address)) = line.split_once("listening on ") {
            let address = address.trim().parse()?;
            thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
            return Ok(address);
        }
        last = line;
    }
    Err(format!("it ended: {last}").into())
}
