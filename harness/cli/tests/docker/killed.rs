//! `kill -9`: nobody says goodbye, and yet nothing is left.

use std::{env, io::Write as _, thread, time::Duration};

use rustix::process::Signal;

use crate::{
    process::{command_line, send, until},
    yard::{Yard, docker},
};

/// How often; `MESHKAT_TEST_ROUNDS` says otherwise.
const ROUNDS: u64 = 4;
/// A mesh is up, and used, well before.
const LATEST: u64 = 6_000;

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok()?.parse().ok()
}

fn tell(line: &str) {
    drop(writeln!(std::io::stderr(), "{line}"));
}

/// Images without a name: what a build that was cut short leaves.
fn unfinished() -> Vec<String> {
    docker(&[
        "images",
        "--filter",
        "label=meshkat.image",
        "--filter",
        "dangling=true",
        "--quiet",
    ])
}

#[test]
fn whenever_it_is_killed_nothing_is_left_and_the_next_run_passes() {
    let Some(yard) = Yard::open() else { return };
    let seed = number("MESHKAT_TEST_SEED").unwrap_or_else(|| fastrand::u64(..));
    tell(&format!("MESHKAT_TEST_SEED={seed}"));
    let mut random = fastrand::Rng::with_seed(seed);
    for round in 1..=number("MESHKAT_TEST_ROUNDS").unwrap_or(ROUNDS) {
        let (what, command) = match round % 2 {
            0 => ("up", yard.command(&["up", "petshop", "--runtime", "docker"])),
            _ => (
                "run",
                yard.run_command(&["failover/pet-down", "eds/walkthrough", "--runtime", "docker"]),
            ),
        };
        let after = Duration::from_millis(random.u64(..LATEST));
        tell(&format!("round {round}: {what} is killed after {after:?}"));
        let running = yard.start(command, "killed");
        // Not a wait for anything: any moment is a good one.
        thread::sleep(after);
        running.signal(Signal::KILL);
        running.end().was_killed();
        yard.docker_is_empty();
        assert_eq!(yard.runs(), [""; 0], "after round {round}");
        assert_eq!(unfinished(), [""; 0], "after round {round}");
    }
    yard.tell_command(yard.run_command(&["routing/petshop[petstores=1,pets=1]", "--runtime", "docker"]))
        .exits(0);
}

/// Kills `meshkat` and, before it, the reaper that would have cleaned up.
fn kill_with_its_reaper(yard: &Yard) {
    let mut up = yard.start(yard.command(&["up", "neighbours", "--runtime", "docker"]), "up");
    up.until_it_says("ready; Ctrl-C ends it");
    let processes = yard.processes().into_iter();
    let reapers: Vec<u32> = processes.filter(|pid| command_line(*pid).contains(" reap ")).collect();
    assert_eq!(reapers.len(), 1, "{reapers:?}");
    send(reapers[0], Signal::KILL);
    up.signal(Signal::KILL);
    up.end().was_killed();
    until("both are gone", || yard.processes().is_empty());
    assert!(!yard.left().is_empty(), "nobody was there to remove them");
}

#[test]
fn what_is_left_when_the_reaper_was_killed_too_is_removed_by_hand() {
    let Some(yard) = Yard::open() else { return };
    kill_with_its_reaper(&yard);
    let run = yard.runs().pop().expect("its folder is left");
    yard.tell(&["clean"])
        .exits(0)
        .says(&[&format!("removed {run} ("), "containers, 1 network)"]);
    yard.docker_is_empty();
    yard.tell(&["clean"]).exits(0).says(&["nothing was left behind"]);

    // Even when its folder is lost: the labels are enough.
    kill_with_its_reaper(&yard);
    std::fs::remove_dir_all(yard.state().join("runs")).expect("it is the test's own");
    yard.tell(&["clean"]).exits(0).says(&["containers, 1 network)"]);
    yard.docker_is_empty();
}
