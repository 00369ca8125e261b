//! A mesh that `meshkat up` runs.

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
};

use crate::Error;

/// A `meshkat up` that runs.
pub(crate) struct Up {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Up {
    /// Starts the petshop; `more` are further arguments.
    pub(crate) fn start(bin: &Path, more: &[&str]) -> Result<Self, Error> {
        let mut child = Command::new(bin.join("meshkat"))
            .args(["up", "petshop", "--in-background"])
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let out = child.stdout.take().ok_or("no output")?;
        Ok(Self {
            child,
            lines: BufReader::new(out).lines(),
        })
    }

    /// The address of the ingress, which `up` tells before the mesh is ready.
    pub(crate) fn ingress(&mut self) -> Result<SocketAddr, Error> {
        let line = self.lines.next().ok_or("`meshkat up` told no address")??;
        let url = line
            .strip_prefix("ingress http://")
            .ok_or_else(|| format!("unexpected: {line}"))?;
        Ok(url.parse()?)
    }

    /// Waits until it says that the mesh is ready.
    pub(crate) fn wait_ready(&mut self) -> Result<(), Error> {
        for line in self.lines.by_ref() {
            if line? == "ready" {
                return Ok(());
            }
        }
        Err("`meshkat up` never was ready".into())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it, and waits until nothing of it is left.
    pub(crate) fn end(mut self) -> Result<(), Error> {
        Command::new("kill").arg(self.child.id().to_string()).status()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        // Only where measuring failed: it has ended otherwise.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
