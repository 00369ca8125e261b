use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::host::{Hosts, Service};
use crate::resources::{Kind, Resource};
use crate::store::world::Layer;

fn one(name: &str) -> World {
    let service = Arc::new(Service {
        hosts: Hosts::default(),
    });
    let mut world = World::new();
    let resource = Arc::new(Resource::of_service(name, &service));
    world.place(Kind::Endpoints, Layer::Registered, name, Some(resource));
    world
}

fn written(world: &World) -> String {
    String::from_utf8(document::write(world).unwrap()).unwrap()
}

/// What a file holds that nobody has open.
fn held(path: &Path) -> String {
    written(&StateFile::open(path).unwrap().1)
}

#[test]
fn resources_are_read_as_they_were_written_and_cost_nothing_while_there_are_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("registry.json");
    let (file, empty) = StateFile::open(&path).unwrap();
    let document = || serde_json::from_slice::<serde_json::Value>(&fs::read(&path).unwrap()).unwrap();
    assert_eq!(document(), json!({"version": 1, "services": {}}));
    let mut world = one("pet");
    for layer in [Layer::Written, Layer::WrittenFor("demo")] {
        let cluster = Resource::from_json(Kind::Clusters, "a", br#"{"name": "a", "alt_stat_name": "b"}"#).unwrap();
        world.place(Kind::Clusters, layer, "a", Some(Arc::new(cluster)));
    }
    file.replace(&world, &empty).unwrap();
    let resource = json!({"name": "a", "alt_stat_name": "b"});
    assert_eq!(
        document(),
        json!({
            "version": 2,
            "services": {"pet": {"hosts": []}},
            "resources": [
                {"type": "clusters", "name": "a", "resource": resource},
                {"type": "clusters", "name": "a", "node_cluster": "demo", "resource": resource},
            ],
        })
    );
    drop(file);
    assert_eq!(held(&path), written(&world));
}

#[test]
fn what_was_written_is_read_and_leftovers_are_cleaned() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("registry.json");
    let (file, empty) = StateFile::open(&path).unwrap();
    assert_eq!(written(&empty), written(&World::new()));
    file.replace(&one("pet"), &empty).unwrap();
    drop(file);
    let leftover = folder.path().join(".registry.json.tmp");
    fs::write(&leftover, "half a regis").unwrap();

    let (_, read) = StateFile::open(&path).unwrap();
    assert_eq!(written(&read), written(&one("pet")));
    assert!(!leftover.exists());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_link_stays_a_link() {
    let folder = tempfile::tempdir().unwrap();
    let (path, link) = (folder.path().join("registry.json"), folder.path().join("link.json"));
    StateFile::open(&path).unwrap();
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let (file, empty) = StateFile::open(&link).unwrap();
    file.replace(&one("pet"), &empty).unwrap();
    drop(file);
    assert!(link.is_symlink());
    assert_eq!(held(&path), written(&one("pet")));
}

fn is_in_use(path: &Path) -> bool {
    matches!(StateFile::open(path), Err(StateError::InUse(_)))
}

#[test]
fn one_file_has_one_writer_under_whatever_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("registry.json");
    let (link, hard) = (folder.path().join("link.json"), folder.path().join("hard.json"));
    let (file, empty) = StateFile::open(&path).unwrap();
    std::os::unix::fs::symlink("registry.json", &link).unwrap();
    fs::hard_link(&path, &hard).unwrap();
    let beside = folder.path().join("nowhere/../registry.json");
    fs::create_dir(folder.path().join("nowhere")).unwrap();
    for other in [&path, &link, &hard, &beside] {
        assert!(is_in_use(other), "{}", other.display());
    }
    // What takes its place is locked as well, from the first moment; what lay there is nobody's any more.
    file.replace(&one("pet"), &empty).unwrap();
    for other in [&path, &link, &beside] {
        assert!(is_in_use(other), "{}", other.display());
    }
    StateFile::open(&hard).unwrap();
    drop(file);
    assert_eq!(held(&link), written(&one("pet")));
}

#[test]
fn writers_that_begin_at_once_are_one() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..20 {
        let path = folder.path().join(format!("{round}.json"));
        let start = std::sync::Barrier::new(8);
        let opened: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        start.wait();
                        StateFile::open(&path)
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(opened.iter().filter(|opened| opened.is_ok()).count(), 1);
        assert!(
            opened
                .into_iter()
                .filter_map(Result::err)
                .all(|error| matches!(error, StateError::InUse(_)))
        );
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 20);
}

#[test]
fn what_somebody_put_in_its_place_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let (path, new) = (folder.path().join("registry.json"), folder.path().join("new.json"));
    let (file, empty) = StateFile::open(&path).unwrap();
    let (other, _) = StateFile::open(&new).unwrap();
    other.replace(&one("other"), &empty).unwrap();
    fs::rename(&new, &path).unwrap();
    let error = file.replace(&one("pet"), &empty).unwrap_err().to_string();
    assert!(error.contains("another file in its place"), "{error}");
    drop((file, other));
    assert_eq!(held(&path), written(&one("other")));
}

#[test]
fn what_it_writes_is_its_users_alone_and_goes_through_no_link() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("registry.json");
    let (file, empty) = StateFile::open(&path).unwrap();
    // Where an earlier version wrote before it renamed.
    let (known, target) = (folder.path().join(".registry.json.tmp"), folder.path().join("precious"));
    fs::write(&target, "precious").unwrap();
    std::os::unix::fs::symlink(&target, &known).unwrap();
    file.replace(&one("pet"), &empty).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
}

#[test]
fn what_is_no_file_is_named_and_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let (pipe, link) = (folder.path().join("pipe"), folder.path().join("link"));
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR).unwrap();
    std::os::unix::fs::symlink("gone.json", &link).unwrap();
    for (path, says) in [
        (&pipe, "no regular file"),
        (&link, "a link to a file that is not there"),
    ] {
        let error = StateFile::open(path).unwrap_err().to_string();
        assert!(
            error.contains(says) && error.contains(&path.display().to_string()),
            "{error}"
        );
    }
    assert!(read(&pipe).is_err());
    assert!(link.is_symlink());
}

#[test]
fn what_does_not_hold_is_named_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("registry.json");
    for (content, place) in [
        ("", "line 1 column 0"),
        ("{\"version\": 1,\n \"services\": ", "line 2 column 13"),
        (
            "{\"version\": 1, \"services\": {\"a b\": {\"hosts\": []}}}",
            "unlike \"a b\"",
        ),
        (
            "{\"version\": 1, \"services\": {\"a\": {\"hosts\": [{}]}}}",
            "services.a.hosts[0]",
        ),
        ("{\"version\": 3, \"services\": {}}", "`version` is 3"),
        (
            "{\"version\": 2, \"services\": {}, \"resources\": [{\"type\": \"runtimes\"}]}",
            "resources[0].type",
        ),
        (
            "{\"version\": 2, \"services\": {}, \"resources\": [{\"type\": \"clusters\", \"name\": \"a\", \"resource\": {\"name\": \"b\"}}]}",
            "resources[0]: name",
        ),
        (
            "{\"version\": 2, \"services\": {}, \"resources\": [
                {\"type\": \"clusters\", \"name\": \"a\", \"resource\": {\"name\": \"a\"}},
                {\"type\": \"clusters\", \"name\": \"a\", \"node_cluster\": \"demo\", \"resource\": {\"name\": \"a\"}},
                {\"type\": \"clusters\", \"name\": \"a\", \"resource\": {\"name\": \"a\", \"alt_stat_name\": \"b\"}}]}",
            "resources[2]: among the clusters, a is there twice for all nodes; leave out one of them",
        ),
        (
            "{\"version\": 1, \"services\": {}, \"resources\": [{\"type\": \"clusters\", \"name\": \"a\", \"resource\": {\"name\": \"a\"}}]}",
            "`resources`, which need `version` 2",
        ),
        ("{\"version\": 1, \"services\": {}, \"more\": 1}", "`more`"),
        (
            "{\"version\": 1, \"services\": {\"a\": {\"hosts\": []}, \"a\": {\"hosts\": []}}}",
            "the service a is there twice",
        ),
        (
            "{\"version\": 2, \"services\": {}, \"resources\": [{\"type\": \"clusters\", \"name\": \"a\", \"resource\": {\"name\": \"a\", \"name\": \"a\"}}]}",
            "the key \"name\" is there twice",
        ),
    ] {
        fs::write(&path, content).unwrap();
        let error = StateFile::open(&path).unwrap_err().to_string();
        assert!(
            error.contains(&path.display().to_string()) && error.contains(place),
            "{error}"
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), content);
    }
}

#[test]
fn paths_that_cannot_work_are_errors_at_once() {
    let folder = tempfile::tempdir().unwrap();
    for path in [
        folder.path().to_owned(),
        folder.path().join("nowhere/registry.json"),
        PathBuf::from("/"),
    ] {
        let error = StateFile::open(&path).unwrap_err().to_string();
        assert!(error.starts_with(&format!("state file {}", path.display())), "{error}");
    }
}

#[test]
fn a_file_that_no_memory_could_hold_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("registry.json");
    // It has no bytes on disk.
    fs::File::create(&path).unwrap().set_len(LONGEST + 1).unwrap();
    for error in [StateFile::open(&path).unwrap_err(), read(&path).unwrap_err()] {
        assert!(error.to_string().contains("longer than 1073741824 bytes"), "{error}");
    }
}
