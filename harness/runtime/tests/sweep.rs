//! Cleaning up after dead runs, and leaving alone live ones and whatever is not proven to be a run's.

mod support;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use meshkat_model::mesh::Container;
use meshkat_runtime::environment::RUN;
use meshkat_runtime::run::{
    Ledger, LedgerProcess, ProcessIdentity, RuntimeName, Swept, live_runs, open_state_dir, reap, run_folder, sweep,
};
use support::{Ground, id};

/// A process that stays until it is killed, whatever becomes of the test.
struct Stray(Child);

impl Stray {
    /// As a run starts its processes.
    fn of(run: &str) -> Self {
        Self(sleep().env(RUN, run).spawn().expect("sleep starts"))
    }

    /// Somebody's.
    fn of_nobody() -> Self {
        Self(sleep().env_remove(RUN).spawn().expect("sleep starts"))
    }

    fn identity(&self) -> ProcessIdentity {
        ProcessIdentity::of(self.0.id()).expect("it runs")
    }
}

fn sleep() -> Command {
    let mut sleep = Command::new("sleep");
    sleep.arg("1000");
    sleep
}

impl Drop for Stray {
    fn drop(&mut self) {
        // It may be gone, which was the purpose.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A process that is no more.
fn gone() -> ProcessIdentity {
    let stray = Stray::of_nobody();
    let identity = stray.identity();
    drop(stray);
    identity
}

fn folder(ground: &Ground, run: &str) -> PathBuf {
    run_folder(&ground.state(), &id(run))
}

fn a_ledger(run: &str, processes: &[ProcessIdentity]) -> Ledger {
    let listed = |identity: &ProcessIdentity| LedgerProcess {
        pod: "pet".to_owned(),
        container: Container::Envoy,
        identity: identity.clone(),
    };
    Ledger {
        runtime: RuntimeName::Process,
        schema: 1,
        id: id(run),
        mesh: "petshop".to_owned(),
        owner: gone(),
        block: "127.64.0.0/24".to_owned(),
        pods: Vec::new(),
        processes: processes.iter().map(listed).collect(),
    }
}

fn write_ledger(folder: &Path, ledger: &Ledger) {
    fs::create_dir_all(folder.join("logs")).expect("the folder is ours");
    fs::write(folder.join("logs/pet.envoy.log"), "…").expect("the folder is ours");
    let text = serde_json::to_vec(ledger).expect("it can be written");
    fs::write(folder.join("ledger.json"), text).expect("the folder is ours");
}

/// The folder of a run whose owner is gone.
fn dead_run(ground: &Ground, run: &str, processes: &[ProcessIdentity]) {
    write_ledger(&folder(ground, run), &a_ledger(run, processes));
}

fn swept(ground: &Ground, run: &str, killed: &[u32], failure: Option<&str>) -> Swept {
    Swept {
        containers: 0,
        networks: 0,
        id: id(run),
        folder: folder(ground, run),
        killed: killed.to_vec(),
        failure: failure.map(str::to_owned),
    }
}

fn sweep_all(ground: &Ground, force: bool) -> Vec<Swept> {
    sweep(&ground.state(), force, &[]).expect("it is readable")
}

/// Sweeps, also by force, and by a reaper that would be responsible for it; gives the one failure.
#[track_caller]
fn is_left_alone(ground: &Ground, run: &str) -> String {
    let mut told = Vec::new();
    for force in [false, true] {
        let swept = sweep_all(ground, force);
        assert_eq!((swept.len(), &swept[0].id), (1, &id(run)), "{swept:?}");
        told.extend(swept);
    }
    let (prefix, _) = run.rsplit_once('-').expect("it is a name");
    told.extend(reap(&ground.state().join(format!("runs/{prefix}-")), &[]).expect("it names runs"));
    let failures: Vec<String> = told
        .into_iter()
        .map(|swept| swept.failure.expect("it is told"))
        .collect();
    assert_eq!(failures, vec![failures[0].clone(); 3]);
    assert!(
        failures[0].starts_with("it is not certain that a run made it"),
        "{}",
        failures[0]
    );
    failures[0].clone()
}

#[test]
fn what_a_dead_run_left_is_removed() {
    let ground = Ground::new();
    let (mut left, other) = (Stray::of("1-1-0-0"), Stray::of("1-1-0-0"));
    // A number that another process has by now.
    let reused = ProcessIdentity {
        started: "1".to_owned(),
        ..other.identity()
    };
    dead_run(&ground, "1-1-0-0", &[left.identity(), gone(), reused]);
    dead_run(&ground, "1-1-0-1", &[]);
    assert_eq!(live_runs(&ground.state()).expect("it is readable"), []);
    assert_eq!(
        sweep_all(&ground, false),
        [
            swept(&ground, "1-1-0-0", &[left.0.id()], None),
            swept(&ground, "1-1-0-1", &[], None)
        ]
    );
    assert_eq!(ground.runs(), [""; 0]);
    left.0.wait().expect("it was killed");
    assert!(
        other.identity().is_alive(),
        "another process of the same number was killed"
    );
    assert_eq!(sweep_all(&ground, false), []);
}

#[test]
fn a_failure_does_not_end_the_sweep() {
    let ground = Ground::new();
    dead_run(&ground, "1-1-0-0", &[]);
    fs::write(folder(&ground, "1-1-0-0").join("ledger.json"), "{\"schema\": 1").expect("the folder is ours");
    dead_run(&ground, "1-1-0-1", &[]);
    let swept = sweep_all(&ground, false);
    let failure = swept[0].failure.as_deref().expect("the ledger is broken");
    assert!(failure.contains("failed to read the ledger: "), "{failure}");
    assert_eq!(swept[1].failure, None);
    assert_eq!(ground.runs(), ["1-1-0-0"], "what nobody can tell of is not removed");
}

#[test]
fn a_forged_ledger_kills_nobody() {
    let ground = Ground::new();
    // Somebody's process with the right number and start, as a shell is to who can write a file for its user; one of another
    // run; the first process; and this very one.
    let (shell, other) = (Stray::of_nobody(), Stray::of("1-1-0-1"));
    let forged = [
        shell.identity(),
        other.identity(),
        ProcessIdentity::of(1).expect("it runs"),
        ProcessIdentity::own().expect("it runs"),
    ];
    dead_run(&ground, "1-1-0-0", &forged);
    let swept = sweep_all(&ground, true);
    assert_eq!(swept[0].killed, [0; 0]);
    let failure = swept[0].failure.as_deref().expect("it is told");
    for process in &forged[..3] {
        assert!(
            failure.contains(&format!("process {} is left alone", process.pid)),
            "{failure}"
        );
        assert!(process.is_alive());
    }

    // As the owner, which only force ends.
    let ledger = Ledger {
        owner: shell.identity(),
        ..a_ledger("1-1-0-0", &[])
    };
    let folder = folder(&ground, "1-1-0-0");
    write_ledger(&folder, &ledger);
    fs::write(folder.join("lock"), "").expect("the folder is ours");
    let swept = sweep_all(&ground, true);
    assert_eq!(swept[0].killed, [0; 0]);
    assert!(
        swept[0]
            .failure
            .as_ref()
            .is_some_and(|failure| failure.contains("is left alone"))
    );
    assert!(shell.identity().is_alive());
}

#[test]
fn a_process_of_another_user_is_never_killed() {
    if !rustix::process::geteuid().is_root() {
        return; // Who is not root can neither start one nor kill it.
    }
    let ground = Ground::new();
    let theirs = Stray(sleep().env(RUN, "1-1-0-0").uid(65534).spawn().expect("sleep starts"));
    dead_run(&ground, "1-1-0-0", &[theirs.identity()]);
    let swept = sweep_all(&ground, true);
    assert_eq!(swept[0].killed, [0; 0]);
    assert!(theirs.identity().is_alive());
}

#[test]
fn a_folder_without_a_ledger_of_its_own_is_never_removed() {
    let ground = Ground::new();
    let precious = folder(&ground, "1-1-0-0");
    fs::create_dir_all(&precious).expect("the folder is ours");
    fs::write(precious.join("thesis.txt"), "precious").expect("the folder is ours");
    let failure = is_left_alone(&ground, "1-1-0-0");
    assert!(failure.contains("it has no ledger"), "{failure}");

    // Of another run, of another shape, of no use, a link to a good one, no file.
    let ledger = precious.join("ledger.json");
    let good = ground.path().join("good.json");
    fs::write(&good, serde_json::to_vec(&a_ledger("1-1-0-0", &[])).expect("JSON")).expect("the folder is ours");
    write_ledger(&precious, &a_ledger("1-1-0-1", &[]));
    assert!(is_left_alone(&ground, "1-1-0-0").contains("it is of another run, 1-1-0-1"));
    let text = fs::read_to_string(&good).expect("it is there");
    for forged in [
        text.replace("\"schema\":1", "\"schema\":2"),
        text.replace("1-1-0-0", "../../.."),
        "{}".to_owned(),
        String::new(),
        format!("{text}{}", " ".repeat(5 << 20)),
    ] {
        fs::write(&ledger, forged).expect("the folder is ours");
        is_left_alone(&ground, "1-1-0-0");
    }
    fs::remove_file(&ledger).expect("it is there");
    symlink(&good, &ledger).expect("linked");
    is_left_alone(&ground, "1-1-0-0");
    fs::remove_file(&ledger).expect("it is there");
    fs::create_dir(&ledger).expect("the folder is ours");
    is_left_alone(&ground, "1-1-0-0");
    fs::remove_dir(&ledger).expect("it is there");
    let made = Command::new("mkfifo").arg(&ledger).status().expect("mkfifo starts");
    assert!(made.success());
    is_left_alone(&ground, "1-1-0-0");
    assert_eq!(
        fs::read_to_string(precious.join("thesis.txt")).expect("it is there"),
        "precious"
    );
}

#[test]
fn a_link_in_the_place_of_a_folder_leads_to_nothing_that_is_removed() {
    let (ground, elsewhere) = (Ground::new(), Ground::new());
    dead_run(&elsewhere, "1-1-0-0", &[]);
    let precious = folder(&elsewhere, "1-1-0-0");
    open_state_dir(&ground.state()).expect("it is ours");
    symlink(&precious, folder(&ground, "1-1-0-0")).expect("linked");
    let failure = is_left_alone(&ground, "1-1-0-0");
    assert!(failure.contains("it is no folder"), "{failure}");
    assert!(precious.join("ledger.json").is_file());

    // Nor do `runs` itself and a state folder that is another's.
    let ground = Ground::new();
    symlink(elsewhere.state().join("runs"), ground.state().join("runs")).expect("linked");
    let error = sweep(&ground.state(), true, &[]).expect_err("it is a link");
    assert!(
        error.to_string().contains("is not a folder of this user's own"),
        "{error}"
    );
    assert!(error.help().is_some());
    assert!(precious.join("ledger.json").is_file());
}

#[test]
fn what_has_no_name_of_a_run_is_none() {
    let ground = Ground::new();
    for name in ["precious", "1-1-0", "1-1-0-0-0", "1-1-0-0.old", ".hidden", "01-1-0-0"] {
        let folder = ground.state().join("runs").join(name);
        write_ledger(&folder, &a_ledger("1-1-0-0", &[]));
    }
    let before = ground.runs().len();
    assert_eq!(sweep_all(&ground, true), []);
    assert_eq!(live_runs(&ground.state()).expect("it is readable"), []);
    assert_eq!(ground.runs().len(), before);
}

#[test]
fn a_run_whose_making_was_cut_short_is_removed() {
    let ground = Ground::new();
    let folder = folder(&ground, "1-1-0-0");
    let parts: [&[&str]; 5] = [
        &[],
        &["lock"],
        &["lock", "envoy/"],
        &["lock", "envoy/", "logs/", "sds/"],
        &["lock", "envoy/", "logs/", "sds/", ".meshkat-x1Y2z3.tmp"],
    ];
    let make = |parts: &[&str]| {
        fs::create_dir_all(&folder).expect("the folder is ours");
        for part in parts {
            let path = folder.join(part);
            let made = if part.ends_with('/') {
                fs::create_dir(path)
            } else {
                fs::write(path, "")
            };
            made.expect("the folder is ours");
        }
    };
    for parts in parts {
        make(parts);
        assert_eq!(
            sweep_all(&ground, false),
            [swept(&ground, "1-1-0-0", &[], None)],
            "{parts:?}"
        );
        assert_eq!(ground.runs(), [""; 0], "{parts:?}");
    }
    // With anything in it that could be missed it is no such folder.
    for (part, content) in [
        ("envoy/pet.json", "{}"),
        ("lock", "precious"),
        ("ledger", ""),
        (".meshkat-x", ""),
    ] {
        make(parts[2]);
        fs::write(folder.join(part), content).expect("the folder is ours");
        is_left_alone(&ground, "1-1-0-0");
        assert_eq!(
            fs::read_to_string(folder.join(part)).expect("it is there"),
            content,
            "{part}"
        );
        fs::remove_dir_all(&folder).expect("it is there");
    }
}

#[test]
fn a_reaper_takes_no_path_but_that_of_runs() {
    let ground = Ground::new();
    dead_run(&ground, "1-1-0-0", &[]);
    dead_run(&ground, "1-1-1-0", &[]);
    let precious = ground.path().join("runs/precious");
    fs::create_dir_all(&precious).expect("the folder is ours");
    let state = ground.state();
    for prefix in [
        PathBuf::from("/"),
        PathBuf::new(),
        PathBuf::from("runs/1-1-0-"),
        ground.path().to_owned(),
        precious.clone(),
        precious.join(".."),
        state.join("runs"),
        state.join("runs/"),
        state.join("runs/1-1-0"),
        state.join("runs/1-1-0-0"),
        state.join("runs/1-1-"),
        state.join("runs/.."),
        state.join("1-1-0-"),
        state.join("runs/x/1-1-0-"),
    ] {
        let error = reap(&prefix, &[]).expect_err("it names no runs");
        assert!(error.to_string().contains("names no runs"), "{error}");
    }
    assert!(precious.is_dir());
    assert_eq!(ground.runs().len(), 2);
    assert_eq!(
        reap(&state.join("runs/1-1-0-"), &[]).expect("it names runs"),
        [swept(&ground, "1-1-0-0", &[], None)]
    );
    assert_eq!(ground.runs(), ["1-1-1-0"]);
}

#[test]
fn a_state_folder_that_is_not_there_holds_nothing() {
    let ground = Ground::new();
    let missing = ground.path().join("missing");
    assert_eq!(sweep(&missing, false, &[]).expect("that is no error"), []);
    assert_eq!(live_runs(&missing).expect("that is no error"), []);
    assert!(!missing.exists());
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it is there").permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("it is ours");
}

#[test]
fn a_state_folder_that_somebody_else_has_a_hand_in_is_refused() {
    let ground = Ground::new();
    let refused = |path: &Path, why: &str| {
        for error in [
            open_state_dir(path).expect_err("it is refused"),
            sweep(path, true, &[]).expect_err("it is refused"),
            live_runs(path).expect_err("it is refused"),
        ] {
            let message = error.to_string();
            assert!(
                message.contains(why) && message.contains(&path.display().to_string()),
                "{message}"
            );
            assert!(
                error
                    .help()
                    .is_some_and(|help| help.contains("MESHKAT_STATE_DIR=FOLDER"))
            );
        }
    };
    let file = ground.path().join("file");
    fs::write(&file, "").expect("the folder is ours");
    refused(&file, "is no folder");
    let open = ground.path().join("open");
    fs::create_dir_all(open.join("thesis")).expect("the folder is ours");
    set_mode(&open, 0o777);
    refused(&open, "other users can write to it");
    assert_eq!(mode(&open), 0o777, "it is changed although it is refused");
    if rustix::process::geteuid().is_root() {
        let theirs = ground.path().join("theirs");
        fs::create_dir(&theirs).expect("the folder is ours");
        std::os::unix::fs::chown(&theirs, Some(65534), None).expect("root may");
        refused(&theirs, "belongs to user 65534");
        // Nor is a folder within one's own, or a link to one's own that another user has made.
        let mixed = ground.path().join("mixed");
        fs::create_dir_all(mixed.join("runs")).expect("the folder is ours");
        std::os::unix::fs::chown(mixed.join("runs"), Some(65534), None).expect("root may");
        let error = open_state_dir(&mixed).expect_err("it is refused");
        assert!(
            error.to_string().contains("is not a folder of this user's own"),
            "{error}"
        );
        let link = ground.path().join("link");
        symlink(ground.state(), &link).expect("linked");
        std::os::unix::fs::lchown(&link, Some(65534), None).expect("root may");
        refused(&link, "is a link of user 65534");
    }
}

#[test]
fn a_folder_that_is_for_other_things_too_keeps_its_mode() {
    let ground = Ground::new();
    // A person's home, and the folder for everybody's temporary files.
    for mode_before in [0o755, 0o1777] {
        let folder = ground.path().join(format!("{mode_before:o}"));
        fs::create_dir_all(folder.join("thesis")).expect("the folder is ours");
        set_mode(&folder, mode_before);
        open_state_dir(&folder).expect("it is ours");
        assert_eq!(mode(&folder), mode_before);
        assert_eq!(mode(&folder.join("runs")), 0o700);
        assert_eq!(mode(&folder.join("kept")), 0o700);
    }
    let empty = ground.path().join("empty");
    fs::create_dir(&empty).expect("the folder is ours");
    set_mode(&empty, 0o775);
    open_state_dir(&empty).expect("it is ours");
    assert_eq!(mode(&empty), 0o700);
}
