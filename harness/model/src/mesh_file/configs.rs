//! The Envoy configurations that a mesh file names.

use std::path::{Component, Path};

use crate::{
    source::{Diagnostic, Source},
    suggest::did_you_mean,
    yaml::{At, Kind, Node},
};

/// The configurations that the groups of a mesh file name, whether or not the rest can be read.
pub(super) fn configs_named(node: &Node) -> impl Iterator<Item = At<String>> {
    let groups = match node.get("pods").map(|pods| &pods.kind) {
        Some(Kind::Mapping(groups)) => groups.as_slice(),
        _ => &[],
    };
    groups.iter().filter_map(|(_, group)| match group.get("envoy")? {
        Node {
            kind: Kind::Scalar { text, .. },
            place,
        } => Some(At {
            place: *place,
            value: text.clone(),
        }),
        _ => None,
    })
}

/// That an Envoy's configuration is a file in its folder.
pub(super) fn check_config(source: &Source, file: &At<String>, configs: &Path) -> Option<Diagnostic> {
    // The same words on every machine: where the project lies is not told.
    let folder = configs
        .file_name()
        .unwrap_or(configs.as_os_str())
        .to_string_lossy()
        .into_owned();
    let inside = Path::new(&file.value)
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    if !inside || file.is_empty() {
        let message = format!("`{}` is not the name of a file in `{folder}`", file.value);
        return Some(
            Diagnostic::new(source, file.place, message, "outside the folder")
                .help("name the file alone, such as `pet.yaml`"),
        );
    }
    let path = configs.join(&file.value);
    if path.is_file() {
        // A link in a checkout could have any file of this user told in a log.
        let project = configs.parent().unwrap_or(configs);
        if meshkat_files::stays_in(project, &path).unwrap_or(false) {
            return None;
        }
        let message = format!("`{}` in `{folder}` leads out of the project", file.value);
        return Some(
            Diagnostic::new(source, file.place, message, "a link to elsewhere")
                .help("put what it leads to in its place"),
        );
    }
    let message = format!("there is no Envoy configuration `{}` in `{folder}`", file.value);
    let here = list_yaml(configs);
    let help = did_you_mean(&file.value, here.iter().map(String::as_str));
    Some(Diagnostic::new(source, file.place, message, "no such file").help(help))
}

fn list_yaml(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let names = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(|name| name.ends_with(".yaml")).collect()
}
