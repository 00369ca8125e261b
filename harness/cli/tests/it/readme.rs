//! What the README and the guide say is what happens: their commands, run in their order.

use std::{fs, os::unix::fs::symlink, path::Path, process::Command};

use crate::{
    lab::{Lab, copy, fetch_envoys, meshkat},
    permit::Permit,
    process::Told,
};

/// `just` as the README uses it, without building: the binary is there. The two commands of the first block run whole where
/// continuous integration runs them as they stand; here one scenario tells that the line holds.
const JUST: &str = r#"#!/bin/sh
recipe=$1
shift
case $recipe in
    meshkat) exec target/debug/meshkat "$@" ;;
    e2e) exec target/debug/meshkat run routing/only-through-envoy "$@" ;;
    test) exit 0 ;;
    *) echo "no recipe $recipe" >&2; exit 1 ;;
esac
"#;

fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// The fenced blocks of one kind, in order.
fn blocks(text: &str, kind: &str) -> Vec<String> {
    let fence = format!("```{kind}\n");
    text.split(&fence)
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .map(str::to_owned)
        .collect()
}

fn sh(lab: &Lab, script: &str) -> Told {
    let mut command = lab.command(&[]);
    let path = format!(
        "{}:{}",
        lab.path("bin").display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let environment: Vec<_> = command
        .get_envs()
        .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
        .collect();
    command = Command::new("sh");
    // The copy that the README breaks is the reader's to keep.
    fs::create_dir_all(lab.path("copies")).expect("the folder is the test's own");
    command
        .args(["-euc", script])
        .current_dir(lab.project())
        .envs(environment)
        .env("PATH", path)
        .env("TMPDIR", lab.path("copies"));
    lab.tell_command(command)
}

/// A project in which `just` is there, and the binary where it is after a build.
fn built() -> Lab {
    let lab = Lab::new();
    fs::create_dir_all(lab.path("bin")).expect("the folder is the test's own");
    lab.program("just", JUST);
    fs::rename(lab.path("just"), lab.path("bin/just")).expect("the program was written");
    fs::create_dir_all(lab.project().join("target")).expect("the folder is the test's own");
    let built = meshkat().parent().expect("the binary lies in a folder");
    symlink(built, lab.project().join("target/debug")).expect("the folder is the test's own");
    lab
}

#[test]
fn its_commands_do_what_it_says() {
    let readme = fs::read_to_string(repository().join("README.md")).expect("there is a README");
    let lab = built();

    let scenario = blocks(&readme, "yaml");
    let [scenario] = scenario.as_slice() else {
        panic!("one scenario, and not {}", scenario.len())
    };
    lab.write("scenarios/mine/first.yaml", scenario);

    let commands = blocks(&readme, "sh");
    let [two_commands, by_hand, first_scenario, broken] = commands.as_slice() else {
        panic!("four blocks of commands, and not {}", commands.len())
    };
    let _permit = Permit::one();
    sh(&lab, two_commands).exits(0).says(&["1 case: 1 passed"]);
    let told = sh(&lab, by_hand)
        .exits(0)
        .says(&["ready", "paused the envoy of pet-1", "ended"]);
    for part in [
        "HTTP/1.1 200 OK",
        "x-served-by: petstore-",
        "x-upstream-served-by: pet-",
        "started by up",
    ] {
        assert!(told.out.contains(part), "`{part}` is not in\n{}", told.out);
    }
    sh(&lab, first_scenario).exits(0).says(&["1 case: 1 passed"]);
    sh(&lab, broken).exits(1).says(&[
        "wrong status",
        "scenarios/routing/petshop.yaml:",
        "asks for the endpoints of `pets` (cluster `pet`)",
        "reproduce",
        "bundle",
    ]);
    lab.nothing_is_left();
}

#[test]
fn the_guide_shows_whether_the_envoys_follow() {
    let guide = repository().join("docs/guide/keeping-a-mesh-up.md");
    let guide = fs::read_to_string(guide).expect("there is a guide");
    let sections = guide.split("\n## ");
    let mut about = sections.filter(|section| section.starts_with("Whether the Envoys follow\n"));
    let section = about.next().expect("there is the section");
    let lab = built();
    let _permit = Permit::one();
    lab.tell(&["up", "--detach"]).exits(0);
    // The second block goes on where the first ends.
    let told = sh(&lab, &blocks(section, "sh").join("\n")).exits(0);
    let shown = blocks(section, "text").join("\n");
    for part in [
        "SYNCED │ echo (0), pet (0) and petstore (2)",
        "SYNCED │ pet (0)",
        "REJECTED │ ",
    ] {
        assert!(shown.contains(part), "`{part}` is not shown");
        assert!(told.out.contains(part), "`{part}` is not in\n{}", told.out);
    }
    let refused =
        "malformed IP address: pet.example. Consider setting resolver_name or setting clu…; `pet` lacks pet.example:80";
    for text in [&shown, &told.out] {
        assert!(text.contains(refused), "`{refused}` is not in\n{text}");
    }
    assert!(told.out.contains("not in sync"), "{}", told.out);
    told.says(&["all 3 in sync; 3 Envoys ask for nothing", "0 of 1 in sync: 1 REJECTED"]);
    lab.tell(&["down"]).exits(0);
}

#[test]
fn the_recipes_that_it_names_are_there() {
    let justfile = fs::read_to_string(repository().join("justfile")).expect("there is a justfile");
    for recipe in [
        "e2e *ARGS: build\n    MESHKAT_CALLED_AS='just meshkat' target/debug/meshkat run \"$@\"\n",
        "meshkat *ARGS: build\n    @MESHKAT_CALLED_AS='just meshkat' target/debug/meshkat \"$@\"\n",
        "test: build\n    @target/debug/meshkat envoy path\n    cargo test --workspace\n",
    ] {
        assert!(justfile.contains(recipe), "`{recipe}` is not in the justfile");
    }
}

#[test]
fn the_guide_shows_what_breaks_with_another_envoy() {
    fetch_envoys();
    let guide = repository().join("docs/guide/upgrading-envoy.md");
    let guide = fs::read_to_string(guide).expect("there is a guide");
    let lab = built();
    let _permit = Permit::one();
    let commands = blocks(&guide, "sh");
    let [both, broken, one] = commands.as_slice() else {
        panic!("three blocks of commands, and not {}", commands.len())
    };
    sh(&lab, both)
        .exits(0)
        .says(&["nothing is wrong in", "2 cases: 2 passed"]);
    let told = sh(&lab, broken).exits(1);
    let parts = [
        "(only\n  │ with Envoy 1.38.3)",
        "all 3 failures have envoy=1.38, and none of the 4 passing cases has",
        "smallest   routing/petshop[petstores=1,pets=1,envoy=1.38]",
        "target/debug/meshkat run 'routing/only-through-envoy[envoy=1.38]' --seed 0",
    ];
    assert!(
        parts.iter().all(|part| guide.contains(part)),
        "what is said is not what is shown"
    );
    told.says(&parts);
    let told = sh(&lab, one).exits(0).says(&["1 case: 1 passed"]);
    assert!(told.out.contains("mesh petshop, with Envoy 1.38\n"), "{}", told.out);
    let scenario = blocks(&guide, "yaml");
    lab.write("scenarios/mine/versions.yaml", &scenario.concat());
    lab.tell(&["lint", "scenarios/mine"]).exits(0).says(&["with 10 cases"]);
}

#[test]
fn the_guide_of_a_mesh_of_ones_own_does_what_it_says() {
    let guide = repository().join("docs/guide/your-own-mesh.md");
    let guide = fs::read_to_string(guide).expect("there is a guide");
    let lab = Lab::new();
    fs::remove_dir_all(lab.project()).expect("the folder is the test's own");
    copy(&repository().join("examples"), &lab.project().join("examples"));
    // As it is after an installation: on the PATH, and alone.
    fs::create_dir_all(lab.path("bin")).expect("the folder is the test's own");
    fs::copy(meshkat(), lab.path("bin/meshkat")).expect("the folder is the test's own");
    let _permit = Permit::one();
    let commands = blocks(&guide, "sh");
    let [written, own] = commands.as_slice() else {
        panic!("two blocks of commands, and not {}", commands.len())
    };
    sh(&lab, written).exits(0).says(&["1 case: 1 passed"]);
    let told = sh(&lab, own).exits(0).says(&["3 cases: 3 passed", "killed", "ended"]);
    for part in ["web-2", "│ ended ", "127."] {
        assert!(told.out.contains(part), "`{part}` is not in\n{}", told.out);
    }
    // What it shows is what is there.
    let shown = blocks(&guide, "yaml");
    let mesh = lab.project().join("examples/tls-edge/scenarios/meshes/shop.yaml");
    assert_eq!(shown[0], fs::read_to_string(mesh).expect("the example has its mesh"));
    let steps = format!("promise: p\nmesh: shop\n{}", shown[1]);
    lab.write("examples/tls-edge/scenarios/edge/shown.yaml", &steps);
    let mut lint = lab.command(&["lint", "scenarios/edge/shown.yaml"]);
    lint.current_dir(lab.project().join("examples/tls-edge"));
    lab.tell_command(lint).exits(0);
}
