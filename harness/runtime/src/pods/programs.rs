//! What a program of a user's own finds where it is started: its files, who is in the mesh, and what it is given to know.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use meshkat_model::certificates::{Certificates, FOLDER};
use meshkat_model::mesh::{MeshSpec, Port};
use meshkat_model::program::{CERTIFICATES, Program, filled};
use serde_json::{Map, Value, json};

use super::address::PodAddress;
use super::bootstraps::{carry, make_folder, write_one};
use crate::RuntimeError;
use crate::error::failed;

/// Below a program's folder: the folder of its files, in which it is started.
const FILES: &str = "files";
/// The folder of what changes while it runs, and the file of all pods in it.
const MESH: &str = "mesh";
const PODS: &str = "pods.json";

/// Where a program is started, as it sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramPlace<'a> {
    /// The address at which it listens.
    pub listen: IpAddr,
    /// Where it reaches its own Envoy.
    pub loopback: IpAddr,
    /// Where it finds its folder.
    pub folder: &'a Path,
    /// Where it finds the certificates that were made for the run; none where it has none.
    pub certificates: Option<&'a Path>,
}

impl ProgramPlace<'_> {
    /// The folder of its files.
    pub fn files(&self) -> PathBuf {
        self.folder.join(FILES)
    }
}

/// A program as it is started in a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartedProgram {
    /// The program and its arguments; empty of an image that has its own.
    pub command: Vec<String>,
    /// What it is given, those of `env` last.
    pub env: Vec<(String, String)>,
}

/// What is started in a pod, with the values of its variables.
pub fn started(program: &Program, pod: &PodAddress, place: &ProgramPlace<'_>) -> StartedProgram {
    let path = |path: PathBuf| path.to_string_lossy().into_owned();
    let egress = SocketAddr::new(place.loopback, pod.ports.number(Port::Outbound));
    let given = [
        ("MESHKAT_ADDRESS", place.listen.to_string()),
        ("MESHKAT_PORT", program.port().to_string()),
        ("MESHKAT_EGRESS", format!("http://{egress}")),
        ("MESHKAT_POD", pod.name.clone()),
        ("MESHKAT_GROUP", pod.group.clone()),
        ("MESHKAT_PODS", path(place.folder.join(MESH).join(PODS))),
        ("MESHKAT_FILES", path(place.files())),
    ];
    let mut env: Vec<(String, String)> = given.map(|(name, value)| (name.to_owned(), value)).into();
    let certificates = place
        .certificates
        .map(|folder| (CERTIFICATES.to_owned(), path(folder.to_owned())));
    env.extend(certificates);
    let own = program.env.iter();
    let own: Vec<_> = own.map(|(name, value)| (name.clone(), filled(value, &env))).collect();
    let command = program.command.iter().map(|word| filled(word, &env)).collect();
    env.extend(own);
    StartedProgram { command, env }
}

/// Writes what a program finds into its folder. `private` is whether nobody else may read it.
///
/// # Errors
/// A file cannot be read or written.
pub(crate) fn write(program: &Program, folder: &Path, pods: &str, private: bool) -> Result<(), RuntimeError> {
    let files = folder.join(FILES);
    for folder in [folder, &files, &folder.join(MESH)] {
        make_folder(folder, private).map_err(failed("make the folder", folder))?;
    }
    for file in &program.files {
        let mut within = files.clone();
        let parents = Path::new(&file.name).parent().into_iter().flat_map(Path::components);
        for parent in parents {
            within.push(parent);
            make_folder(&within, private).map_err(failed("make the folder", &within))?;
        }
        let mut count = 0;
        carry(&file.path, &files.join(&file.name), private, &mut count).map_err(failed("copy", &file.path))?;
    }
    follow(folder, pods, private)
}

/// Makes the certificates of a run, in its folder.
///
/// # Errors
/// They cannot be made, or not be written.
pub(crate) fn write_certificates(certificates: &Certificates, run: &Path, private: bool) -> Result<(), RuntimeError> {
    let folder = run.join(FOLDER);
    make_folder(&folder, private).map_err(failed("make the folder", &folder))?;
    let write = |name: &str, text: &str| write_one(&folder.join(name), text.as_bytes(), private);
    meshkat_envoy::certificates::make(certificates, write).map_err(failed("write the certificates in", &folder))
}

/// Writes who is in the mesh now. A program that watches the file sees another one moved to its place.
///
/// # Errors
/// It cannot be written.
pub(crate) fn follow(folder: &Path, pods: &str, private: bool) -> Result<(), RuntimeError> {
    let file = folder.join(MESH).join(PODS);
    if std::fs::read(&file).is_ok_and(|known| known == pods.as_bytes()) {
        return Ok(());
    }
    write_one(&file, pods.as_bytes(), private).map_err(failed("write", &file))
}

/// The pods that the names of groups mean, by their groups, each with where others reach it: at its Envoy or, where it has none, at
/// its application.
pub(crate) fn pods<'a>(mesh: &MeshSpec, known: impl IntoIterator<Item = &'a PodAddress>) -> String {
    let groups = mesh.groups.keys().map(|group| (group.clone(), json!([])));
    let mut all: Map<String, Value> = groups.collect();
    for pod in known {
        let has_envoy = mesh.groups.get(&pod.group).is_some_and(|group| group.envoy.is_some());
        let port = if has_envoy { Port::Inbound } else { Port::Application };
        if let Some(Value::Array(pods)) = all.get_mut(&pod.group) {
            pods.push(json!({"name": pod.name, "address": pod.address, "port": pod.ports.number(port)}));
        }
    }
    format!("{:#}\n", Value::Object(all))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use meshkat_model::mesh::{Application, GroupSpec, PodPorts};
    use meshkat_model::program::{ProgramFile, Readiness};

    use super::*;

    fn program(files: Vec<ProgramFile>) -> Program {
        Program {
            place: "x.yaml:1".to_owned(),
            command: ["./server", "--at=${MESHKAT_ADDRESS}:${MESHKAT_PORT}"]
                .map(str::to_owned)
                .into(),
            image: None,
            env: vec![("BACKEND".to_owned(), "${MESHKAT_EGRESS}/api".to_owned())],
            files,
            ports: vec![3000, 3001],
            ready: Readiness::Tcp,
            is_control_plane: false,
        }
    }

    fn pod(name: &str, group: &str, last: u8) -> PodAddress {
        PodAddress {
            group: group.to_owned(),
            name: name.to_owned(),
            address: [127, 64, 0, last].into(),
            loopback: [127, 64, 0, last].into(),
            ports: PodPorts {
                application: 3000,
                ..PodPorts::default()
            },
            order: (0, 0),
        }
    }

    #[test]
    fn a_program_is_started_with_the_values_of_its_variables() {
        let pod = pod("web-1", "web", 2);
        let place = ProgramPlace {
            listen: pod.address,
            loopback: pod.loopback,
            folder: Path::new("/run/web-1"),
            certificates: None,
        };
        let StartedProgram { command, env } = started(&program(Vec::new()), &pod, &place);
        assert_eq!(command, ["./server", "--at=127.64.0.2:3000"]);
        let value = |name: &str| env.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
        assert_eq!(value("BACKEND"), Some("http://127.64.0.2:9900/api"));
        assert_eq!(value("MESHKAT_PODS"), Some("/run/web-1/mesh/pods.json"));
        assert_eq!(value("MESHKAT_FILES"), Some("/run/web-1/files"));
        assert_eq!(value(CERTIFICATES), None);
    }

    #[test]
    fn files_are_copied_with_their_folders_and_what_can_be_executed_still_can() {
        let folder = tempfile::tempdir().expect("a folder");
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::create_dir_all(from.join("pages/more")).expect("the folder is ours");
        fs::write(from.join("pages/more/a.txt"), "a").expect("the folder is ours");
        fs::write(from.join("server"), "#!/bin/sh").expect("the folder is ours");
        fs::set_permissions(from.join("server"), fs::Permissions::from_mode(0o755)).expect("the file is ours");
        let file = |name: &str| ProgramFile {
            name: name.to_owned(),
            path: from.join(name),
        };
        for (private, modes) in [(true, (0o700, 0o600)), (false, (0o755, 0o644))] {
            let program = program(vec![file("server"), file("pages/more")]);
            write(&program, &to, "{}", private).expect("it can be written");
            let mode = |path: &str| fs::metadata(to.join(path)).expect("it is there").permissions().mode() & 0o777;
            assert_eq!((mode("files/server"), mode("files/pages/more/a.txt")), modes);
            assert_eq!(
                fs::read_to_string(to.join("mesh/pods.json")).expect("it is there"),
                "{}"
            );
            fs::remove_dir_all(&to).expect("the folder is ours");
        }
    }

    #[test]
    fn pods_are_told_by_their_groups_with_where_others_reach_them() {
        let group = |envoy: Option<&str>| GroupSpec {
            application: Some(Application::Program(Box::new(program(Vec::new())))),
            envoy: envoy.map(Into::into),
            overlays: Vec::new(),
            replicas: Some(1),
            started: true,
            registered: true,
        };
        let groups = [
            ("web", group(None)),
            ("shop", group(Some("shop.yaml"))),
            ("gone", group(None)),
        ];
        let mesh = MeshSpec {
            name: "own".to_owned(),
            groups: groups.map(|(name, group)| (name.to_owned(), group)).into(),
            envoy: None,
            certificates: None,
            alone: None,
            fixed: [].into(),
        };
        let told: Value = serde_json::from_str(&pods(&mesh, [&pod("web-1", "web", 2), &pod("shop-1", "shop", 3)]))
            .expect("it is JSON");
        let of = |name: &str, address: &str, port: u16| json!([{"name": name, "address": address, "port": port}]);
        let expected =
            json!({"web": of("web-1", "127.64.0.2", 3000), "shop": of("shop-1", "127.64.0.3", 10000), "gone": []});
        assert_eq!(told, expected);
    }
}
