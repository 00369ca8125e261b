//! What an image is made from: files of this machine, and where they go.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use lddtree::DependencyAnalyzer;
use meshkat_runtime::{RuntimeError, failed};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// How many digits of a hash an image's tag has.
const TAG: usize = 16;

/// How large the memory of hashes may be, in bytes; a larger one is forgotten.
const LARGEST: u64 = 4 << 20;

/// What an image is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Content {
    dockerfile: &'static str,
    /// By the place in the build's context.
    files: BTreeMap<String, PathBuf>,
    /// Folders without files.
    folders: Vec<String>,
}

impl Content {
    pub(super) fn new(dockerfile: &'static str) -> Self {
        Self {
            dockerfile,
            files: BTreeMap::new(),
            folders: Vec::new(),
        }
    }

    pub(super) fn file(&mut self, target: impl Into<String>, source: impl Into<PathBuf>) {
        self.files.insert(target.into(), source.into());
    }

    pub(super) fn folder(&mut self, target: impl Into<String>) {
        self.folders.push(target.into());
    }

    /// Adds a program at a place below `root`, and the libraries and the loader that it needs where it looks for them.
    pub(super) fn program(&mut self, root: &str, target: &str, source: &Path) -> Result<(), RuntimeError> {
        for (path, real) in needed(source)?.libraries {
            self.file(format!("{root}{path}"), real);
        }
        self.file(format!("{root}{target}"), source);
        Ok(())
    }

    /// Adds a program that is started by a loader of its own: `lib/loader` and all libraries in `lib/`, itself in `bin/`.
    pub(super) fn portable(&mut self, root: &str, name: &str, source: &Path) -> Result<(), RuntimeError> {
        let needed = needed(source)?;
        for (path, real) in needed.libraries {
            let file = Path::new(&path)
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let file = if path == needed.loader {
                "loader".to_owned()
            } else {
                file
            };
            self.file(format!("{root}/lib/{file}"), real);
        }
        self.file(format!("{root}/bin/{name}"), source);
        Ok(())
    }

    /// A hash of all of it, as short as a tag may be.
    pub(super) fn tag(&self, hashes: &mut Hashes) -> Result<String, RuntimeError> {
        let mut all = Sha256::new();
        all.update(self.dockerfile);
        for (target, source) in &self.files {
            all.update(target);
            all.update(hashes.of(source).map_err(failed("read", source))?);
        }
        for folder in &self.folders {
            all.update(folder);
        }
        let mut text = hex(&all.finalize());
        text.truncate(TAG);
        Ok(text)
    }

    /// Writes the build's context. Blocks.
    pub(super) fn write(&self, to: impl Write) -> Result<(), RuntimeError> {
        let broken = |source| RuntimeError::Folder {
            action: "write the context of an image, for",
            path: PathBuf::from("Dockerfile"),
            source,
        };
        let mut archive = tar::Builder::new(to);
        let mut add = |path: &str, mode, size: u64, data: &mut dyn Read| {
            let mut header = tar::Header::new_gnu();
            header.set_size(size);
            header.set_mode(mode);
            header.set_entry_type(if path.ends_with('/') {
                tar::EntryType::Directory
            } else {
                tar::EntryType::Regular
            });
            archive.append_data(&mut header, path, data)
        };
        add(
            "Dockerfile",
            0o644,
            self.dockerfile.len() as u64,
            &mut self.dockerfile.as_bytes(),
        )
        .map_err(broken)?;
        for folder in &self.folders {
            add(folder, 0o755, 0, &mut io::empty()).map_err(broken)?;
        }
        for (target, source) in &self.files {
            let slim = Slim::of(source).map_err(failed("read", source))?;
            let mut file = File::open(slim.path()).map_err(failed("read", source))?;
            let size = file.metadata().map_err(failed("read", source))?.len();
            add(target, 0o755, size, &mut file).map_err(broken)?;
        }
        archive.finish().map_err(broken)
    }
}

/// What a program needs to run: by the path at which it looks for it, the file that is there.
struct Needed {
    loader: String,
    libraries: BTreeMap<String, PathBuf>,
}

fn needed(program: &Path) -> Result<Needed, RuntimeError> {
    let wrong = |message: String| {
        RuntimeError::other(format!("{} cannot be put into an image: {message}", program.display())).with_help(
            "an image needs programs for Linux; MESHKAT_SERVICES=FOLDER names a folder with the services built for it, and \
             --envoy PATH such an Envoy"
                .to_owned())
    };
    let tree = DependencyAnalyzer::default()
        .analyze(program)
        .map_err(|error| wrong(error.to_string()))?;
    let mut libraries = BTreeMap::new();
    for library in tree.libraries.values() {
        let real = library.realpath.clone().filter(|real| real.exists());
        let real = real.ok_or_else(|| wrong(format!("its library {} is not there", library.name)))?;
        libraries.insert(library.path.display().to_string(), real);
    }
    // It is named by the program itself, and may be another path to what is also a library.
    let loader = tree.interpreter.ok_or_else(|| wrong("it names no loader".to_owned()))?;
    let real = std::fs::canonicalize(&loader).map_err(|error| wrong(format!("its loader {loader}: {error}")))?;
    libraries.insert(loader.clone(), real);
    Ok(Needed { loader, libraries })
}

/// A file without what only a debugger reads, where that can be taken out.
enum Slim {
    As(PathBuf),
    Stripped(tempfile::TempPath),
}

impl Slim {
    /// A program built for debugging is five times as large. That no `strip` is there, or that it fails, is no reason to fail.
    fn of(source: &Path) -> io::Result<Self> {
        const WORTH: u64 = 8 << 20;
        if std::fs::metadata(source)?.len() < WORTH {
            return Ok(Self::As(source.to_owned()));
        }
        let target = tempfile::NamedTempFile::new()?.into_temp_path();
        let done = Command::new("strip").arg("-o").arg(&target).arg(source).output();
        Ok(match done {
            Ok(output) if output.status.success() => Self::Stripped(target),
            _ => Self::As(source.to_owned()),
        })
    }

    fn path(&self) -> &Path {
        match self {
            Self::As(path) => path,
            Self::Stripped(path) => path,
        }
    }
}

/// The hashes of files, remembered as long as a file is the same one, of the same size and the same age: programs are large,
/// and each run asks.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Hashes {
    known: BTreeMap<PathBuf, (String, String)>,
}

impl Hashes {
    /// What was remembered in a file; nothing if it cannot be read.
    pub(super) fn read(path: &Path) -> Self {
        let text = meshkat_files::read(path, LARGEST).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// Remembers it there. That it cannot be written costs time, and no more.
    pub(super) fn write(&self, path: &Path) {
        let written = serde_json::to_vec(self)
            .map_err(io::Error::from)
            .and_then(|text| meshkat_files::write_private(path, text));
        if let Err(error) = written {
            tracing::debug!(%error, "failed to remember hashes");
        }
    }

    fn of(&mut self, path: &Path) -> io::Result<String> {
        let metadata = std::fs::metadata(path)?;
        let look = format!(
            "{}-{}-{}-{}.{}",
            metadata.dev(),
            metadata.ino(),
            metadata.len(),
            metadata.mtime(),
            metadata.mtime_nsec()
        );
        if let Some((at, hash)) = self.known.get(path)
            && *at == look
        {
            return Ok(hash.clone());
        }
        let mut hash = Sha256::new();
        io::copy(&mut File::open(path)?, &mut hash)?;
        let hash = hex(&hash.finalize());
        self.known.insert(path.to_owned(), (look, hash.clone()));
        Ok(hash)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_follows_the_content_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        std::fs::write(&file, "one").expect("written");
        let mut content = Content::new("FROM scratch\n");
        content.file("rootfs/file", &file);
        let mut hashes = Hashes::default();
        let first = content.tag(&mut hashes).expect("readable");
        assert_eq!(first.len(), TAG);
        std::fs::write(&file, "two").expect("written");
        let second = content.tag(&mut hashes).expect("readable");
        assert_ne!(first, second);
        // A file of another age with the same content.
        let other = folder.path().join("other");
        std::fs::write(&other, "one").expect("written");
        std::fs::rename(&other, &file).expect("moved");
        assert_eq!(content.tag(&mut hashes).expect("readable"), first);
        let mut moved = Content::new("FROM scratch\n");
        moved.file("rootfs/elsewhere", &file);
        assert_ne!(moved.tag(&mut hashes).expect("readable"), first);
        let mut based = Content::new("FROM other\n");
        based.file("rootfs/file", &file);
        assert_ne!(based.tag(&mut hashes).expect("readable"), first);
    }

    #[test]
    fn hashes_are_remembered() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, memory) = (folder.path().join("file"), folder.path().join("hashes.json"));
        std::fs::write(&file, "one").expect("written");
        let mut hashes = Hashes::read(&memory);
        let hash = hashes.of(&file).expect("readable");
        hashes.write(&memory);
        let mut again = Hashes::read(&memory);
        assert_eq!(again.known[&file].1, hash);
        // Not read again: what was remembered counts.
        again.known.get_mut(&file).expect("it is known").1 = "remembered".to_owned();
        assert_eq!(again.of(&file).expect("readable"), "remembered");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_program_brings_its_libraries() {
        let own = std::env::current_exe().expect("it runs");
        let mut content = Content::new("FROM scratch\n");
        content
            .program("rootfs", "/usr/local/bin/own", &own)
            .expect("it is a program");
        let names: Vec<&str> = content
            .files
            .keys()
            .map(|path| path.rsplit('/').next().unwrap_or(path))
            .collect();
        assert!(names.contains(&"own") && names.contains(&"libc.so.6"), "{names:?}");
        assert!(names.iter().any(|name| name.starts_with("ld-")), "{names:?}");
        let script = tempfile::NamedTempFile::new().expect("a file");
        let error = content
            .program("rootfs", "/script", script.path())
            .expect_err("it is empty");
        assert!(error.help().is_some());
    }
}
