//! The first process of a pod's sandbox.
#![cfg(target_os = "linux")]

use std::{
    fs,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, geteuid, kill_process};

const BINARY: &str = env!("CARGO_BIN_EXE_meshkat-pod");

fn until<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(Instant::now() < deadline, "not in time: {what}");
        thread::park_timeout(Duration::from_millis(2));
    }
}

fn children(process: u32) -> Vec<u32> {
    let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap_or_default();
    children.split_whitespace().map(|id| id.parse().unwrap()).collect()
}

/// Whether it catches SIGTERM, that is whether it has started.
fn catches(process: u32) -> Option<()> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"))?;
    let caught = u64::from_str_radix(caught.trim(), 16).ok()?;
    // Registered one after the other; SIGCHLD (17) is the last.
    (caught & (1 << 14) != 0 && caught & (1 << 16) != 0).then_some(())
}

fn send(process: u32, signal: Signal) {
    kill_process(Pid::from_raw(process.try_into().unwrap()).unwrap(), signal).unwrap();
}

#[test]
fn a_signal_ends_it_at_once_and_silently() {
    for signal in [Signal::TERM, Signal::INT] {
        let sandbox = Command::new(BINARY)
            .arg("sandbox")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        until("it has started", || catches(sandbox.id()));
        send(sandbox.id(), signal);
        let output = sandbox.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{signal:?}");
        assert!(output.stdout.is_empty() && output.stderr.is_empty());
    }
}

/// Ends what it holds, also when a test fails.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn as_the_first_process_it_reaps_orphans_and_ends() {
    if !geteuid().is_root() {
        eprintln!("SKIPPED: needs root, to make a namespace of processes");
        return;
    }
    let unshare = Command::new("setpriv")
        .args([
            "--pdeathsig",
            "KILL",
            "unshare",
            "--pid",
            "--fork",
            "--kill-child",
            BINARY,
            "sandbox",
        ])
        .spawn()
        .unwrap();
    let mut unshare = Ended(unshare);
    let first = until("it has started", || {
        if let Some(status) = unshare.0.try_wait().unwrap() {
            eprintln!("SKIPPED: cannot make a namespace of processes: {status}");
            return Some(None);
        }
        let first = *children(unshare.0.id()).first()?;
        catches(first).map(|()| Some(first))
    });
    let Some(first) = first else { return };

    // As `docker exec` does it: what it leaves behind becomes the first process's.
    let mut exec = Command::new("nsenter")
        .args([
            "--pid",
            "--target",
            &first.to_string(),
            "sh",
            "-c",
            "exec 3<&0; cat <&3 & cat <&3 &",
        ])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let input = exec.stdin.take();
    assert!(exec.wait().unwrap().success());
    until("both are its own", || (children(first).len() == 2).then_some(()));
    drop(input);
    until("both are reaped", || children(first).is_empty().then_some(()));

    send(first, Signal::TERM);
    assert_eq!(unshare.0.wait().unwrap().code(), Some(0));
}
