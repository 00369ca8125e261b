//! A mesh as files for `docker compose`.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::symlink,
    process::{Command, Output},
};

use crate::{
    by_hand::status,
    process::until,
    yard::{Yard, docker},
};

/// `docker compose`, or the program that it once was; none where there is neither.
fn compose() -> Option<Vec<&'static str>> {
    let all = [vec!["docker", "compose"], vec!["docker-compose"]];
    all.into_iter().find(|words| {
        let answer = Command::new(words[0]).args(&words[1..]).arg("version").output();
        answer.is_ok_and(|answer| answer.status.success())
    })
}

#[test]
fn an_exported_mesh_comes_up_by_itself_and_answers() {
    let Some(yard) = Yard::open() else { return };
    // A port that nobody has now; another test that takes it meanwhile is told by Docker.
    let port = TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("there are free ports")
        .port();
    let args = [
        "export",
        "compose",
        "neighbours",
        "--overlay",
        "xds-ads",
        "--network",
        "10.209.77",
        "--port",
    ];
    let told = yard.tell(&[&args[..], &[&port.to_string()]].concat()).exits(0);
    let file = yard.project().join(told.out.trim());
    let text = fs::read_to_string(&file).expect("it was written");
    let words = [
        "10.209.77.0/24",
        "pet-1-envoy:",
        "ENVOY_CONFIG_PATH:",
        "--seed",
        "mem_limit: 1073741824",
        "pids_limit: 1024",
        "no-new-privileges",
        "max-size:",
    ];
    assert!(words.iter().all(|word| text.contains(word)), "{text}");
    let Some(compose) = compose() else {
        drop(std::io::Write::write_all(
            &mut std::io::stderr(),
            b"SKIPPED: there is no docker compose\n",
        ));
        return;
    };
    let folder = file.parent().expect("it is in a folder");
    let run = |args: &[&str]| -> Output {
        let mut command = Command::new(compose[0]);
        command
            .args(&compose[1..])
            .args(args)
            .current_dir(folder)
            .env("COMPOSE_PROJECT_NAME", "meshkat-test-export");
        command.output().expect("it starts")
    };
    let up = run(&["up", "--detach"]);
    assert!(up.status.success(), "{}", String::from_utf8_lossy(&up.stderr));
    let edge = ([127, 0, 0, 1], port).into();
    until("it answers", || status(edge, "/stores/1") == Some(200));
    let down = run(&["down"]);
    assert!(down.status.success(), "{}", String::from_utf8_lossy(&down.stderr));
    let filter = "label=com.docker.compose.project=meshkat-test-export";
    assert_eq!(docker(&["ps", "--all", "--quiet", "--filter", filter]), [""; 0]);
}

#[test]
fn what_cannot_be_exported_is_told() {
    let Some(yard) = Yard::open() else { return };
    yard.tell(&["export", "compose", "petshoop"])
        .exits(2)
        .says(&["there is no mesh `petshoop`"]);
    yard.tell(&["export", "compose", "--network", "10.0"])
        .exits(2)
        .says(&["three numbers from 0 to 255"]);
    yard.tell(&["export", "compose", "--overlay", "xds-carrier"])
        .exits(2)
        .says(&["there is no overlay `xds-carrier`"]);
}

#[test]
fn an_export_writes_through_no_link_and_over_nothing_else() {
    let Some(yard) = Yard::open() else { return };
    let elsewhere = yard.path("elsewhere");
    fs::create_dir(&elsewhere).expect("the folder is the test's own");
    // As a stranger may have committed it.
    symlink(&elsewhere, yard.project().join("compose")).expect("linked");
    yard.tell(&["export", "compose", "neighbours"]).exits(3).says(&[
        "failed to make the folder compose/neighbours",
        "is a link",
        "--dir FOLDER",
    ]);
    assert_eq!(fs::read_dir(&elsewhere).expect("it is there").count(), 0);

    let precious = yard.path("precious");
    fs::write(&precious, "precious").expect("the folder is the test's own");
    let mine = yard.path("mine");
    fs::create_dir(&mine).expect("the folder is the test's own");
    fs::write(mine.join("compose.yaml"), "services: {}").expect("the folder is the test's own");
    let dir = mine.display().to_string();
    let export = ["export", "compose", "neighbours", "--dir", &dir];
    yard.tell(&export)
        .exits(3)
        .says(&["compose.yaml is there, and no export has written it", "--dir"]);
    assert_eq!(
        fs::read_to_string(mine.join("compose.yaml")).expect("it is there"),
        "services: {}"
    );

    fs::remove_file(mine.join("compose.yaml")).expect("it is there");
    yard.tell(&export).exits(0);
    // Of an earlier export, with links in the place of files since.
    for file in ["sds.json", "envoy/ingress.json"] {
        fs::remove_file(mine.join(file)).expect("it was written");
        symlink(&precious, mine.join(file)).expect("linked");
    }
    yard.tell(&export).exits(0);
    assert_eq!(fs::read_to_string(&precious).expect("it is there"), "precious");
    assert!(
        !fs::symlink_metadata(mine.join("sds.json"))
            .expect("it was written")
            .is_symlink()
    );
    fs::remove_dir_all(mine.join("envoy")).expect("it was written");
    symlink(&elsewhere, mine.join("envoy")).expect("linked");
    yard.tell(&export).exits(3).says(&["is a link"]);
    assert_eq!(fs::read_dir(&elsewhere).expect("it is there").count(), 0);
}
