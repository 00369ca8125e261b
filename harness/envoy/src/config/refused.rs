//! Where in the files of a group of pods the thing stands that an Envoy refuses.

use std::path::{Path, PathBuf};

use super::{Bootstrap, blame, written::written};

/// The file, and the line in it, from 1, of what an Envoy with this configuration and these overlays means by `message`; none
/// where its words mean nothing that can be found.
pub fn place_of_refusal(file: &Path, overlays: &[PathBuf], message: &str) -> Option<(PathBuf, usize)> {
    let config = Bootstrap::read_with(file, overlays).ok()?;
    // Envoy strews blanks into its messages, so that no program relies on them.
    let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
    let path = blame::place(config.document(), &message)?;
    let refused = path.look(config.document())?;
    let (file, (line, _)) = written(file, &path, refused, overlays)?;
    Some((file, line))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_an_overlay_brings_is_found_in_the_overlay() {
        let folder = tempfile::tempdir().unwrap();
        let (file, overlay) = (folder.path().join("x.yaml"), folder.path().join("o.yaml"));
        fs::write(
            &file,
            "static_resources:\n  clusters:\n  - name: pet\n    conect_timeout: 1s\n",
        )
        .unwrap();
        let changes = "about: x\nchanges:\n- at: static_resources.clusters[name=pet]\n  merge:\n    lb_polcy: RANDOM\n";
        fs::write(&overlay, changes).unwrap();
        let refused = |field: &str| {
            let message = format!(
                "invalid JSON  in envoy.config.bootstrap.v3.Bootstrap  @   static_resources.clusters[0]: message \
                 envoy.config.cluster.v3.Cluster, near 1:9 (offset 8): no such field: '{field}'"
            );
            place_of_refusal(&file, std::slice::from_ref(&overlay), &message)
        };
        assert_eq!(refused("conect_timeout"), Some((file.clone(), 4)));
        assert_eq!(refused("lb_polcy"), Some((overlay, 5)));
    }
}
