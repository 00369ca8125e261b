//! Containers, networks and images of strangers, with labels that look like ours.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::symlink,
    path::Path,
    process::{Command, Stdio},
};

use crate::yard::{Yard, docker};

/// A name that a run can have.
const ID: &str = "1-1-0-0";

/// What a test has made in Docker; gone when it is dropped.
#[derive(Default)]
struct Made {
    containers: Vec<String>,
    networks: Vec<String>,
    images: Vec<String>,
}

impl Drop for Made {
    fn drop(&mut self) {
        let remove = |words: &[&str], names: &[String]| {
            if !names.is_empty() {
                drop(Command::new("docker").args(words).args(names).output());
            }
        };
        remove(&["rm", "--force"], &self.containers);
        remove(&["network", "rm"], &self.networks);
        remove(&["rmi", "--force"], &self.images);
    }
}

impl Made {
    /// An image with nothing but labels, as anybody can publish it; gives its id.
    fn image(&mut self, labels: &[(&str, &str)]) -> String {
        let mut file = "FROM scratch\n".to_owned();
        for (label, value) in labels {
            file.push_str(&format!("LABEL {label}=\"{value}\"\n"));
        }
        let mut build = Command::new("docker");
        build
            .args(["build", "--quiet", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = build.spawn().expect("docker is there");
        let mut stdin = child.stdin.take().expect("it is piped");
        stdin.write_all(file.as_bytes()).expect("it reads");
        drop(stdin);
        let answer = child.wait_with_output().expect("it ends");
        assert!(answer.status.success(), "{file}");
        let id = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
        self.images.push(id.clone());
        id
    }

    /// A container that was made and never started.
    fn container(&mut self, image: &str, name: &str, labels: &[(&str, &str)]) {
        let labels: Vec<String> = labels
            .iter()
            .map(|(label, value)| format!("--label={label}={value}"))
            .collect();
        let mut args = vec!["create", "--name", name];
        args.extend(labels.iter().map(String::as_str));
        args.extend([image, "/nothing"]);
        docker(&args);
        self.containers.push(name.to_owned());
    }

    fn network(&mut self, name: &str, labels: &[(&str, &str)]) {
        let labels: Vec<String> = labels
            .iter()
            .map(|(label, value)| format!("--label={label}={value}"))
            .collect();
        let mut args = vec!["network", "create"];
        args.extend(labels.iter().map(String::as_str));
        args.push(name);
        docker(&args);
        self.networks.push(name.to_owned());
    }
}

fn is_there(container: &str) -> bool {
    let filter = format!("name=^/?{container}$");
    docker(&["ps", "--all", "--filter", &filter, "--quiet"]).len() == 1
}

fn user() -> String {
    rustix::process::geteuid().as_raw().to_string()
}

#[test]
fn a_strangers_label_deletes_no_folder_and_no_container() {
    let Some(yard) = Yard::open() else { return };
    let precious = yard.path("precious");
    let thesis = precious.join("thesis.txt");
    fs::create_dir(&precious).expect("the folder is the test's own");
    fs::write(&thesis, "precious").expect("the folder is the test's own");
    let state = yard.state();
    yard.tell(&["clean"]).exits(0);
    fs::create_dir_all(state.join("runs")).expect("the folder is the test's own");
    // A folder that is where a run's would be, and a link to one.
    let of_a_run = state.join("runs").join(ID);
    symlink(&precious, &of_a_run).expect("linked");
    let linked_state = yard.path("linked");
    symlink(&state, &linked_state).expect("linked");

    let text = |path: &Path| path.display().to_string();
    let (here, there, at, user) = (text(&state), text(&linked_state), text(&precious), user());
    let (here, there, at, user) = (here.as_str(), there.as_str(), at.as_str(), user.as_str());
    let mut made = Made::default();
    let labels = |run, state_dir, user| {
        [
            ("meshkat.run", run),
            ("meshkat.state-dir", state_dir),
            ("meshkat.user", user),
        ]
    };
    let strange: [(&str, [(&str, &str); 3]); 9] = [
        // As in the image of a stranger: the label is the folder itself, or leads there.
        ("an-absolute-path", labels(at, here, user)),
        ("a-way-up", labels("../../precious", here, user)),
        ("nothing-but-dots", labels("..", at, user)),
        ("an-empty-name", labels("", at, user)),
        ("control-characters", labels("\u{1b}[2J", here, user)),
        // The label is a good name, and the container has another.
        ("somebodys-database", labels(ID, here, user)),
        // All is as it should be but the state folder.
        ("meshkat-2-1-0-0-pet", labels("2-1-0-0", ".", user)),
        ("meshkat-2-1-0-1-pet", labels("2-1-0-1", there, user)),
        // Of a user whose folders this one cannot see.
        ("meshkat-2-1-0-2-pet", labels("2-1-0-2", "/gone", "4000000")),
    ];
    for (name, labels) in &strange {
        // In an image, from where they come into every container that anybody makes of it.
        let image = made.image(labels);
        made.container(&image, name, &[]);
    }
    made.network("meshkat-net-of-a-stranger", &strange[0].1);
    made.network("net-of-a-stranger", &strange[5].1);

    for args in [&["clean"][..], &["clean", "--force"]] {
        let told = yard.tell(args);
        for (name, _) in &strange {
            assert!(is_there(name), "{name} after {args:?}\n{}", told.err);
        }
        let left = docker(&["network", "ls", "--filter", "name=net-of-a-stranger", "--quiet"]);
        assert_eq!(left.len(), 2, "{}", told.err);
        assert_eq!(fs::read_to_string(&thesis).expect("it is there"), "precious");
        assert!(!told.err.contains('\u{1b}'), "{:?}", told.err);
        for part in [
            "note: left alone, as no run made it: the container an-absolute-path: its label is not the name of a run",
            "the container somebodys-database: it does not have the name that a run gives",
            "the network net-of-a-stranger: it does not have the name that a run gives",
            "run 2-1-0-0: their state folder . is no absolute path",
        ] {
            assert!(told.err.contains(part), "`{part}` is not in\n{}", told.err);
        }
        assert!(
            !told.err.contains("2-1-0-2"),
            "what another user has is no matter of this one\n{}",
            told.err
        );
    }
    // Nor when a runtime is asked for, which sweeps first.
    yard.tell(&["list", "--runtime", "docker"]).exits(0);
    assert!(strange.iter().all(|(name, _)| is_there(name)));
    assert_eq!(fs::read_to_string(&thesis).expect("it is there"), "precious");
    fs::remove_file(of_a_run).expect("it is the test's own");
}

#[test]
fn what_has_lost_its_state_folder_is_removed_only_by_force() {
    let Some(yard) = Yard::open() else { return };
    let mut made = Made::default();
    let image = made.image(&[("somebody", "else")]);
    let gone = yard.path("gone").display().to_string();
    let labels = [
        ("meshkat.run", ID),
        ("meshkat.state-dir", &gone),
        ("meshkat.user", &user()),
    ];
    made.container(&image, "meshkat-1-1-0-0-pet", &labels);
    made.container(&image, "meshkat-of-somebody", &labels);
    yard.tell(&["clean"])
        .exits(3)
        .says(&["its state folder is not on this machine; --force removes it all the same"]);
    assert!(is_there("meshkat-1-1-0-0-pet"));
    yard.tell(&["clean", "--force"])
        .exits(0)
        .says(&["removed 1-1-0-0 (1 container, 0 networks)"]);
    assert!(!is_there("meshkat-1-1-0-0-pet"));
    assert!(is_there("meshkat-of-somebody"), "it has the labels, and another name");
}

#[test]
fn images_that_are_built_on_ours_or_named_like_ours_stay() {
    let Some(yard) = Yard::open() else { return };
    let mut made = Made::default();
    let ours = [
        ("meshkat.image", "services"),
        ("meshkat.content", "0123456789abcdef"),
        ("mine", "yes"),
    ];
    let named = made.image(&ours);
    docker(&["tag", &named, "meshkat/services:mine"]);
    made.images.push("meshkat/services:mine".to_owned());
    // Without a name, as an image is whose name another build has taken.
    let unnamed = made.image(&[("meshkat.image", "envoy"), ("meshkat.content", "x"), ("mine", "too")]);
    yard.tell(&["list", "--runtime", "docker"]).exits(0);
    yard.tell(&["up", "neighbours", "--detach", "--runtime", "docker"])
        .exits(0);
    // By force the run's end is looked for by the sweep, which removes unfinished images.
    yard.tell(&["clean", "--force", "--images"]).exits(0);
    for image in [&named, &unnamed] {
        assert_eq!(docker(&["inspect", "--format", "{{.Id}}", image]), [image.as_str()]);
    }
}
