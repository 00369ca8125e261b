//! Every broken file of `scenarios/invalid/` is told, and told well: the picture that a person sees is kept beside this
//! test. A file that yields no diagnostic fails, and so does a picture whose file is gone.

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
};

use insta::{Settings, assert_snapshot};
use libtest_mimic::{Arguments, Trial};
use meshkat_model::{mesh_file::read_mesh, project::Project, scenario::SharedAxes, source::Diagnostic};
use meshkat_plan::expand;

/// The folders of the corpus that hold what this crate reads; Envoy's configurations are the business of another.
const KINDS: [&str; 3] = ["axes", "meshes", "scenarios"];

fn main() {
    let arguments = Arguments::from_args();
    // Diagnostics name files as they are seen from the current folder.
    env::set_current_dir(root()).expect("the project can be entered");
    let mut trials = Vec::new();
    for kind in KINDS {
        let files = files(&broken(kind), "yaml");
        assert!(!files.is_empty(), "there are no files for {kind}");
        trials.extend(files.into_iter().map(|(name, path)| {
            Trial::test(format!("{kind}/{name}"), move || {
                told(kind, &name, &path, &Project { root: root() });
                Ok(())
            })
        }));
        trials.push(Trial::test(format!("{kind}: no picture without its file"), move || {
            Ok(orphans(kind)?)
        }));
    }
    libtest_mimic::run(&arguments, trials).exit();
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .expect("the project is there")
}

fn broken(kind: &str) -> PathBuf {
    root().join("scenarios/invalid").join(kind)
}

/// Holds what is said of one file against its picture.
fn told(kind: &str, name: &str, path: &Path, project: &Project) {
    let found = match kind {
        "axes" => axes(path, project),
        "meshes" => mesh(name, path, project),
        _ => scenario(path, project),
    };
    assert!(
        !found.is_empty(),
        "{} is broken, and nothing is said of it",
        path.display()
    );
    let pictures: Vec<String> = found.iter().map(|diagnostic| diagnostic.render(false)).collect();
    let mut settings = Settings::clone_current();
    settings.set_snapshot_path(snapshots(kind));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| assert_snapshot!(name, pictures.join("\n")));
}

fn axes(path: &Path, project: &Project) -> Vec<Diagnostic> {
    let source = project.source(path).expect("the file can be read");
    SharedAxes::read(&source).err().unwrap_or_default()
}

fn mesh(name: &str, path: &Path, project: &Project) -> Vec<Diagnostic> {
    let source = project.source(path).expect("the file can be read");
    read_mesh(name, &source, &project.configs()).err().unwrap_or_default()
}

fn scenario(path: &Path, project: &Project) -> Vec<Diagnostic> {
    let (meshes, wrong) = project.read_meshes().expect("the meshes can be read");
    assert!(wrong.is_empty(), "{wrong:?}");
    let shared = project
        .read_axes()
        .expect("the shared axes can be read")
        .expect("they hold");
    match project.read_scenario(path, &shared).expect("the file can be read") {
        Ok(scenario) => expand(&scenario, &meshes).err().unwrap_or_default(),
        Err(wrong) => wrong,
    }
}

fn orphans(kind: &str) -> Result<(), String> {
    let files = names(&broken(kind), "yaml");
    let pictures = names(&snapshots(kind), "snap");
    let orphans: Vec<&String> = pictures.difference(&files).collect();
    if orphans.is_empty() {
        Ok(())
    } else {
        Err(format!("pictures whose file is gone: {orphans:?}"))
    }
}

fn snapshots(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/snapshots/invalid")
        .join(kind)
}

fn names(folder: &Path, ending: &str) -> BTreeSet<String> {
    files(folder, ending).into_iter().map(|(name, _)| name).collect()
}

/// The files with this ending, by name, in order.
fn files(folder: &Path, ending: &str) -> Vec<(String, PathBuf)> {
    let entries = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    let mut found: Vec<(String, PathBuf)> = entries
        .filter(|path| path.extension().is_some_and(|found| found == ending))
        .filter_map(|path| Some((path.file_stem()?.to_str()?.to_owned(), path)))
        .collect();
    found.sort();
    found
}
