//! Several versions of Envoy, each in an image of its own.

use std::{collections::BTreeSet, fs};

use crate::{
    lab::fetch_envoys,
    yard::{Yard, docker},
};

const IDS: [&str; 2] = ["up/hello[envoy=1.38]", "up/hello[envoy=1.40]"];

fn yard() -> Option<Yard> {
    let yard = Yard::open()?;
    fetch_envoys();
    yard.remove_scenarios();
    let text = "promise: It answers.\nmesh: edge\nsteps:\n  - {get: /hello, host: foo.com, status: 200}\n";
    yard.write("scenarios/up/hello.yaml", text);
    Some(yard)
}

#[test]
fn each_mesh_has_the_image_of_its_envoy() {
    let Some(yard) = yard() else { return };
    let args = [
        "--runtime",
        "docker",
        "--keep",
        "always",
        "--envoy",
        "1.38",
        "--envoy",
        "1.40",
    ];
    yard.tell_command(yard.run_command(&args)).exits(0);
    assert_eq!(yard.verdicts(), IDS.map(|id| (id.to_owned(), "passed")));
    assert_eq!(yard.results().run.envoy, ["1.38.3", "1.40.0"]);
    for (id, version) in IDS.into_iter().zip(["/1.38.3/", "/1.40.0/"]) {
        let info = yard.report().join("failures").join(id).join("ingress/server_info.json");
        let info = fs::read_to_string(info).expect("it is there");
        assert!(info.contains(version), "{info}");
    }
    let images = docker(&["images", "--format", "{{.Repository}}:{{.Tag}}", "meshkat/envoy"]);
    let versions: BTreeSet<&str> = images
        .iter()
        .filter_map(|image| image.split([':', '-']).nth(1))
        .collect();
    assert!(versions.is_superset(&["1.38.3", "1.40.0"].into()), "{images:?}");
    // An id alone, and no image is built again.
    let args = [IDS[0], "--runtime", "docker"];
    let told = yard.tell_command(yard.run_command(&args)).exits(0);
    assert!(!told.err.contains("building"), "{}", told.err);
    assert_eq!(yard.results().run.envoy, ["1.38.3"]);
}

#[test]
fn what_is_listed_needs_no_envoy() {
    let Some(yard) = yard() else { return };
    let cache = yard.path("cache");
    for args in [&["list"][..], &["run", "--dry-run"]] {
        let more = ["--runtime", "docker", "--envoy", "1.36", "--envoy", "1.39"];
        let mut command = yard.command(&[args, &more].concat());
        command.env("MESHKAT_CACHE", &cache).env("PATH", "");
        let told = yard.tell_command(command).exits(0);
        assert!(told.out.contains("up/hello[envoy=1.36]"), "{}", told.out);
        assert!(!told.err.contains("meshkat/envoy"), "{}", told.err);
    }
    assert!(!cache.exists());
}
