//! Each bench in its smallest form: it runs to its end and prints its table. What the figures are is not judged.

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
    sync::Once,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

fn bench() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_meshkat-bench"))
}

/// Builds what is measured, unless it lies there already.
fn build() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let folder = bench().parent().expect("a program is in a folder");
        let binaries = ["meshkat", "pet", "petstore", "echo", "sds"];
        if binaries.iter().all(|binary| folder.join(binary).is_file()) {
            return;
        }
        let profile = match folder.file_name().and_then(|name| name.to_str()) {
            Some("debug") | None => "dev",
            Some(other) => other,
        };
        let status = Command::new(env!("CARGO"))
            .args(["build", "--workspace", "--bins", "--profile", profile, "--target-dir"])
            .arg(folder.parent().expect("the folder of a profile is in one"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status()
            .expect("cargo is there");
        assert!(status.success(), "the binaries cannot be built");
    });
}

fn run(arguments: &[&str]) -> Output {
    build();
    Command::new(bench())
        .args(arguments)
        .arg("--bin")
        .arg(bench().parent().expect("a program is in a folder"))
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
        .output()
        .expect("it runs")
}

fn prints(only: &str, expected: &[&str]) {
    let output = run(&["--quick", "--only", only]);
    let (out, told) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{told}");
    for part in expected {
        assert!(out.contains(part), "no {part:?} in:\n{out}");
    }
    assert!(!out.contains("NaN"), "{out}");
}

#[test]
fn the_suite_tells_what_each_program_used() {
    prints("suite", &["│ meshkat ", "│ envoy ", "│ sds ", "each request: "]);
}

#[test]
fn the_driver_is_measured_beside_others() {
    prints(
        "driver",
        &[
            "│ HTTP/1.1, 1 connections ",
            "│ HTTP/2, 8 connections ",
            "open loop at 500/s",
            "50 requests one after the other",
            "│ driver ",
            "memory of this process during an open loop at 2000/s",
        ],
    );
}

#[test]
fn latency_has_a_row_for_each_transport_and_the_bound() {
    prints(
        "xds-latency",
        &[
            "│ rest,",
            "│ grpc ",
            "│ delta-grpc ",
            "│ ads ",
            "│ delta-ads ",
            "│ bound:",
        ],
    );
}

#[test]
fn fanout_has_both_variants_both_shapes_and_the_goals() {
    prints(
        "xds-fanout",
        &[
            "│ State of the World, 1 service of 5 ",
            "│ State of the World, 5 services of 1 ",
            "│ delta, 1 service of 5 ",
            "│ delta, 5 services of 1 ",
            "goals: all have it within 250 ms",
        ],
    );
}

#[test]
fn churn_ends_on_the_last_version() {
    prints("xds-churn", &["│ State of the World ", "│ delta ", "10 of 10"]);
}

#[test]
fn bytes_compares_both_variants() {
    prints(
        "xds-bytes",
        &["│ State of the World ", "│ delta ", "delta spares a factor of"],
    );
}

#[test]
fn hostile_clients_stand_beside_none() {
    prints(
        "xds-hostile",
        &["│ State of the World ", "│ delta ", "goals: p99 at most 1.5 times"],
    );
}

#[test]
fn what_is_not_there_to_be_measured_is_an_error() {
    let output = Command::new(bench())
        .args(["--quick", "--only", "xds-bytes", "--bin", "/nowhere"])
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("/nowhere/sds") && told.contains("build first"), "{told}");
}

#[test]
fn nothing_is_left_of_a_bench_that_is_told_to_stop() {
    build();
    let mut bench = Command::new(bench())
        .args(["--only", "xds-churn", "--bin"])
        .arg(bench().parent().expect("a program is in a folder"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it runs");
    let children = format!("/proc/{0}/task/{0}/children", bench.id());
    // Each thread has its own children: the first thread is the one that measures.
    let service = until("a service was started", || {
        fs::read_to_string(&children)
            .ok()?
            .split_whitespace()
            .next()
            .map(str::to_owned)
    });
    kill_process(Pid::from_child(&bench), Signal::TERM).expect("it is there");
    assert_eq!(bench.wait().expect("it ends").code(), Some(1));
    assert!(!Path::new(&format!("/proc/{service}")).exists());
}

/// Waits for something to be there.
fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "never: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn sizes_of_arrays_stand_beside_the_published_ones() {
    prints("cover", &["│ 3⁴ ", "│ 3¹³ ", "PICT", "allpairspy is left out"]);
}

#[test]
fn shared_meshes_stand_beside_meshes_of_their_own() {
    prints(
        "planner",
        &[
            "each on its own mesh",
            "as planned",
            "6 cases: 6 passed",
            "6 meshes)",
            "2 meshes, 4 repairs)",
        ],
    );
}
