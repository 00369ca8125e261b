//! A lab whose meshes run in Docker, and what Docker has of them.

use std::{io::Write as _, ops::Deref, process::Command};

use crate::{lab::Lab, permit::Permit, process::until};

/// A lab that looks into Docker, too, for what is left. No mesh of another test runs beside it.
pub(crate) struct Yard {
    lab: Lab,
    _permit: Permit,
}

impl Deref for Yard {
    type Target = Lab;

    fn deref(&self) -> &Lab {
        &self.lab
    }
}

impl Yard {
    /// None, and told so, where there is no Docker.
    pub(crate) fn open() -> Option<Self> {
        is_there().then(|| Self {
            lab: Lab::new(),
            _permit: Permit::two(),
        })
    }

    /// The names of the containers and networks of this lab's runs.
    pub(crate) fn left(&self) -> Vec<String> {
        let label = format!("label=meshkat.state-dir={}", self.state().display());
        let mut all = docker(&["ps", "--all", "--filter", &label, "--format", "{{.Names}}"]);
        all.extend(docker(&["network", "ls", "--filter", &label, "--format", "{{.Name}}"]));
        all
    }

    /// Waits until Docker has nothing of this lab's runs, and no reaper is at work.
    #[track_caller]
    pub(crate) fn docker_is_empty(&self) {
        until("nothing is left in Docker", || {
            self.left().is_empty() && self.processes().is_empty()
        });
    }
}

impl Drop for Yard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            drop(self.lab.command(&["clean", "--force"]).output());
        } else {
            self.docker_is_empty();
        }
    }
}

/// Whether Docker can be used; it has to be if the environment says so.
pub(crate) fn is_there() -> bool {
    let answer = Command::new("docker").arg("version").output();
    let there = answer.is_ok_and(|answer| answer.status.success());
    let required = std::env::var("MESHKAT_TEST_DOCKER").is_ok_and(|wish| wish == "required");
    assert!(
        there || !required,
        "there is no Docker, and MESHKAT_TEST_DOCKER=required"
    );
    if !there {
        drop(writeln!(std::io::stderr(), "SKIPPED: there is no Docker"));
    }
    there
}

/// The lines that the Docker command line says.
#[track_caller]
pub(crate) fn docker(args: &[&str]) -> Vec<String> {
    let answer = Command::new("docker").args(args).output().expect("docker is there");
    assert!(
        answer.status.success(),
        "docker {args:?}: {}",
        String::from_utf8_lossy(&answer.stderr)
    );
    let lines = String::from_utf8(answer.stdout).expect("it is text");
    lines.lines().map(str::to_owned).collect()
}
