//! The files of a project, also those that are no text.

use std::fs;

use meshkat_model::project::Project;
use meshkat_model::scenario::SharedAxes;
use tempfile::TempDir;

/// A project with these files.
fn project(files: &[(&str, &[u8])]) -> (TempDir, Project) {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let root = folder.path().to_owned();
    (folder, Project { root })
}

const NOT_TEXT: &[u8] = b"promise: p\nmesh: \xff\n";

#[test]
fn a_scenario_that_is_no_text_is_told_with_its_place() {
    let (_folder, project) = project(&[("scenarios/a/b.yaml", NOT_TEXT)]);
    let files = project.scenario_files().unwrap();
    assert_eq!(files.keys().collect::<Vec<_>>(), ["a/b"]);
    let wrong = project
        .read_scenario(&files["a/b"], &SharedAxes::default())
        .unwrap()
        .unwrap_err();
    assert_eq!((wrong.len(), wrong[0].message.as_str()), (1, "the file is not UTF-8"));
    assert_eq!((wrong[0].place.line, wrong[0].place.column), (2, 7));
    let error = project.source(&files["a/b"]).unwrap_err().to_string();
    assert_eq!(
        error,
        "the file is not UTF-8 at line 2, column 7: the byte 0xff, behind 17 bytes"
    );
}

#[test]
fn a_mesh_that_is_no_text_does_not_hide_the_others() {
    let good = b"pods: {ingress: {envoy: ingress.yaml}}\n";
    let (_folder, project) = project(&[
        ("scenarios/meshes/bad.yaml", NOT_TEXT),
        ("scenarios/meshes/good.yaml", good),
        ("envoy-configs/ingress.yaml", b""),
    ]);
    let (meshes, wrong) = project.read_meshes().unwrap();
    assert_eq!(
        wrong.iter().map(|wrong| wrong.message.as_str()).collect::<Vec<_>>(),
        ["the file is not UTF-8"]
    );
    assert!(meshkat_model::scenario::Meshes::mesh(&meshes, "good").is_ok());
}

#[test]
fn a_file_with_a_nul_byte_is_refused_and_shown() {
    let text = b"promise: p\nmesh: petshop\0\nsteps: [{get: /, status: 200}]\n";
    let (_folder, project) = project(&[("scenarios/nul.yaml", text)]);
    let files = project.scenario_files().unwrap();
    let (meshes, _) = project.read_meshes().unwrap();
    let read = project.read_scenario(&files["nul"], &SharedAxes::default()).unwrap();
    let wrong = match read {
        Ok(scenario) => scenario.case(indexmap::IndexMap::new(), &meshes).unwrap_err(),
        Err(wrong) => wrong,
    };
    let told = wrong[0].render(false);
    assert!(told.contains("petshop␀") && !told.contains('\0'), "{told}");
}

#[test]
fn a_file_that_is_not_there_is_an_error_of_reading() {
    let (_folder, project) = project(&[("scenarios/meshes/good.yaml/not-a-file", b"")]);
    assert!(
        project
            .read_scenario(&project.root.join("scenarios/none.yaml"), &SharedAxes::default())
            .is_err()
    );
    assert!(project.source(&project.root).is_err());
    let (_, wrong) = project.read_meshes().unwrap();
    assert!(wrong.is_empty(), "a folder is no mesh");
}

#[test]
fn two_files_with_one_id_are_told_and_what_begins_with_a_dot_is_none() {
    let text = b"promise: It answers.\n".as_slice();
    let (folder, project) = project(&[
        ("scenarios/mine/a.yaml", text),
        // As macOS and vim leave them.
        ("scenarios/mine/._a.yaml", text),
        ("scenarios/meshes/.petshop.yaml", text),
    ]);
    // As Emacs does: it leads nowhere.
    std::os::unix::fs::symlink("nobody@nowhere.1", folder.path().join("scenarios/mine/.#a.yaml")).unwrap();
    let write = |file: &str| {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    assert_eq!(
        project.scenario_files().unwrap().into_keys().collect::<Vec<_>>(),
        ["mine/a"]
    );
    assert!(project.mesh_files().unwrap().is_empty());
    write("scenarios/mine/a.yml");
    let error = project.scenario_files().unwrap_err().to_string();
    assert!(
        error.contains("a.yaml and ") && error.ends_with("are both `mine/a`; rename one of them"),
        "{error}"
    );
    for folder in ["scenarios/meshes", "envoy-configs/overlays"] {
        write(&format!("{folder}/one.yaml"));
        write(&format!("{folder}/one.yml"));
    }
    assert!(project.mesh_files().is_err() && project.overlay_files().is_err());
}
