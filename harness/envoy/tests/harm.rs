//! What a judged configuration, or whatever judges it, can do outside of its folder: nothing, wherever the system offers a
//! sandbox. A shell script stands for an Envoy that a configuration has taken over.

mod support;

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use meshkat_envoy::{
    Sandbox,
    config::{Bootstrap, ValidateError, Validator},
};
use rustix::{
    fs::{CWD, Mode, mkfifoat},
    process::{Pid, test_kill_process},
};
use support::{envoy, file, validator};

struct Machine {
    root: tempfile::TempDir,
}

impl Machine {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("project")).unwrap();
        Self { root }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// The configuration of the pod `pet`, after a change, in the project.
    fn config(&self, from: &str, to: &str) -> PathBuf {
        let text = fs::read_to_string(file("pet")).unwrap();
        assert!(text.contains(from), "{from}");
        self.write("project/pet.yaml", &text.replacen(from, to, 1))
    }

    fn with_body_of(&self, path: &Path) -> PathBuf {
        let from = "direct_response: {status: 404}";
        let to = format!(
            "direct_response: {{status: 404, body: {{filename: {}}}}}",
            path.display()
        );
        self.config(from, &to)
    }

    /// A judge that is a script.
    fn script(&self, script: &str) -> Validator {
        let path = self.path("judge");
        // A child writes it: what this process has open for writing while another thread forks could not be run.
        let mut child = std::process::Command::new("sh")
            .args(["-c", r#"cat > "$0" && chmod 755 "$0""#])
            .arg(&path)
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let script = format!(
            "#!/bin/sh\n{}\n",
            script.replace("{root}", self.root.path().to_str().unwrap())
        );
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), script.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
        Validator::new(&path)
    }
}

/// Each of them that this system offers; there has to be one where the tests count.
fn sandboxes() -> Vec<Sandbox> {
    let offered: Vec<_> = [Sandbox::Landlock, Sandbox::Namespaces]
        .into_iter()
        .filter(|sandbox| sandbox.is_offered())
        .collect();
    assert!(
        !offered.is_empty() || cfg!(not(target_os = "linux")),
        "this Linux offers neither Landlock nor namespaces, and nothing can be proven of them"
    );
    offered
}

/// What the judge said.
fn said(judge: &Validator) -> String {
    match judge.validate_file(&file("pet")) {
        Err(ValidateError::Refused { message }) => message,
        other => panic!("{other:?}"),
    }
}

#[test]
fn nothing_outside_is_written() {
    for sandbox in sandboxes() {
        let machine = Machine::new();
        let there = machine.write("there", "as it was");
        let judge = machine.script(
            "echo x > inside && cat inside >&2\nfor to in {root}/there {root}/new {root}/project/new /tmp/meshkat-harm; do\n  \
             echo x >> $to\n  printf y > $to\n  mkdir $to.d\n  rm $to\n  ln -s /etc $to.l\ndone\nexit 1",
        );
        let told = said(&judge.within_sandbox(sandbox));
        assert!(
            told.starts_with("x\n"),
            "{sandbox:?}: it can write to its own folder: {told}"
        );
        assert_eq!(fs::read_to_string(&there).unwrap(), "as it was", "{sandbox:?}");
        let mut names: Vec<_> = fs::read_dir(machine.root.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        assert_eq!(names, ["judge", "project", "there"], "{sandbox:?}");
        assert_eq!(fs::read_dir(machine.path("project")).unwrap().count(), 0, "{sandbox:?}");
        assert!(!Path::new("/tmp/meshkat-harm").exists() && !Path::new("/tmp/meshkat-harm.d").exists());
    }
}

#[test]
fn the_real_envoy_writes_to_no_log_in_whatever_disguise() {
    for sandbox in sandboxes() {
        let machine = Machine::new();
        let there = machine.write("there", "as it was");
        let wrapped = format!(
            "name: x\n            typed_config:\n              \"@type\": type.googleapis.com/xds.type.v3.TypedStruct\n              \
             type_url: type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog\n              \
             value: {{path: {}}}\n          - name: envoy.access_loggers.stdout",
            there.display()
        );
        let config = machine.config("name: envoy.access_loggers.stdout", &wrapped);
        let error = validator().within_sandbox(sandbox).validate_file(&config).unwrap_err();
        assert!(
            error.to_string().contains("unable to open file"),
            "{sandbox:?}: {error}"
        );
        assert!(error.help().unwrap().contains("--readable PATH"), "{error}");
        assert_eq!(fs::read_to_string(&there).unwrap(), "as it was", "{sandbox:?}");
    }
}

#[test]
fn a_file_outside_of_the_project_is_neither_read_nor_quoted() {
    if !Sandbox::Landlock.is_offered() {
        return;
    }
    let machine = Machine::new();
    let secret = machine.write("secret", "return )) hunter2");
    fs::create_dir(machine.path("project/.ssh")).unwrap();
    let hidden = machine.write("project/.ssh/key", "return )) hunter2");
    let lua = |path: &Path| {
        let router = "          - name: envoy.filters.http.router";
        let filter = format!(
            "          - name: lua\n            typed_config:\n              \
             \"@type\": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua\n              \
             default_source_code: {{filename: {}}}\n{router}",
            path.display()
        );
        let text = fs::read_to_string(file("pet")).unwrap();
        assert!(text.contains(router));
        machine.write("project/pet.yaml", &text.replacen(router, &filter, 1))
    };
    for path in [&secret, &hidden] {
        let error = validator().validate_file(&lua(path)).unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
        // Where it may be read, Envoy quotes it.
        let error = validator().reads(path).validate_file(&lua(path)).unwrap_err();
        assert!(error.to_string().contains("hunter2"), "{error}");
    }
    // What lies in the project is read as ever.
    let open = machine.write("project/filter.lua", "function envoy_on_request(handle) end");
    validator().validate_file(&lua(&open)).unwrap();
}

#[test]
fn a_pipe_and_a_device_do_not_keep_it() {
    let machine = Machine::new();
    let pipe = machine.path("project/pipe");
    mkfifoat(CWD, &pipe, Mode::RUSR | Mode::WUSR).unwrap();
    // Without a place where it can do no harm, it waits for whoever writes to the pipe, until its time is over.
    let impatient = validator()
        .within_sandbox(Sandbox::Nothing)
        .within(Duration::from_millis(300));
    let error = impatient.validate_file(&machine.with_body_of(&pipe)).unwrap_err();
    assert!(matches!(error, ValidateError::TooLate { .. }), "{error}");
    assert!(error.help().unwrap().contains("--validate-within"), "{error}");
    if Sandbox::Landlock.is_offered() {
        // What is no regular file may not be read.
        for odd in [pipe.as_path(), Path::new("/dev/zero"), Path::new("/proc/self/mem")] {
            let error = validator().validate_file(&machine.with_body_of(odd)).unwrap_err();
            assert!(
                matches!(error, ValidateError::Refused { .. }),
                "{}: {error}",
                odd.display()
            );
        }
    }
    // The configuration itself.
    let error = validator().validate_file(&pipe).unwrap_err();
    assert!(error.to_string().contains("not a regular file"), "{error}");
    for device in ["/dev/zero", "/proc/self/mem"] {
        let error = Bootstrap::read(Path::new(device)).unwrap_err();
        assert!(
            error.to_string().starts_with(&format!("failed to read {device}")),
            "{error}"
        );
    }
}

#[test]
fn one_that_spins_is_ended_with_all_that_it_started() {
    for sandbox in sandboxes().into_iter().chain([Sandbox::Nothing]) {
        let machine = Machine::new();
        let judge = machine
            .script("sleep 1000 & echo $! >&2\nwhile :; do :; done")
            .within_sandbox(sandbox)
            .within(Duration::from_millis(500));
        let error = judge.validate_file(&file("pet")).unwrap_err();
        assert!(matches!(error, ValidateError::TooLate { .. }), "{sandbox:?}: {error}");

        // One that ends, and leaves something behind that holds its output open.
        let judge = machine
            .script("sleep 1000 & echo $! >&2; exit 1")
            .within_sandbox(sandbox);
        let left = said(&judge).parse().ok().and_then(Pid::from_raw).unwrap();
        // Killed it is; that it is gone takes whoever inherited it.
        let start = Instant::now();
        while test_kill_process(left).is_ok() && !is_zombie(left) {
            assert!(
                start.elapsed() < Duration::from_secs(30),
                "{sandbox:?}: {left:?} is left behind"
            );
            std::thread::yield_now();
        }
    }
}

fn is_zombie(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    stat.rsplit_once(')')
        .is_none_or(|(_, rest)| rest.trim_start().starts_with(['Z', 'X']))
}

#[test]
fn output_without_end_ends() {
    for sandbox in sandboxes().into_iter().chain([Sandbox::Nothing]) {
        let machine = Machine::new();
        let judge = machine
            .script("echo first >&2; exec yes 0123456789 >&2")
            .within_sandbox(sandbox);
        let told = said(&judge);
        assert!(
            told.starts_with("first\n") && told.len() < 200_000,
            "{sandbox:?}: {}",
            told.len()
        );
    }
}

#[test]
fn it_has_limits_no_network_and_nothing_of_our_environment() {
    for sandbox in sandboxes() {
        let machine = Machine::new();
        let judge = machine
            .script("{ ulimit -c; ulimit -f; ulimit -d; pwd; env; cut -d: -f1 /proc/net/dev; } >&2; exit 1")
            .within_sandbox(sandbox);
        let told = said(&judge);
        let lines: Vec<&str> = told.lines().map(str::trim).collect();
        assert_eq!(lines[..3], ["0", "32768", "2097152"], "{sandbox:?}: {told}");
        assert!(lines[3].starts_with(std::env::temp_dir().to_str().unwrap()), "{told}");
        assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
        for line in &lines[4..] {
            if let Some((name, _)) = line.split_once('=') {
                let known = ["PATH", "HOME", "TMPDIR", "LC_ALL", "PWD", "OLDPWD", "SHLVL", "_"];
                assert!(known.contains(&name), "{sandbox:?}: {line}");
            }
        }
        if Sandbox::Namespaces.is_offered() {
            let interfaces: Vec<&&str> = lines
                .iter()
                .filter(|line| line.starts_with("eth") || line.starts_with("en"))
                .collect();
            assert!(interfaces.is_empty() && lines.contains(&"lo"), "{sandbox:?}: {told}");
        }
    }
}

#[test]
fn a_variable_that_it_asks_for_has_no_value_of_ours() {
    let machine = Machine::new();
    let from = "direct_response: {status: 404}";
    let to = "direct_response: {status: 404, body: {environment_variable: HOME}}";
    validator().validate_file(&machine.config(from, to)).unwrap();
    let missing = "direct_response: {status: 404, body: {environment_variable: MESHKAT_NO_SUCH}}";
    let error = validator().validate_file(&machine.config(from, missing)).unwrap_err();
    assert!(error.to_string().contains("MESHKAT_NO_SUCH"), "{error}");
}

#[test]
fn what_is_named_by_a_relative_path_is_found_beside_the_configuration() {
    // Wherever we are: tests run in the crate's folder, which has a file of the second name.
    let machine = Machine::new();
    let config = machine.with_body_of(Path::new("body.txt"));
    std::fs::write(config.with_file_name("body.txt"), "hello").unwrap();
    validator().validate_file(&config).unwrap();
    let error = validator()
        .validate_file(&machine.with_body_of(Path::new("Cargo.toml")))
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("there is no file `Cargo.toml` beside the configuration"),
        "{error}"
    );
}

#[test]
fn an_envoy_that_is_gone_is_told() {
    let error = Validator::new(Path::new("/nonexistent/envoy"))
        .validate_file(&file("pet"))
        .unwrap_err();
    assert!(
        matches!(&error, ValidateError::CannotAsk(_)) && error.to_string().contains("/nonexistent/envoy"),
        "{error}"
    );
    assert!(fs::metadata(&envoy().path).unwrap().permissions().mode() & 0o111 != 0);
}
