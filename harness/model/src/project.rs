//! The files of a project: `scenarios/`, `scenarios/meshes/` and `envoy-configs/`.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    io,
    path::{Path, PathBuf},
};

use indexmap::IndexMap;

use crate::{
    limits,
    mesh::MeshSpec,
    mesh_file::read_mesh_partly,
    scenario::{Meshes, Scenario, SharedAxes},
    source::{Diagnostic, Place, Source},
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
    /// What is wrong with the files of meshes that are invalid, by the mesh's name. Those of which the groups are known all
    /// the same are in `read`, too.
    invalid: BTreeMap<String, Vec<Diagnostic>>,
    overlays: BTreeMap<String, PathBuf>,
    /// Where the files of scenarios are, too; none where there is no project.
    project: Option<Project>,
}

impl MeshFiles {
    /// The mesh of this name, to start it.
    ///
    /// # Errors
    /// There is none, or its file is invalid.
    pub fn valid(&self, name: &str) -> Result<&MeshSpec, NoMesh<'_>> {
        match self.invalid.get(name) {
            Some(wrong) => Err(NoMesh::Invalid(wrong)),
            None => self.mesh(name).map_err(NoMesh::Unknown),
        }
    }

    /// The meshes whose files are invalid, each with all that is wrong with it.
    pub fn invalid(&self) -> &BTreeMap<String, Vec<Diagnostic>> {
        &self.invalid
    }

    /// Those whose groups are known, by the order of their names.
    pub fn all(&self) -> impl Iterator<Item = &MeshSpec> {
        self.read.values()
    }
}

/// Why a mesh cannot be started.
#[derive(Debug)]
pub enum NoMesh<'a> {
    /// There is none of this name; these are the names that there are.
    Unknown(Vec<String>),
    /// Its file is invalid.
    Invalid(&'a [Diagnostic]),
}

impl Meshes for MeshFiles {
    /// Also a mesh whose file is invalid, as far as its groups are known: what else is wrong with a scenario that uses it is
    /// told all the same.
    fn mesh(&self, name: &str) -> Result<&MeshSpec, Vec<String>> {
        self.read.get(name).ok_or_else(|| {
            let names = self.read.keys().chain(self.invalid.keys());
            names.cloned().collect::<BTreeSet<String>>().into_iter().collect()
        })
    }

    fn is_invalid(&self, name: &str) -> bool {
        self.invalid.contains_key(name)
    }

    fn overlay(&self, name: &str) -> Result<&Path, Vec<String>> {
        let file = self.overlays.get(name).map(PathBuf::as_path);
        file.ok_or_else(|| self.overlays.keys().cloned().collect())
    }

    fn file(&self, scenario: &Source, name: &str) -> Result<(PathBuf, Vec<u8>), String> {
        let beside = Path::new(scenario.name()).parent().map(|folder| folder.join(name));
        let below = self.project.as_ref().map(|project| project.root.join(name));
        let places: Vec<PathBuf> = beside.into_iter().chain(below).collect();
        let path = places.iter().find(|path| path.exists()).ok_or("there is none")?;
        // A name that climbs out of the project is as one that leads out.
        let is_inside = |project: &Project| match (std::fs::canonicalize(path), std::fs::canonicalize(&project.root)) {
            (Ok(path), Ok(root)) => path.starts_with(root),
            _ => false,
        };
        if !self.project.as_ref().is_some_and(is_inside) {
            return Err("it is not below the project's folder".to_owned());
        }
        let content = meshkat_files::read(path, limits::FILE).map_err(|error| error.to_string())?;
        let path = std::path::absolute(path).map_err(|error| error.to_string())?;
        Ok((path, content))
    }
}

/// What is told of files that have the id of another one, each with that id.
pub type Doubles = Vec<(String, Diagnostic)>;

impl Project {
    /// The project that `folder` lies in: the nearest folder upwards that has `scenarios/` and `envoy-configs/`. Where there is none,
    /// the nearest that has configurations alone, which can be checked before anything is promised of them.
    pub fn find(folder: &Path) -> Option<Self> {
        let has = |up: &Path, name: &str| up.join(name).is_dir();
        let whole = folder
            .ancestors()
            .find(|up| has(up, "scenarios") && has(up, "envoy-configs"));
        let root = whole.or_else(|| folder.ancestors().find(|up| has(up, "envoy-configs")))?;
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
        if below && !meshkat_files::stays_in(&self.root, path)? {
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

    /// As [`Project::scenario_files`], but of two files that would have the same id the second is told of, with the id, and
    /// keeps nobody from using the others.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn scenario_files_and_doubles(&self) -> io::Result<(BTreeMap<String, PathBuf>, Doubles)> {
        let base = self.scenarios();
        let is_other = |path: &Path| ["meshes", "invalid"].iter().any(|name| path == base.join(name));
        let files = yaml_below(&base, is_other)?
            .into_iter()
            .filter(|path| *path != self.axes());
        Ok(self.once(files.map(|path| (self.scenario_id(&path), path))))
    }

    /// Files by what they are called; of two with one name the first, and that there is another.
    fn once(
        &self,
        files: impl Iterator<Item = (String, PathBuf)>,
    ) -> (BTreeMap<String, PathBuf>, Vec<(String, Diagnostic)>) {
        let mut all: BTreeMap<String, PathBuf> = BTreeMap::new();
        let mut doubles = Vec::new();
        for (name, path) in files {
            match all.entry(name.clone()) {
                Entry::Vacant(new) => {
                    new.insert(path);
                }
                Entry::Occupied(first) => {
                    let (first, second) = (self.shown(first.get()), self.shown(&path));
                    let message = format!("{first} and {second} are both `{name}`");
                    let source = Source::new(second, String::new());
                    let double = Diagnostic::new(&source, Place::default(), message, "").help("rename one of them");
                    doubles.push((name, double));
                }
            }
        }
        (all, doubles)
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

    /// The overlays that may be used, and what is wrong with the others: those that lead out of the project, and the second
    /// one of a name.
    fn overlay_files_and_doubles(&self) -> io::Result<(BTreeMap<String, PathBuf>, Vec<Diagnostic>)> {
        let mut wrong = Vec::new();
        let mut files = by_name(&self.overlays())?;
        files.retain(|(_, path)| match self.holds(path) {
            Ok(()) => true,
            Err(error) => {
                let source = Source::new(self.shown(path), String::new());
                wrong.push(Diagnostic::new(&source, Place::default(), error.to_string(), ""));
                false
            }
        });
        let (files, doubles) = self.once(files.into_iter());
        wrong.extend(doubles.into_iter().map(|(_, double)| double));
        Ok((files, wrong))
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
    /// What reading says of a folder. Everything that is wrong in mesh files is given beside the meshes that are valid, and
    /// with the mesh in [`MeshFiles::invalid`]: nobody has to do with a mesh that he does not use.
    pub fn read_meshes(&self) -> io::Result<(MeshFiles, Vec<Diagnostic>)> {
        let (overlays, doubles) = self.overlay_files_and_doubles()?;
        let mut meshes = MeshFiles {
            overlays,
            project: Some(self.clone()),
            ..MeshFiles::default()
        };
        let mut wrong = doubles;
        let (files, doubles) = self.once(by_name(&self.meshes())?.into_iter());
        for (name, double) in doubles {
            meshes.invalid.entry(name).or_default().push(double);
        }
        for (name, path) in files {
            let (mesh, more) = match self.read_or_tell(&path) {
                Ok(source) => read_mesh_partly(&name, &source, &self.configs()),
                Err(wrong) => (None, vec![wrong]),
            };
            if !more.is_empty() {
                meshes.invalid.entry(name.clone()).or_default().extend(more);
            }
            if let Some(mesh) = mesh {
                meshes.read.insert(name, mesh);
            }
        }
        wrong.extend(meshes.invalid.values().flatten().cloned());
        Ok((meshes, wrong))
    }

    /// Reads the values that scenarios share.
    ///
    /// # Errors
    /// Everything that is wrong with the file.
    pub fn read_axes(&self) -> io::Result<Result<SharedAxes, Vec<Diagnostic>>> {
        let (shared, wrong) = self.read_axes_partly();
        Ok(if wrong.is_empty() { Ok(shared) } else { Err(wrong) })
    }

    /// Reads the values that scenarios share, and tells what is wrong with the file. Those lists that are valid can be used by
    /// whom the others do not concern.
    pub fn read_axes_partly(&self) -> (SharedAxes, Vec<Diagnostic>) {
        let path = self.axes();
        if !path.is_file() {
            return (SharedAxes::default(), Vec::new());
        }
        match self.read_or_tell(&path) {
            Ok(source) => SharedAxes::read_partly(&source),
            Err(wrong) => (SharedAxes::unreadable(), vec![wrong]),
        }
    }

    /// Reads one scenario's head; `shared` are the values that it may refer to by name.
    ///
    /// # Errors
    /// What reading says, or everything in the head that is invalid.
    pub fn read_scenario(&self, path: &Path, shared: &SharedAxes) -> io::Result<Result<Scenario, Vec<Diagnostic>>> {
        let source = self.read(path)?.map_err(|wrong| vec![wrong]);
        Ok(source.and_then(|source| Scenario::read(self.scenario_id(path), source, shared)))
    }

    /// A file's text, or why there is none, told of the file.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn read_or_tell(&self, path: &Path) -> Result<Source, Diagnostic> {
        self.read(path).unwrap_or_else(|error| {
            let place = Place::default();
            let source = Source::new(self.shown(path), String::new());
            Err(
                Diagnostic::new(&source, place, format!("failed to read the file: {error}"), "")
                    .help("mend it, or take it out of the project"),
            )
        })
    }

    /// A file's text, or where it is not text.
    fn read(&self, path: &Path) -> io::Result<Result<Source, Diagnostic>> {
        self.holds(path)?;
        Ok(Source::from_bytes(
            self.shown(path),
            meshkat_files::read(path, limits::FILE)?,
        ))
    }

    /// A path as it is told: relative to the current folder where it lies below it.
    pub fn shown(&self, path: &Path) -> String {
        let here = std::env::current_dir().ok();
        let below = here.and_then(|here| path.strip_prefix(here).ok());
        below.unwrap_or(path).display().to_string()
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
