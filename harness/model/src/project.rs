//! The files of a project: `scenarios/`, `scenarios/meshes/` and `envoy-configs/`.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

use indexmap::IndexMap;

use crate::{
    limits,
    mesh::MeshSpec,
    mesh_file::read_mesh,
    scenario::{Meshes, Scenario, SharedAxes},
    source::{Diagnostic, Source},
};

/// Where the files of a project are.
#[derive(Debug, Clone)]
pub struct Project {
    /// The folder that holds `scenarios/` and `envoy-configs/`.
    pub root: PathBuf,
}

/// The meshes of a project, read.
#[derive(Debug, Default)]
pub struct MeshFiles {
    read: IndexMap<String, MeshSpec>,
    overlays: BTreeMap<String, PathBuf>,
}

impl Meshes for MeshFiles {
    fn mesh(&self, name: &str) -> Result<&MeshSpec, Vec<String>> {
        self.read.get(name).ok_or_else(|| self.read.keys().cloned().collect())
    }

    fn overlay(&self, name: &str) -> Result<&Path, Vec<String>> {
        let file = self.overlays.get(name).map(PathBuf::as_path);
        file.ok_or_else(|| self.overlays.keys().cloned().collect())
    }
}

impl Project {
    /// The project that `folder` lies in: the nearest folder upwards that has `scenarios/` and `envoy-configs/`.
    pub fn find(folder: &Path) -> Option<Self> {
        let root = folder
            .ancestors()
            .find(|up| up.join("scenarios").is_dir() && up.join("envoy-configs").is_dir())?;
        Some(Self { root: root.to_owned() })
    }

    /// The folder of scenarios.
    pub fn scenarios(&self) -> PathBuf {
        self.root.join("scenarios")
    }

    /// The folder of meshes.
    pub fn meshes(&self) -> PathBuf {
        self.scenarios().join("meshes")
    }

    /// The folder of Envoy configurations.
    pub fn configs(&self) -> PathBuf {
        self.root.join("envoy-configs")
    }

    /// The folder of overlays, which change Envoy configurations.
    pub fn overlays(&self) -> PathBuf {
        self.configs().join("overlays")
    }

    /// The file of the axes' values that scenarios share; it need not be there.
    pub fn axes(&self) -> PathBuf {
        self.scenarios().join("axes.yaml")
    }

    /// Holds that a path of the project leads nowhere else: a link in a checkout could have any file of this user told in a log.
    /// What is not below the project's folder was named by whoever typed it, and is his to read.
    ///
    /// # Errors
    /// It leads out of the project, or nowhere.
    pub fn holds(&self, path: &Path) -> io::Result<()> {
        let below = std::path::absolute(path)?.starts_with(std::path::absolute(&self.root)?);
        if below && !stays_in(&self.root, path)? {
            let message = format!(
                "{} leads out of the project; put what it leads to in its place",
                path.display()
            );
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
        }
        Ok(())
    }

    /// Files by what they are called. Of two with one name, the other would never be looked at.
    fn each_once(files: impl Iterator<Item = (String, PathBuf)>) -> io::Result<BTreeMap<String, PathBuf>> {
        let mut all = BTreeMap::new();
        for (name, path) in files {
            let here = path.display().to_string();
            if let Some(other) = all.insert(name.clone(), path) {
                let message = format!("{} and {here} are both `{name}`; rename one of them", other.display());
                return Err(io::Error::new(io::ErrorKind::AlreadyExists, message));
            }
        }
        Ok(all)
    }

    /// The files of all scenarios, by id, in the order of the ids. `meshes/` and `invalid/` hold none, and `axes.yaml` is none.
    ///
    /// # Errors
    /// A folder that cannot be read; two files that would have the same id.
    pub fn scenario_files(&self) -> io::Result<BTreeMap<String, PathBuf>> {
        let base = self.scenarios();
        let is_other = |path: &Path| ["meshes", "invalid"].iter().any(|name| path == base.join(name));
        let files = yaml_below(&base, is_other)?
            .into_iter()
            .filter(|path| *path != self.axes());
        Self::each_once(files.map(|path| (self.scenario_id(&path), path)))
    }

    /// The id of the scenario in `path`: its place below `scenarios/` without the ending.
    pub fn scenario_id(&self, path: &Path) -> String {
        let base = self.scenarios();
        let path = path.strip_prefix(&base).unwrap_or(path).with_extension("");
        let parts: Vec<String> = path
            .components()
            .map(|part| part.as_os_str().to_string_lossy().into_owned())
            .collect();
        parts.join("/")
    }

    /// The mesh files, by the mesh's name.
    ///
    /// # Errors
    /// A folder that cannot be read; one that is not there is empty.
    pub fn mesh_files(&self) -> io::Result<BTreeMap<String, PathBuf>> {
        Self::each_once(by_name(&self.meshes())?.into_iter())
    }

    /// The overlays' files, by the overlay's name.
    ///
    /// # Errors
    /// A folder that cannot be read; one that is not there is empty.
    pub fn overlay_files(&self) -> io::Result<BTreeMap<String, PathBuf>> {
        let files = by_name(&self.overlays())?;
        // Nobody looks again at where these lead, as whoever reads the others does.
        files.iter().try_for_each(|(_, path)| self.holds(path))?;
        Self::each_once(files.into_iter())
    }

    /// Reads a file for showing: its name is told relative to the current folder where that is shorter.
    ///
    /// # Errors
    /// What reading says; the text must be UTF-8.
    pub fn source(&self, path: &Path) -> io::Result<Source> {
        self.read(path)?.map_err(|wrong| {
            let place = wrong.place;
            let message = format!(
                "{} at line {}, column {}: {}",
                wrong.message, place.line, place.column, wrong.label
            );
            io::Error::new(io::ErrorKind::InvalidData, message)
        })
    }

    /// Reads every mesh.
    ///
    /// # Errors
    /// What reading says of a folder or a file. Everything in mesh files that does not hold is given beside the meshes that
    /// do.
    pub fn read_meshes(&self) -> io::Result<(MeshFiles, Vec<Diagnostic>)> {
        let mut meshes = MeshFiles {
            overlays: self.overlay_files()?,
            ..MeshFiles::default()
        };
        let mut wrong = Vec::new();
        for (name, path) in self.mesh_files()? {
            let source = self
                .read(&path)
                .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
            let mesh = source
                .map_err(|wrong| vec![wrong])
                .and_then(|source| read_mesh(&name, &source, &self.configs()));
            match mesh {
                Ok(mesh) => {
                    meshes.read.insert(name, mesh);
                }
                Err(more) => wrong.extend(more),
            }
        }
        Ok((meshes, wrong))
    }

    /// Reads the values that scenarios share.
    ///
    /// # Errors
    /// What reading says, or everything in the file that does not hold.
    pub fn read_axes(&self) -> io::Result<Result<SharedAxes, Vec<Diagnostic>>> {
        let path = self.axes();
        if !path.is_file() {
            return Ok(Ok(SharedAxes::default()));
        }
        let source = self
            .read(&path)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
        Ok(source
            .map_err(|wrong| vec![wrong])
            .and_then(|source| SharedAxes::read(&source)))
    }

    /// Reads one scenario's head; `shared` are the values that it may refer to by name.
    ///
    /// # Errors
    /// What reading says, or everything in the head that does not hold.
    pub fn read_scenario(&self, path: &Path, shared: &SharedAxes) -> io::Result<Result<Scenario, Vec<Diagnostic>>> {
        let source = self.read(path)?.map_err(|wrong| vec![wrong]);
        Ok(source.and_then(|source| Scenario::read(self.scenario_id(path), source, shared)))
    }

    /// A file's text, or where it is not text.
    fn read(&self, path: &Path) -> io::Result<Result<Source, Diagnostic>> {
        self.holds(path)?;
        let name = std::env::current_dir()
            .ok()
            .and_then(|here| path.strip_prefix(here).ok().map(Path::to_owned));
        let name = name.unwrap_or_else(|| path.to_owned());
        Ok(Source::from_bytes(
            name.display().to_string(),
            meshkat_files::read(path, limits::FILE)?,
        ))
    }
}

/// The YAML files in a folder and in those below it, but for folders that are left out.
///
/// # Errors
/// A folder that cannot be read; more files than [`limits::FILES`].
pub fn yaml_below(folder: &Path, is_left_out: impl Fn(&Path) -> bool) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut seen = 0;
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        let real = std::fs::canonicalize(&folder)?;
        for path in yaml_and_folders(&folder)? {
            seen += 1;
            if seen > limits::FILES {
                let message = format!("there are more than {} files", limits::grouped(limits::FILES as u64));
                return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
            }
            if !path.is_dir() {
                found.push(path);
            } else if !is_left_out(&path) && !leads_back(&path, &real) {
                open.push(path);
            }
        }
    }
    Ok(found)
}

/// Whether what a path leads to lies in a folder, whatever links are on the way.
///
/// # Errors
/// It leads nowhere.
pub(crate) fn stays_in(folder: &Path, path: &Path) -> io::Result<bool> {
    let real = |path: &Path| {
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        std::fs::canonicalize(path).map_err(named)
    };
    Ok(real(path)?.starts_with(real(folder)?))
}

/// Whether a folder is a link to one that it lies in, so that following it would have no end.
fn leads_back(path: &Path, real: &Path) -> bool {
    path.is_symlink() && std::fs::canonicalize(path).is_ok_and(|to| real.starts_with(to))
}

/// The YAML files of a folder by their names without the ending; none of a folder that is not there.
fn by_name(folder: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let files = yaml_and_folders(folder)?.into_iter().filter(|path| path.is_file());
    Ok(files
        .filter_map(|path| Some((path.file_stem()?.to_str()?.to_owned(), path.clone())))
        .collect())
}

/// What begins with a dot is no file of a project: editors, file managers and version control leave such things.
fn yaml_and_folders(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let path = entry.path();
        if path.is_dir()
            || path
                .extension()
                .is_some_and(|ending| ending == "yaml" || ending == "yml")
        {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
