//! The project's own files, which strangers' files refer to, and folders for what is only read from a file.

use std::{
    path::{Path, PathBuf},
    sync::LazyLock,
};

use meshkat_model::{
    project::{MeshFiles, Project},
    scenario::SharedAxes,
};
use tempfile::TempDir;

/// The project that this code lies in.
pub(crate) static PROJECT: LazyLock<Project> = LazyLock::new(|| {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    Project::find(here).expect("this code lies in a project")
});

/// Its meshes.
pub(crate) static MESHES: LazyLock<MeshFiles> =
    LazyLock::new(|| PROJECT.read_meshes().expect("the project's meshes can be read").0);

/// Its shared axes.
pub(crate) static AXES: LazyLock<SharedAxes> = LazyLock::new(|| {
    let read = PROJECT.read_axes().expect("the project's axes can be read");
    read.expect("the project's axes are valid")
});

/// A folder that is gone at the end of the thread.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        // In memory where the system offers it: a fuzzer writes a thousand files a second.
        let memory = Path::new("/dev/shm");
        let made = match memory.is_dir() {
            true => TempDir::new_in(memory),
            false => TempDir::new(),
        };
        Self(made.expect("a folder can be made"))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file below the folder, with the folders above it.
    pub(crate) fn write(&self, name: &str, data: &[u8]) -> PathBuf {
        let path = self.path().join(name);
        if let Some(above) = path.parent() {
            std::fs::create_dir_all(above).expect("a folder can be made");
        }
        std::fs::write(&path, data).expect("a file can be written");
        path
    }
}
