//! Images are built once, and again when what is in them has changed.

use std::fs;

use crate::{
    lab::meshkat,
    yard::{Yard, docker},
};

#[test]
fn images_are_built_again_only_when_their_content_changed() {
    let Some(yard) = Yard::open() else { return };
    let services = yard.path("services");
    fs::create_dir(&services).expect("the folder is the test's own");
    let from = meshkat().parent().expect("a program is in a folder");
    for program in [
        "pet",
        "petstore",
        "echo",
        "sds",
        "authz",
        "ratelimit",
        "collector",
        "meshkat-pod",
    ] {
        fs::copy(from.join(program), services.join(program)).expect("it was built");
    }
    let list = || {
        let mut command = yard.command(&["export", "compose", "neighbours", "--dir", "exported"]);
        command.env("MESHKAT_SERVICES", &services);
        yard.tell_command(command).exits(0)
    };
    list();
    assert!(!list().err.contains("building"), "nothing has changed");
    // Another age, and the same content.
    let pet = services.join("pet");
    let content = fs::read(&pet).expect("it is there");
    fs::write(&pet, &content).expect("the folder is the test's own");
    assert!(!list().err.contains("building"), "nothing has changed");
    // Other content: what follows a program's end does not hurt it.
    fs::write(&pet, [&content[..], b"another"].concat()).expect("the folder is the test's own");
    let before = docker(&["images", "--quiet", "meshkat/services"]);
    let told = list().says(&["building the image meshkat/services:"]);
    assert!(!told.err.contains("building the image meshkat/envoy"), "{}", told.err);
    let after = docker(&["images", "--quiet", "meshkat/services"]);
    let new: Vec<&String> = after.iter().filter(|image| !before.contains(image)).collect();
    assert_eq!(new.len(), 1);
    let user = docker(&["inspect", "--format", "{{.Config.User}}", new[0]]);
    assert_eq!(user, ["65532:65532"]);
    docker(&["rmi", new[0]]);

    fs::remove_file(&pet).expect("the folder is the test's own");
    let mut command = yard.command(&["up", "--runtime", "docker"]);
    command.env("MESHKAT_SERVICES", &services);
    yard.tell_command(command)
        .exits(3)
        .says(&["there is no `pet` at", "cargo build"]);
    fs::write(&pet, "no program").expect("the folder is the test's own");
    let mut command = yard.command(&["up", "--runtime", "docker"]);
    command.env("MESHKAT_SERVICES", &services);
    yard.tell_command(command)
        .exits(3)
        .says(&["pet cannot be put into an image", "MESHKAT_SERVICES=FOLDER"]);
}
