//! The Envoy configurations of a mesh.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use meshkat_envoy::config::{Bootstrap, Rebind, Rebound};
use meshkat_model::mesh::{Application, GroupSpec, MeshSpec, PodPorts, Port};

use crate::RuntimeError;
use crate::error::failed;
use crate::run::folder::RunFolder;

/// The largest file of a project that goes along into a container: a database of places, or a plugin.
const LARGEST: u64 = 256 << 20;
/// How many files a folder may have that goes along.
const MOST: usize = 10_000;

/// The Envoy configurations of a mesh with their overlays, each read once.
#[derive(Debug)]
pub struct Bootstraps {
    read: HashMap<(PathBuf, Vec<PathBuf>), Bootstrap>,
    /// Where the ports of each group's pods are.
    ports: HashMap<String, PodPorts>,
    shares: bool,
}

/// Where the files of a pod's configuration are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configuration {
    /// The configuration itself.
    pub file: PathBuf,
    /// The folder of the files that it names; none if it names none.
    pub folder: Option<PathBuf>,
}

impl Bootstraps {
    /// Reads them. `shares` is whether pods share the machine's network.
    ///
    /// # Errors
    /// One cannot be read, or an overlay does not fit.
    pub fn read(mesh: &MeshSpec, shares: bool) -> Result<Self, RuntimeError> {
        let mut read = HashMap::new();
        for group in mesh.groups.values() {
            let Some(path) = &group.envoy else { continue };
            let key = (path.clone(), group.overlays.clone());
            if let Entry::Vacant(entry) = read.entry(key) {
                entry.insert(Bootstrap::read_with(path, &group.overlays)?);
            }
        }
        let mut all = Self {
            read,
            ports: HashMap::new(),
            shares,
        };
        let ports = |group: &GroupSpec| {
            let own = group.application.as_ref().map(Application::ports).unwrap_or_default();
            match all.of(group) {
                Some(config) => config.ports(shares, &own),
                None => PodPorts {
                    application: own.first().copied().unwrap_or(Port::Application.number()),
                    ..PodPorts::default()
                },
            }
        };
        let ports = mesh.groups.iter().map(|(name, group)| (name.clone(), ports(group)));
        all.ports = ports.collect();
        Ok(all)
    }

    fn of(&self, group: &GroupSpec) -> Option<&Bootstrap> {
        let source = group.envoy.as_ref()?;
        self.read.get(&(source.clone(), group.overlays.clone()))
    }

    /// Whether what is written for pods is this user's alone: what containers read is for others, too.
    pub(crate) fn are_private(&self) -> bool {
        self.shares
    }

    /// Where the ports of a group's pods are.
    pub(crate) fn ports(&self, group: &str) -> PodPorts {
        self.ports.get(group).cloned().unwrap_or_default()
    }

    /// The ports of all groups.
    pub fn all_ports(&self) -> impl Iterator<Item = &PodPorts> {
        self.ports.values()
    }

    /// The services whose endpoints the Envoys ask for.
    pub fn services(&self) -> Vec<String> {
        let mut services: Vec<String> = self
            .read
            .values()
            .flat_map(Bootstrap::eds_clusters)
            .map(|eds| eds.service)
            .collect();
        services.sort();
        services.dedup();
        services
    }

    /// Writes the configuration of a pod of a group into the folder of its run, bound to the pod. None for a group without an
    /// Envoy. Only this user can read it, unless the pod's Envoy is of another one: that of a container, which is handed
    /// the file, the folder beside it, and not the folders above.
    pub(crate) fn write(
        &self,
        group: &GroupSpec,
        rebind: &Rebind,
        folder: &RunFolder,
    ) -> Result<Option<Configuration>, RuntimeError> {
        let Some(rebound) = self.rebound(group, rebind)? else {
            return Ok(None);
        };
        let file = folder.configuration(&rebind.node_id);
        let files = folder.resources(&rebind.node_id);
        let folder = write_files(&rebound, &files, self.shares)?;
        write_one(&file, rebound.config.to_json()?.as_bytes(), self.shares).map_err(failed("write", &file))?;
        Ok(Some(Configuration { file, folder }))
    }

    /// Writes what has changed of the files that a pod's configuration names, now that names mean others. Envoy looks at a file
    /// that another was moved to the place of.
    pub(crate) fn follow(&self, group: &GroupSpec, rebind: &Rebind, folder: &RunFolder) -> Result<(), RuntimeError> {
        let Some(rebound) = self.rebound(group, rebind)? else {
            return Ok(());
        };
        let files = folder.resources(&rebind.node_id);
        for (name, text) in &rebound.files {
            let file = files.join(name);
            if fs::read(&file).is_ok_and(|known| known == text.as_bytes()) {
                continue;
            }
            write_one(&file, text.as_bytes(), self.shares).map_err(failed("write", &file))?;
        }
        Ok(())
    }

    /// The configuration of a pod of a group, bound to the pod; none for a group without an Envoy.
    ///
    /// # Errors
    /// It cannot be bound to the pod.
    pub fn rebound(&self, group: &GroupSpec, rebind: &Rebind) -> Result<Option<Rebound>, RuntimeError> {
        let bound = self.of(group).map(|bootstrap| bootstrap.rebind_with_files(rebind));
        Ok(bound.transpose()?)
    }
}

/// Writes the files that go with a configuration into a folder; the folder, if there are any. `private` is whether nobody else
/// may read them.
///
/// # Errors
/// A file cannot be written, or one that goes along not be read.
pub fn write_files(rebound: &Rebound, folder: &Path, private: bool) -> Result<Option<PathBuf>, RuntimeError> {
    if rebound.files.is_empty() && rebound.carried.is_empty() {
        return Ok(None);
    }
    make_folder(folder, private).map_err(failed("make the folder", folder))?;
    for (name, text) in &rebound.files {
        let file = folder.join(name);
        write_one(&file, text.as_bytes(), private).map_err(failed("write", &file))?;
    }
    for (name, source) in &rebound.carried {
        let mut count = 0;
        carry(source, &folder.join(name), private, &mut count).map_err(failed("copy", source))?;
    }
    Ok(Some(folder.to_owned()))
}

/// Copies a file, or a folder with all that is in it but for links. What can be executed can still be.
pub(super) fn carry(source: &Path, target: &Path, private: bool, count: &mut usize) -> io::Result<()> {
    *count += 1;
    if *count > MOST {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("there are more than {MOST} files in it"),
        ));
    }
    if !source.is_dir() {
        write_one(target, &meshkat_files::read(source, LARGEST)?, private)?;
        let is_executable = fs::metadata(source)?.permissions().mode() & 0o111 != 0;
        let mode = if private { 0o700 } else { 0o755 };
        return match is_executable {
            true => fs::set_permissions(target, Permissions::from_mode(mode)),
            false => Ok(()),
        };
    }
    make_folder(target, private)?;
    for entry in fs::read_dir(source)? {
        let entry = entry?;
        if !entry.file_type()?.is_symlink() {
            carry(&entry.path(), &target.join(entry.file_name()), private, count)?;
        }
    }
    Ok(())
}

pub(super) fn make_folder(folder: &Path, private: bool) -> io::Result<()> {
    meshkat_files::private_folder(folder)?;
    match private {
        true => Ok(()),
        false => fs::set_permissions(folder, Permissions::from_mode(0o755)),
    }
}

/// Moves a whole file to its place, with the permissions that it is to have: who waits for it reads it at once.
pub(super) fn write_one(file: &Path, content: &[u8], private: bool) -> io::Result<()> {
    if private {
        return meshkat_files::write_private(file, content);
    }
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let new = file.with_file_name(format!(".{name}.new"));
    meshkat_files::write_private(&new, content)?;
    fs::set_permissions(&new, Permissions::from_mode(0o644))?;
    fs::rename(new, file)
}
