//! `kill -9`: nobody says goodbye, and yet nothing is left.

use std::{env, io::Write as _, thread, time::Duration};

use rustix::process::Signal;

use crate::{
    lab::{Lab, names},
    permit::Permit,
    process::{command_line, until},
};

const ROUNDS: u64 = 20;
/// A mesh is up, and used, well before.
const LATEST: u64 = 1_200;

/// The seed is told, so that the same moments can be had again: `MESHKAT_TEST_SEED`.
fn seed() -> u64 {
    let given = env::var("MESHKAT_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    given.unwrap_or_else(|| fastrand::u64(..))
}

fn tell(line: &str) {
    drop(writeln!(std::io::stderr(), "{line}"));
}

#[test]
fn whenever_it_is_killed_nothing_is_left_and_the_next_run_passes() {
    let lab = Lab::new();
    let _permit = Permit::one();
    let seed = seed();
    tell(&format!("MESHKAT_TEST_SEED={seed}"));
    let mut random = fastrand::Rng::with_seed(seed);
    for round in 1..=ROUNDS {
        let (what, command) = match round % 2 {
            0 => ("up", lab.command(&["up", "petshop"])),
            _ => (
                "run",
                lab.run_command(&["routing/only-through-envoy", "edge/*", "eds/*"]),
            ),
        };
        let after = Duration::from_millis(random.u64(..LATEST));
        tell(&format!("round {round}: {what} is killed after {after:?}"));
        let running = lab.start(command, "killed");
        // Not a wait for anything: any moment is a good one.
        thread::sleep(after);
        running.signal(Signal::KILL);
        running.end().was_killed();
        until("every process is gone", || lab.processes().is_empty());
        assert_eq!(lab.runs(), [""; 0], "after round {round}");
        assert_eq!(names(&lab.path("tmp")), [""; 0], "after round {round}");
    }
    lab.tell_command(lab.run_command(&["routing/petshop[petstores=1,pets=1]"]))
        .exits(0);
}

/// Kills `meshkat` and, before it, the reaper that would have cleaned up. Gives the name of the run that is left.
fn kill_with_its_reaper(lab: &Lab) -> String {
    let mut up = lab.start(lab.command(&["up", "edge"]), "up");
    up.until_it_says("ready; Ctrl-C ends it");
    let reapers: Vec<u32> = lab
        .processes()
        .into_iter()
        .filter(|pid| command_line(*pid).contains(" reap "))
        .collect();
    let [reaper] = reapers[..] else {
        panic!("there is one reaper: {reapers:?}")
    };
    crate::process::send(reaper, Signal::KILL);
    up.signal(Signal::KILL);
    up.end().was_killed();
    // Without anybody's help: they die with the one that started them.
    until("every process is gone", || lab.processes().is_empty());
    let runs = lab.runs();
    let [run] = &runs[..] else {
        panic!("nobody was there to remove one run: {runs:?}")
    };
    run.clone()
}

#[test]
fn what_is_left_when_the_reaper_was_killed_too_is_removed_by_hand_or_by_the_next_run() {
    let lab = Lab::new();
    let _permit = Permit::one();
    lab.tell(&["clean"]).exits(0).says(&["nothing was left behind"]);

    let run = kill_with_its_reaper(&lab);
    lab.tell(&["status"]).exits(0).says(&["no mesh runs"]);
    lab.tell(&["down"]).exits(0).says(&["no mesh that `up` started runs"]);
    assert_eq!(lab.runs(), [run.as_str()], "it is not for `down` to remove it");
    lab.tell(&["clean"])
        .exits(0)
        .says(&[&format!("removed {run} (0 processes killed)")]);
    assert_eq!(lab.runs(), [""; 0]);
    lab.tell(&["clean"]).exits(0).says(&["nothing was left behind"]);

    kill_with_its_reaper(&lab);
    lab.tell_command(lab.run_command(&["routing/petshop[petstores=1,pets=1]"]))
        .exits(0);
    assert_eq!(lab.runs(), [""; 0]);
}
