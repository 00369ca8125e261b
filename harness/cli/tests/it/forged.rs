//! Files on disk that name somebody's processes and folders.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    process::{Child, Command},
};

use meshkat_runtime::run::ProcessIdentity;
use serde_json::{Value, json};

use crate::{lab::Lab, permit::Permit};

const TINY: &str = "about: The edge alone.\npods:\n  sds: {service: sds}\n  ingress: {envoy: ingress.yaml}\n";

/// A process that no mesh has started.
struct Somebody(Child);

impl Somebody {
    fn start() -> Self {
        let mut sleep = Command::new("sleep");
        Self(
            sleep
                .arg("1000")
                .env_remove("MESHKAT_RUN")
                .spawn()
                .expect("sleep starts"),
        )
    }

    fn identity(&self) -> ProcessIdentity {
        ProcessIdentity::of(self.0.id()).expect("it runs")
    }
}

impl Drop for Somebody {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn what_a_ledger_says_ends_no_process_that_is_not_the_meshs() {
    let lab = Lab::new();
    lab.write("scenarios/meshes/tiny.yaml", TINY);
    let _permit = Permit::one();
    lab.tell(&["up", "tiny", "--detach"]).exits(0);
    let run = lab.runs().pop().expect("it runs");
    let ledger = lab.state().join("runs").join(&run).join("ledger.json");
    let whole = fs::read_to_string(&ledger).expect("it is there");
    let somebody = Somebody::start();
    let identity = somebody.identity();
    let forge = |change: &dyn Fn(&mut Value)| {
        let mut forged: Value = serde_json::from_str(&whole).expect("it is JSON");
        change(&mut forged);
        fs::write(&ledger, forged.to_string()).expect("the folder is the test's own");
    };

    forge(&|ledger| {
        for process in ledger["processes"].as_array_mut().expect("a list") {
            process["pid"] = json!(identity.pid);
            process["started"] = json!(identity.started);
        }
    });
    for action in ["kill", "pause", "resume"] {
        lab.tell(&["fault", action, "sds"])
            .exits(3)
            .says(&["nothing proves that the mesh started it", "help: look at process"]);
        assert!(identity.is_alive());
    }
    forge(&|ledger| ledger["owner"] = json!(identity));
    lab.tell(&["down"])
        .exits(3)
        .says(&["nothing proves that this is its owner", "help: look at"]);
    assert!(identity.is_alive());

    fs::write(&ledger, whole).expect("the folder is the test's own");
    lab.tell(&["down"]).exits(0);
    assert!(identity.is_alive());
}

#[test]
fn clean_removes_nothing_that_is_not_proven_to_be_a_runs() {
    let lab = Lab::new();
    let runs = lab.state().join("runs");
    let precious = lab.path("precious");
    fs::create_dir_all(&precious).expect("the folder is the test's own");
    fs::create_dir_all(&runs).expect("the folder is the test's own");
    fs::write(precious.join("thesis.txt"), "precious").expect("the folder is the test's own");
    symlink(&precious, runs.join("1-1-0-0")).expect("linked");
    fs::create_dir(runs.join("1-1-0-1")).expect("the folder is the test's own");
    fs::write(runs.join("1-1-0-1/thesis.txt"), "precious").expect("the folder is the test's own");
    fs::create_dir(runs.join("mine")).expect("the folder is the test's own");
    for args in [&["clean"][..], &["clean", "--force"]] {
        let told = lab.tell(args).exits(3);
        let told = told.says(&[
            "1-1-0-0: it is not certain that a run made it",
            "remove it by hand",
            "2 runs could not",
        ]);
        assert!(!told.err.contains("mine"), "{}", told.err);
    }
    for kept in [precious.join("thesis.txt"), runs.join("1-1-0-1/thesis.txt")] {
        assert_eq!(fs::read_to_string(kept).expect("it is there"), "precious");
    }
    assert!(runs.join("mine").is_dir());
    fs::remove_dir_all(&runs).expect("the folder is the test's own");
}

#[test]
fn a_reaper_that_is_called_by_hand_touches_nothing() {
    let lab = Lab::new();
    let precious = lab.path("precious");
    fs::create_dir_all(precious.join("runs/mine")).expect("the folder is the test's own");
    let path = precious.display().to_string();
    for prefix in [
        path.clone(),
        format!("{path}/runs/mine"),
        format!("{path}/runs/"),
        "../..".to_owned(),
    ] {
        lab.tell(&["reap", &prefix])
            .exits(2)
            .says(&["names no runs", "`meshkat clean` removes"]);
    }
    assert!(precious.join("runs/mine").is_dir());
}

#[test]
fn a_state_folder_of_somebody_else_is_refused() {
    let lab = Lab::new();
    let open = lab.path("open");
    fs::create_dir_all(open.join("theirs")).expect("the folder is the test's own");
    fs::set_permissions(&open, PermissionsExt::from_mode(0o777)).expect("the folder is the test's own");
    for args in [&["status"][..], &["clean"], &["down"], &["up", "petshop"], &["doctor"]] {
        let mut command = lab.command(args);
        command.env("MESHKAT_STATE_DIR", &open);
        lab.tell_command(command).exits(3).says(&[
            "the state folder cannot be used",
            "other users can write to it",
            "MESHKAT_STATE_DIR=FOLDER",
        ]);
    }
}
