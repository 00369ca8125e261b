//! Files that a configuration names, and where they are: beside the configuration.

use std::{
    convert::Infallible,
    io,
    path::{Path, PathBuf},
};

use meshkat_model::{certificates, project::Project, suggest::did_you_mean};
use serde_yaml::Value;

use super::{Bootstrap, ConfigError, DocPath};

/// What a name leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A file that Envoy reads as it is: a certificate, a script, a descriptor set.
    Content,
    /// A file of xDS resources.
    Resources,
    /// A folder.
    Folder,
}

/// Calls `visit` for each name of a file in the document, with its place.
pub(super) fn each_file<E>(
    value: &mut Value,
    visit: &mut impl FnMut(&DocPath, Kind, &mut String) -> Result<(), E>,
) -> Result<(), E> {
    below(value, &DocPath::root(), "", visit)
}

fn below<E>(
    value: &mut Value,
    path: &DocPath,
    within: &str,
    visit: &mut impl FnMut(&DocPath, Kind, &mut String) -> Result<(), E>,
) -> Result<(), E> {
    match value {
        Value::Mapping(fields) => {
            for (key, value) in fields.iter_mut() {
                let Some(key) = key.as_str() else { continue };
                let path = path.field(key);
                let name = snake_case(key);
                match (value, kind(within, &name)) {
                    (Value::String(named), Some(kind)) => visit(&path, kind, named)?,
                    (value, _) => below(value, &path, &name, visit)?,
                }
            }
        }
        Value::Sequence(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                below(item, &path.item(index), within, visit)?;
            }
        }
        _ => {}
    }
    Ok(())
}

/// What the text of field `name` names, in a mapping that is the field `within`; nothing for most.
fn kind(within: &str, name: &str) -> Option<Kind> {
    let is_config_source =
        within == "config_source" || within.ends_with("_config_source") || within.ends_with("ds_config");
    match name {
        "filename" | "proto_descriptor" => Some(Kind::Content),
        "path" if within == "path_config_source" || is_config_source => Some(Kind::Resources),
        "path" if within == "watched_directory" => Some(Kind::Folder),
        "symlink_root" => Some(Kind::Folder),
        name if name.ends_with("_db_path") => Some(Kind::Content),
        _ => None,
    }
}

/// `pathConfigSource` as `path_config_source`.
fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len());
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// Where files that a configuration names are looked for.
#[derive(Debug)]
pub(super) struct Beside {
    project: Project,
    /// The configuration's folder, and those above it as far as the project goes; absolute.
    folders: Vec<PathBuf>,
}

impl Beside {
    /// Beside the configuration `file`, and in the folders above it up to the project's.
    pub(super) fn of(file: &Path) -> io::Result<Self> {
        let file = std::path::absolute(file)?;
        let folder = file.parent().unwrap_or(&file);
        let project = Project::find(folder).unwrap_or_else(|| Project {
            root: folder.to_owned(),
        });
        let within = |folder: &&Path| folder.starts_with(&project.root);
        let folders = folder.ancestors().take_while(within).map(Path::to_owned).collect();
        Ok(Self { project, folders })
    }

    /// The file of the project that a name means; none if there is none. A name that begins at the root of all folders is
    /// looked for by its end, too: a container has files at other places than a checkout.
    ///
    /// # Errors
    /// It leads out of the project.
    pub(super) fn find(&self, named: &str) -> io::Result<Option<PathBuf>> {
        let named = Path::new(named);
        if named.as_os_str().is_empty() {
            return Ok(None);
        }
        let mut candidates: Vec<PathBuf> = Vec::new();
        if named.is_absolute() {
            if named.starts_with(&self.project.root) {
                candidates.push(named.to_owned());
            }
            let mut end = named.strip_prefix("/").unwrap_or(named).components();
            while !end.as_path().as_os_str().is_empty() {
                let below = self.folders.iter().map(|folder| folder.join(end.as_path()));
                // Below the root of all folders it is the machine's own file.
                candidates.extend(below.filter(|path| path != named));
                end.next();
            }
        } else {
            candidates.extend(self.folders.iter().map(|folder| folder.join(named)));
        }
        let Some(found) = candidates.into_iter().find(|path| path.exists()) else {
            return Ok(None);
        };
        // What a `..` or a link leads to is no file of the project.
        let inside = std::fs::canonicalize(&found)?.starts_with(std::fs::canonicalize(&self.project.root)?);
        if !inside {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                format!("`{}` leads out of the project", named.display()),
            ));
        }
        Ok(Some(plain(&found)))
    }
}

/// Without `.` and, where it is safe to say so, without `..`.
fn plain(path: &Path) -> PathBuf {
    let has_parents = path.components().any(|part| part == std::path::Component::ParentDir);
    match has_parents {
        true => std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()),
        false => path.components().collect(),
    }
}

impl Bootstrap {
    /// The names of files that are made for each run, as they are written, each with its place.
    pub(super) fn made_files(&self) -> Vec<(DocPath, String)> {
        let mut found = Vec::new();
        let Ok(beside) = Beside::of(self.file()) else {
            return found;
        };
        let mut look = |path: &DocPath, _: Kind, named: &mut String| {
            if certificates::file(named).is_some() && matches!(beside.find(named), Ok(None)) {
                found.push((path.clone(), named.clone()));
            }
            Ok::<(), Infallible>(())
        };
        let Ok(()) = each_file(self.clone().document_mut(), &mut look);
        found
    }

    /// The same with each file that it names, and that lies beside it, by its whole path, so that it does not matter where Envoy
    /// is started. Files of the machine stay as they are written.
    ///
    /// # Errors
    /// A relative name of a file that is not there, and one that leads out of the project; told with its place.
    pub fn with_files(&self) -> Result<Self, ConfigError> {
        let beside = Beside::of(self.file()).map_err(|source| ConfigError::Read {
            file: self.file().to_owned(),
            source,
        })?;
        let mut with = self.clone();
        let file = self.file().to_owned();
        each_file(with.document_mut(), &mut |path, _, named| {
            // It is made for each run; whether a mesh has it made is another question.
            if certificates::file(named).is_some() && matches!(beside.find(named), Ok(None)) {
                return Ok(());
            }
            if let Some(found) = located(&beside, &file, path, named)? {
                *named = found;
            }
            Ok(())
        })?;
        Ok(with)
    }
}

/// The whole path of a file that is named at a place of `file`; none for one of the machine.
pub(super) fn located(
    beside: &Beside,
    file: &Path,
    path: &DocPath,
    named: &str,
) -> Result<Option<String>, ConfigError> {
    let wrong = |message: String| ConfigError::unexpected(file, path, message);
    match beside.find(named) {
        Ok(Some(found)) => match found.into_os_string().into_string() {
            Ok(found) => Ok(Some(found)),
            Err(_) => Err(wrong(format!("the whole path of `{named}` is no UTF-8 text"))),
        },
        Ok(None) if Path::new(named).is_absolute() || named.is_empty() => Ok(None),
        Ok(None) => {
            let made = certificates::below_the_folder(named).map(|below| {
                let known = certificates::files();
                let help = did_you_mean(below, known.iter().map(String::as_str));
                format!("; none of this name is made for a run, either: {help}")
            });
            Err(wrong(format!(
                "there is no file `{named}` beside the configuration, nor from a folder above it up to the project's{}",
                made.unwrap_or_default()
            )))
        }
        Err(error) => Err(wrong(format!("{error}; put it beside the configuration"))),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            for path in ["scenarios", "envoy-configs/certs", "envoy-configs/more"] {
                fs::create_dir_all(folder.path().join(path)).unwrap();
            }
            for path in ["envoy-configs/certs/a.pem", "envoy-configs/cds.yaml", "top.lua"] {
                fs::write(folder.path().join(path), "x").unwrap();
            }
            Self(folder)
        }

        fn find(&self, named: &str) -> Result<Option<String>, String> {
            let config = self.0.path().join("envoy-configs/x.yaml");
            let found = Beside::of(&config)
                .unwrap()
                .find(named)
                .map_err(|error| error.to_string())?;
            let below = |path: PathBuf| path.strip_prefix(self.0.path()).unwrap().display().to_string();
            Ok(found.map(below))
        }
    }

    #[test]
    fn a_file_is_found_beside_the_configuration_and_above_it() {
        let folder = Folder::new();
        let whole = folder.0.path().join("envoy-configs/cds.yaml").display().to_string();
        for (named, found) in [
            ("certs/a.pem", Some("envoy-configs/certs/a.pem")),
            ("./certs/a.pem", Some("envoy-configs/certs/a.pem")),
            ("envoy-configs/certs/a.pem", Some("envoy-configs/certs/a.pem")),
            ("top.lua", Some("top.lua")),
            ("../top.lua", Some("top.lua")),
            ("/etc/envoy/certs/a.pem", Some("envoy-configs/certs/a.pem")),
            ("/var/lib/envoy/cds.yaml", Some("envoy-configs/cds.yaml")),
            ("/certs/a.pem", Some("envoy-configs/certs/a.pem")),
            ("/certs", Some("envoy-configs/certs")),
            ("/cds.yaml", Some("envoy-configs/cds.yaml")),
            ("/.", None),
            (whole.as_str(), Some("envoy-configs/cds.yaml")),
            ("a.pem", None),
            ("/etc/passwd", None),
            ("/", None),
            ("", None),
        ] {
            assert_eq!(folder.find(named), Ok(found.map(str::to_owned)), "{named}");
        }
    }

    #[test]
    fn nothing_leads_out_of_the_project() {
        let folder = Folder::new();
        symlink("/etc/passwd", folder.0.path().join("envoy-configs/secret")).unwrap();
        for named in ["secret", "../../../../../../../../etc/passwd", "/etc/envoy/secret"] {
            let error = folder.find(named).unwrap_err();
            assert!(error.contains("leads out of the project"), "{named}: {error}");
        }
    }

    #[test]
    fn names_of_files_are_known_by_their_fields() {
        let text = "{a: {filename: 1a}, b: {cdsConfig: {path: 2r}}, c: [{config_source: {path_config_source: {path: 3r, \
                    watchedDirectory: {path: 4f}}}}], route: {path: no}, d: {'@type': x.FileAccessLog, path: no}, proto_descriptor: \
                    5a, city_db_path: 6a, disk_layer: {symlink_root: 7f}, eds_config: {ads: {}}}";
        let mut config = Bootstrap::parse(Path::new("x.yaml"), text).unwrap();
        let mut found = Vec::new();
        each_file(config.document_mut(), &mut |_, kind, named| {
            found.push((named.clone(), kind));
            Ok::<(), ()>(())
        })
        .unwrap();
        let letter = |kind: &Kind| match kind {
            Kind::Content => 'a',
            Kind::Resources => 'r',
            Kind::Folder => 'f',
        };
        assert_eq!(found.len(), 7, "{found:?}");
        assert!(
            found.iter().all(|(name, kind)| name.ends_with(letter(kind))),
            "{found:?}"
        );
    }
}
