//! Whether overlays fit the configurations that meshes put them over.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, hash_map::Entry},
    path::{Path, PathBuf},
};

use meshkat_envoy::config::{Bootstrap, ConfigError, Overlay, Wrong};
use meshkat_model::mesh::{GroupSpec, MeshSpec};

use crate::exit::Exit;

/// Puts every mesh's overlays over its configurations, so that what does not fit is told before anything starts.
///
/// # Errors
/// A change for which there is no place, and an overlay that changes no Envoy of a mesh.
pub(crate) fn check_overlays<'a>(meshes: impl Iterator<Item = &'a MeshSpec>) -> Result<(), Exit> {
    let mut checked = HashSet::new();
    let mut fits = Fits::default();
    for mesh in meshes {
        let files: BTreeSet<Together<'_>> = mesh.groups.values().filter_map(together).collect();
        if checked.insert((mesh.name.as_str(), files.clone())) {
            fits.check(&mesh.name, files)?;
        }
    }
    Ok(())
}

/// A configuration, and what is put over it.
pub(super) type Together<'a> = (&'a Path, &'a [PathBuf]);

pub(super) fn together(group: &GroupSpec) -> Option<Together<'_>> {
    let overlays = group.overlays.as_slice();
    (!overlays.is_empty()).then_some((group.envoy.as_deref()?, overlays))
}

/// What of overlays and configurations is known to fit. Each file is read once, and each is put over another once, however many
/// meshes and cases have both.
#[derive(Default)]
pub(super) struct Fits<'a> {
    configs: HashMap<&'a Path, Bootstrap>,
    overlays: HashMap<&'a Path, Overlay>,
    /// Whether each of the overlays changes the configuration.
    known: HashMap<Together<'a>, Vec<bool>>,
}

impl<'a> Fits<'a> {
    pub(super) fn check(&mut self, mesh: &str, files: BTreeSet<Together<'a>>) -> Result<(), Exit> {
        let mut unused: BTreeMap<&Path, bool> = BTreeMap::new();
        for of in files {
            if !self.known.contains_key(&of) {
                if self.known.len() >= OVERLAID {
                    return Err(Exit::usage(format!(
                        "there are more than {OVERLAID} combinations of overlays and configurations"
                    ))
                    .help("put fewer overlays on an axis, or name fewer scenarios"));
                }
                let changes = self.changes(of)?;
                self.known.insert(of, changes);
            }
            for (overlay, changes) in of.1.iter().zip(&self.known[&of]) {
                *unused.entry(overlay).or_insert(true) &= !changes;
            }
        }
        match unused.into_iter().find(|(_, unused)| *unused) {
            None => Ok(()),
            Some((overlay, _)) => Err(Exit::usage(format!(
                "{}: it changes no Envoy of the mesh `{mesh}`",
                overlay.display(),
            ))
            .help("no configuration of this mesh has what it `needs`; leave it out, or choose another mesh")),
        }
    }

    fn changes(&mut self, (file, overlays): Together<'a>) -> Result<Vec<bool>, Exit> {
        let usage = |error: ConfigError| Exit::usage(error.to_string());
        let all = |wrong: Wrong| {
            let all: Vec<String> = wrong.each().map(ToString::to_string).collect();
            Exit::usage(all.join("\n"))
        };
        let mut config = match self.configs.entry(file) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(new) => new.insert(Bootstrap::read(file).map_err(usage)?).clone(),
        };
        let mut changes = Vec::new();
        for path in overlays {
            let overlay = match self.overlays.entry(path) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => new.insert(Overlay::read_or_tell(path).map_err(all)?),
            };
            changes.push(overlay.apply_or_tell(&mut config).map_err(all)?);
        }
        Ok(changes)
    }
}

/// How many combinations of a configuration and overlays are looked at: each takes some milliseconds.
const OVERLAID: usize = 500;
