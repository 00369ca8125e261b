//! Where what a configuration with overlays has was written: in its own file, or in an overlay.

use std::path::{Path, PathBuf};

use serde_yaml::Value;

use super::{
    DocPath,
    path::{Step, walk},
    place::Files,
    value::text,
};

/// The file, and the line and column in it, from 1, in which the `value` was written that stands at `path` of `file` with
/// overlays over it; none where no file has it as it is. Which part of the configuration an overlay's change is for is not looked at: of
/// two changes with one name and one value, the first is told.
pub(super) fn written(
    files: &mut Files,
    file: &Path,
    path: &DocPath,
    value: &Value,
    overlays: &[PathBuf],
) -> Option<(PathBuf, (usize, usize))> {
    if let Some((document, places)) = files.read(file)
        && path.look(document) == Some(value)
    {
        return Some((file.to_owned(), places.find(path)?));
    }
    // The last overlay wins.
    overlays.iter().rev().find_map(|overlay| {
        let (document, places) = files.read(overlay)?;
        let mut found = None;
        walk(document, &DocPath::root(), &mut |at, other| {
            if found.is_none() && other == value && is_for(document, at, path) {
                found = Some(at.clone());
            }
        });
        Some((overlay.clone(), places.find(&found?)?))
    })
}

/// Whether what stands at `at` in an overlay may have come to `path`: it has the same name, or is set where that ends.
fn is_for(overlay: &Value, at: &DocPath, path: &DocPath) -> bool {
    match (at.steps().last(), path.steps().last()) {
        (Some(Step::Field(set)), Some(Step::Field(name))) if set == "set" && name != "set" => {
            let selector = at.parent().look(overlay).and_then(|change| text(change, "at"));
            selector.is_some_and(|selector| selector.rsplit('.').next() == Some(name))
        }
        (own, name) => own == name,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_an_overlay_merges_or_sets_is_found_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let (file, overlay) = (folder.path().join("x.yaml"), folder.path().join("o.yaml"));
        fs::write(&file, "clusters:\n- name: pet\n  delay: 1s\n").unwrap();
        let changes = "changes:\n- at: clusters[name=pet].other\n  set: 5s\n- at: clusters[name=pet].delay\n  set: 5s\n- at: clusters\n  merge:\n    \
                       policy: RANDOM\n";
        fs::write(&overlay, changes).unwrap();
        let cluster = DocPath::root().field("clusters").item(0);
        let found = |field: &str, value: &str| {
            let (path, value) = (cluster.field(field), Value::from(value));
            written(
                &mut Files::default(),
                &file,
                &path,
                &value,
                std::slice::from_ref(&overlay),
            )
        };
        assert_eq!(found("name", "pet"), Some((file.clone(), (2, 9))));
        assert_eq!(found("delay", "5s"), Some((overlay.clone(), (5, 8))));
        assert_eq!(found("policy", "RANDOM"), Some((overlay.clone(), (8, 13))));
        assert_eq!(found("policy", "MAGLEV"), None);
    }
}
