//! A project of the test's own, which it may break: the repository's scenarios and Envoy configurations, a folder for state
//! and a folder for reports.

use std::{
    fs,
    net::{SocketAddr, TcpStream},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    sync::Once,
    time::Duration,
};

use meshkat_model::results::{CaseResult, Failure, Results};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::{
    permit::Permit,
    process::{Running, Told, command_line, send, until, with_environment},
};

const STATE_DIR: &str = "MESHKAT_STATE_DIR";

/// The binary that cargo has built for these tests.
pub(crate) fn meshkat() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_meshkat"))
}

/// Nothing of it is left when it is dropped, or the test has failed.
pub(crate) struct Lab {
    folder: TempDir,
}

impl Lab {
    pub(crate) fn new() -> Self {
        build_services();
        let lab = Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
        };
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for part in ["scenarios", "envoy-configs"] {
            copy(&repository.join(part), &lab.project().join(part));
        }
        for part in ["said", "tmp"] {
            fs::create_dir(lab.path(part)).expect("the folder is the test's own");
        }
        lab
    }

    pub(crate) fn path(&self, part: &str) -> PathBuf {
        self.folder.path().join(part)
    }

    pub(crate) fn project(&self) -> PathBuf {
        self.path("project")
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.path("state")
    }

    /// The header of those who may change what the services of the one mesh that is up do, as its file has it.
    pub(crate) fn authorization(&self) -> String {
        let runs = self.state().join("runs");
        let all = names(&runs);
        let [run] = all.as_slice() else {
            panic!("one mesh is up");
        };
        let header = fs::read_to_string(runs.join(run).join("authorization")).expect("the mesh has left it");
        header.trim_end().to_owned()
    }

    /// Where `run` puts its report.
    pub(crate) fn report(&self) -> PathBuf {
        self.project().join("report")
    }

    /// Replaces the one place in a file of the project where `from` is.
    #[track_caller]
    pub(crate) fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.project().join(file);
        let text = fs::read_to_string(&path).expect("the file is there");
        assert_eq!(text.matches(from).count(), 1, "`{from}` in {file}");
        fs::write(path, text.replace(from, to)).expect("the folder is the test's own");
    }

    /// Takes every scenario out of the project, and leaves the meshes.
    pub(crate) fn remove_scenarios(&self) {
        let scenarios = self.project().join("scenarios");
        for name in names(&scenarios).into_iter().filter(|name| name != "meshes") {
            let path = scenarios.join(name);
            let removed = if path.is_dir() {
                fs::remove_dir_all(&path)
            } else {
                fs::remove_file(&path)
            };
            removed.expect("the folder is the test's own");
        }
    }

    /// Writes a file of the project.
    pub(crate) fn write(&self, file: &str, text: &str) {
        let path = self.project().join(file);
        fs::create_dir_all(path.parent().expect("it is in a folder")).expect("the folder is the test's own");
        fs::write(path, text).expect("the folder is the test's own");
    }

    /// Puts a script beside the project and gives its path.
    pub(crate) fn program(&self, name: &str, script: &str) -> String {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("it is in a folder")).expect("the folder is the test's own");
        fs::write(&path, script).expect("the folder is the test's own");
        fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("the file is the test's own");
        path.display().to_string()
    }

    /// The line of a file in which `text` is, from 1.
    #[track_caller]
    pub(crate) fn line_of(&self, file: &str, text: &str) -> usize {
        let whole = fs::read_to_string(self.project().join(file)).expect("the file is there");
        let at = whole.lines().position(|line| line.contains(text));
        at.unwrap_or_else(|| panic!("`{text}` is not in {file}")) + 1
    }

    /// `meshkat` with these arguments, in the project.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(meshkat());
        command.args(args).current_dir(self.project());
        command
            .env(STATE_DIR, self.state())
            .env("TMPDIR", self.path("tmp"))
            .env("NO_COLOR", "1")
            .env("CI", "1");
        for variable in [
            "MESHKAT_SERVICES",
            "MESHKAT_LOG",
            "MESHKAT_CALLED_AS",
            "RUST_BACKTRACE",
            "CLICOLOR_FORCE",
        ] {
            command.env_remove(variable);
        }
        command
    }

    /// `meshkat run` with the report where [`Lab::results`] looks for it. One mesh after the other, unless something else is said: so
    /// the order in which cases end is known.
    pub(crate) fn run_command(&self, args: &[&str]) -> Command {
        let jobs: &[&str] = if args.contains(&"--jobs") {
            &[]
        } else {
            &["--jobs", "1"]
        };
        self.command(&[&["run", "--report-dir", "report"], jobs, args].concat())
    }

    pub(crate) fn start(&self, command: Command, name: &str) -> Running {
        Running::start(command, &self.path("said"), name)
    }

    /// A command that starts no mesh.
    #[track_caller]
    pub(crate) fn tell(&self, args: &[&str]) -> Told {
        self.tell_command(self.command(args))
    }

    #[track_caller]
    pub(crate) fn tell_command(&self, command: Command) -> Told {
        self.start(command, "told").end()
    }

    /// A run, with its leave.
    #[track_caller]
    pub(crate) fn run(&self, args: &[&str]) -> Told {
        let _permit = Permit::one();
        self.tell_command(self.run_command(args))
    }

    #[track_caller]
    pub(crate) fn results(&self) -> Results {
        let text = fs::read_to_string(self.report().join("results.json")).expect("there was a run");
        serde_json::from_str(&text).expect("it is a report")
    }

    /// The ids of the cases of the report, each with how it ended.
    #[track_caller]
    pub(crate) fn verdicts(&self) -> Vec<(String, &'static str)> {
        self.results()
            .cases
            .into_iter()
            .map(|case| (case.id, case.status.word()))
            .collect()
    }

    #[track_caller]
    pub(crate) fn case(&self, id: &str) -> CaseResult {
        let case = self.results().cases.into_iter().find(|case| case.id == id);
        case.unwrap_or_else(|| panic!("{id} is not in the report"))
    }

    #[track_caller]
    pub(crate) fn failure(&self, id: &str) -> Failure {
        self.case(id).failure.unwrap_or_else(|| panic!("{id} has not failed"))
    }

    /// The names of the runs that there are, alive or dead.
    pub(crate) fn runs(&self) -> Vec<String> {
        names(&self.state().join("runs"))
    }

    /// The processes of this lab.
    pub(crate) fn processes(&self) -> Vec<u32> {
        with_environment(STATE_DIR, &self.state())
    }

    /// Waits until no process, no run and no temporary file is left.
    #[track_caller]
    pub(crate) fn nothing_is_left(&self) {
        until("every process is gone", || self.processes().is_empty());
        assert_eq!(self.runs(), [""; 0], "a run's folder is left");
        assert_eq!(names(&self.path("tmp")), [""; 0], "a temporary file is left");
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return self.nothing_is_left();
        }
        for pid in self.processes() {
            tell_of(pid);
            send(pid, Signal::KILL);
        }
    }
}

/// Tells whom a test that failed has left.
fn tell_of(pid: u32) {
    use std::io::Write as _;
    drop(writeln!(
        std::io::stderr(),
        "left: process {pid}: {}",
        command_line(pid)
    ));
}

/// The names in a folder; none where there is no folder.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// A GET request on a connection of its own: the status and all that came, or nothing where nothing came in time.
pub(crate) fn get(socket: SocketAddr, path: &str, patience: Duration) -> Option<(u16, String)> {
    use std::io::{Read as _, Write as _};
    let mut stream = TcpStream::connect_timeout(&socket, patience).ok()?;
    stream.set_read_timeout(Some(patience)).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: mesh\r\nconnection: close\r\n\r\n").ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1)?.parse().ok()?;
    Some((status, answer))
}

pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the folder is the test's own");
    for entry in fs::read_dir(from).expect("the folder is there").flatten() {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(&from, &to).expect("the folder is the test's own");
        }
    }
}

/// Puts the two Envoys into the cache that tests with several versions run.
pub(crate) fn fetch_envoys() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for version in ["1.38", "1.40"] {
            // Not through a lab: what comes over a network may take as long as it likes.
            let fetched = Command::new(meshkat()).args(["envoy", "fetch", version]).output();
            let fetched = fetched.expect("meshkat is there");
            let told = String::from_utf8_lossy(&fetched.stderr);
            assert!(fetched.status.success(), "Envoy {version} cannot be had: {told}");
        }
    });
}

/// The services' binaries lie beside `meshkat`, but only after a build of the whole workspace.
fn build_services() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let folder = meshkat().parent().expect("a program is in a folder");
        let services = ["pet", "petstore", "echo", "sds", "meshkat-pod"];
        if services.iter().all(|service| folder.join(service).is_file()) {
            return;
        }
        let profile = match folder.file_name().and_then(|name| name.to_str()) {
            Some("debug") | None => "dev",
            Some(other) => other,
        };
        // Another test program that does the same waits for cargo's own lock.
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--workspace", "--bins", "--profile", profile, "--target-dir"]);
        cargo.arg(folder.parent().expect("the folder of a profile is in one"));
        let status = cargo
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status()
            .expect("cargo is there");
        assert!(status.success(), "the services cannot be built");
    });
}
