//! How Envoy is started, shown with a script in its place.
#![cfg(target_os = "linux")]

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;

/// A folder with a configuration, and a script that tells its process and its arguments, one a line.
fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    let script = folder.path().join("envoy");
    fs::write(
        &script,
        "#!/bin/sh\necho $$\nfor word; do echo \"<$word>\"; done\nexit 7\n",
    )
    .unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(folder.path().join("envoy.yaml"), "{}").unwrap();
    folder
}

fn pod(folder: &Path) -> Command {
    let mut pod = Command::new(env!("CARGO_BIN_EXE_meshkat-pod"));
    pod.arg("envoy")
        .env_remove("ENVOY_STARTUP_PARAMS")
        .env("ENVOY_CONFIG_PATH", folder.join("envoy.yaml"))
        .env("ENVOY_BINARY", folder.join("envoy"))
        .stdout(Stdio::piped());
    pod
}

/// The words that Envoy was given, if it was the very process that was started.
fn words(mut pod: Command) -> Vec<String> {
    // A script that another thread has just written may be open for writing in a child that is between fork and exec.
    let (id, output) = loop {
        let child = pod.stderr(Stdio::piped()).spawn().unwrap();
        let id = child.id();
        let output = child.wait_with_output().unwrap();
        if !String::from_utf8_lossy(&output.stderr).contains("Text file busy") {
            break (id, output);
        }
    };
    assert_eq!(output.status.code(), Some(7), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    let mut lines = said.lines().map(str::to_owned);
    assert_eq!(lines.next(), Some(id.to_string()));
    lines.collect()
}

fn fails(mut pod: Command) -> String {
    let Output { status, stderr, stdout } = pod.output().unwrap();
    let said = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(2), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert_eq!(stdout, b"");
    said
}

#[test]
fn the_configuration_and_all_words_reach_it() {
    let folder = folder();
    let config = format!("<{}>", folder.path().join("envoy.yaml").display());
    assert_eq!(words(pod(folder.path())), ["<-c>", &config]);
    let mut started = pod(folder.path());
    started
        .env("ENVOY_STARTUP_PARAMS", r#" -l debug --service-node 'a b' "" $HOME\ * "#)
        .args(["--help", "--version", "--", "-c", "x y"]);
    assert_eq!(
        words(started),
        [
            "<-c>",
            &config,
            "<-l>",
            "<debug>",
            "<--service-node>",
            "<a b>",
            "<>",
            "<$HOME *>",
            "<--help>",
            "<--version>",
            "<-->",
            "<-c>",
            "<x y>"
        ]
    );
}

#[test]
fn what_is_missing_is_named() {
    let folder = folder();
    let mut started = pod(folder.path());
    started.env("ENVOY_CONFIG_PATH", "/nowhere/envoy.yaml");
    let said = fails(started);
    assert!(
        said.contains("/nowhere/envoy.yaml") && said.contains("ENVOY_CONFIG_PATH"),
        "{said}"
    );

    let mut started = pod(folder.path());
    started.env("ENVOY_CONFIG_PATH", folder.path());
    assert!(fails(started).contains("is a directory"));

    let mut started = pod(folder.path());
    started.env_remove("ENVOY_CONFIG_PATH");
    assert!(Path::new("/etc/envoy/envoy.yaml").exists() || fails(started).contains("/etc/envoy/envoy.yaml"));

    let mut started = pod(folder.path());
    started.env("ENVOY_STARTUP_PARAMS", "-l 'debug");
    assert!(fails(started).contains("ENVOY_STARTUP_PARAMS"));

    let mut started = pod(folder.path());
    started.env("ENVOY_BINARY", "/nowhere/envoy");
    let said = fails(started);
    assert!(
        said.contains("/nowhere/envoy") && said.contains("ENVOY_BINARY"),
        "{said}"
    );

    // The script has its mode and not its program.
    fs::set_permissions(folder.path().join("envoy"), fs::Permissions::from_mode(0o644)).unwrap();
    assert!(fails(pod(folder.path())).contains("ermission denied"));
}
