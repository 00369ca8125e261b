//! Where in the files of a group of pods the thing stands that an Envoy refuses.

use std::path::{Path, PathBuf};

use super::{Bootstrap, blame, place::Files, said::clean, written::written};

/// What an Envoy that ran refused of its configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What Envoy says, for a person.
    pub message: String,
    /// The file, and the line in it, from 1, of what it means, or of what is around that; none where its words mean nothing that
    /// can be found.
    pub place: Option<(PathBuf, usize)>,
}

impl Refusal {
    /// What an Envoy with this configuration and these overlays `said`.
    pub fn of(file: &Path, overlays: &[PathBuf], said: &str) -> Self {
        let message = clean(said);
        Self {
            place: place(file, overlays, &message),
            message,
        }
    }
}

fn place(file: &Path, overlays: &[PathBuf], message: &str) -> Option<(PathBuf, usize)> {
    let config = Bootstrap::read_with(file, overlays).ok()?;
    let path = blame::place(config.document(), message)?;
    let mut files = Files::default();
    let refused = path.look(config.document());
    let found = refused.and_then(|refused| written(&mut files, file, &path, refused, overlays));
    // What is missing, or was made of several files, stands nowhere.
    let (file, (line, _)) = found.or_else(|| Some((file.to_owned(), files.find(file, &path)?)))?;
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
            Refusal::of(&file, std::slice::from_ref(&overlay), &message).place
        };
        assert_eq!(refused("conect_timeout"), Some((file.clone(), 4)));
        assert_eq!(refused("lb_polcy"), Some((overlay.clone(), 5)));
        // What is missing is told where it should be.
        let missing = "Proto constraint validation failed (BootstrapValidationError.StaticResources: embedded message failed validation | \
                       caused by StaticResourcesValidationError.Clusters[0]: embedded message failed validation | caused by \
                       ClusterValidationError.Name: value length must be at least 1 characters): name: \"\"";
        let missing = Refusal::of(&file, &[overlay], missing);
        assert_eq!(missing.place.map(|(file, _)| file), Some(file));
    }
}
