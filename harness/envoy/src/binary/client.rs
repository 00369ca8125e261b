//! The clients of the Python package index that this machine has.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::program;

/// One client that can install a wheel into a folder.
pub(super) struct Client {
    /// As a person would call it.
    pub(super) name: &'static str,
    program: PathBuf,
    leading: &'static [&'static str],
    options: &'static [&'static str],
}

/// Without any Python, uv would first fetch one that is larger than Envoy.
const UV: &[&str] = &["--no-python-downloads"];
const PIP: &[&str] = &["--no-input", "--disable-pip-version-check", "--retries", "2"];

impl Client {
    /// Every client on the search path, best first. `here` is an empty folder.
    pub(super) fn all(search_path: &OsStr, here: &Path) -> Vec<Self> {
        let find = |name| program::find(name, search_path);
        let pip = |name, program, leading| Self {
            name,
            program,
            leading,
            options: PIP,
        };
        let mut clients = Vec::new();
        if let Some(program) = find("uv") {
            clients.push(Self {
                name: "uv",
                program,
                leading: &["pip", "install"],
                options: UV,
            });
        }
        if let Some(program) = find("pip") {
            clients.push(pip("pip", program, &["install"]));
        } else if let Some(program) = find("pip3") {
            clients.push(pip("pip3", program, &["install"]));
        }
        if let Some(program) = find("python3").filter(|python| has_pip(python, here)) {
            clients.push(pip("python3 -m pip", program, &["-m", "pip", "install"]));
        }
        if let Some(program) = find("pipx") {
            clients.push(pip("pipx run pip", program, &["run", "pip", "install"]));
        }
        clients
    }

    /// Installs what the requirements file pins, and nothing else, into `target`. It starts in `here`, a folder of our own:
    /// `python3 -m pip` runs a `pip.py` of the folder that it starts in, and uv takes settings from the files there.
    pub(super) fn install(&self, requirements: &Path, target: &Path, here: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command
            .current_dir(here)
            .args(self.leading)
            .args(["--no-deps", "--require-hashes", "--only-binary", ":all:"])
            .args(self.options)
            .arg("--target")
            .arg(target)
            .arg("-r")
            .arg(requirements)
            // The target is a folder of our own: pip's warning about the root user is beside the point.
            .env("PIP_ROOT_USER_ACTION", "ignore");
        command
    }
}

/// Many machines have a Python without pip: that is no client.
fn has_pip(python: &Path, here: &Path) -> bool {
    Command::new(python)
        .current_dir(here)
        .args(["-m", "pip", "--version"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
