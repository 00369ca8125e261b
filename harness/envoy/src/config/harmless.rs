//! What of a configuration would reach beyond a sandbox, and what it needs in one.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs, io,
    os::unix::fs::symlink,
    path::{Component, Path, PathBuf},
};

use serde_yaml::Value;

use super::{
    Bootstrap, DocPath,
    path::walk,
    value::{get, get_mut, text},
};

/// Envoy's own output, and nothing at all: no files.
const NO_FILES: [&str; 3] = ["/dev/stdout", "/dev/stderr", "/dev/null"];

/// What a variable that a configuration asks for has as its value.
const PLACEHOLDER: &str = "placeholder";

/// The configuration with its access logs going nowhere, where it has any that go to files: Envoy opens them while it judges, and
/// in a run nobody opens them, as they go to standard output there.
pub(super) fn without_log_files(config: &Bootstrap) -> Option<Bootstrap> {
    let mut has_logs = false;
    walk(config.document(), &DocPath::root(), &mut |_, value| {
        has_logs |= log_of(value).is_some();
    });
    has_logs.then(|| {
        let mut quiet = config.clone();
        silence(quiet.document_mut());
        quiet
    })
}

/// The file that this value logs to, if it is an access log of a file.
fn log_of(value: &Value) -> Option<String> {
    let field = field_of_log(value)?;
    text(value, field).filter(|path| !NO_FILES.contains(&path.as_str()))
}

fn field_of_log(value: &Value) -> Option<&'static str> {
    let kind = value.as_mapping()?.get("@type").and_then(Value::as_str);
    if kind.is_some_and(|kind| kind.ends_with(".FileAccessLog")) {
        Some("path")
    } else {
        // The admin interface's, in its older spelling.
        get(value, "access_log_path").map(|_| "access_log_path")
    }
}

fn silence(value: &mut Value) {
    if log_of(value).is_some()
        && let Some(path) = field_of_log(value).and_then(|field| get_mut(value, field))
    {
        *path = Value::from("/dev/null");
    }
    match value {
        Value::Mapping(fields) => fields.values_mut().for_each(silence),
        Value::Sequence(items) => items.iter_mut().for_each(silence),
        _ => {}
    }
}

/// The variables that a configuration reads and this process has, with values that are nobody's secret.
pub(super) fn variables(config: &Bootstrap) -> Vec<(OsString, OsString)> {
    let mut names = BTreeSet::new();
    walk(config.document(), &DocPath::root(), &mut |_, value| {
        names.extend(text(value, "environment_variable"));
    });
    let is_name = |name: &String| !name.is_empty() && !name.contains(['=', '\0']);
    names
        .into_iter()
        .filter(|name| is_name(name) && std::env::var_os(name).is_some())
        .map(|name| (name.into(), PLACEHOLDER.into()))
        .collect()
}

/// Makes links in `folder` to what the configuration names by paths that are relative to this process's folder, so that Envoy
/// finds it there, as it does when it is started for a mesh.
pub(super) fn link_neighbours(config: &Bootstrap, folder: &Path) -> io::Result<()> {
    let mut names = BTreeSet::new();
    walk(config.document(), &DocPath::root(), &mut |_, value| {
        names.extend(value.as_str().and_then(first_name));
    });
    let here = std::env::current_dir()?;
    for name in names {
        let target = here.join(&name);
        if target.symlink_metadata().is_ok() {
            match symlink(&target, folder.join(&name)) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
        }
    }
    Ok(())
}

/// The first name of a relative path.
fn first_name(text: &str) -> Option<String> {
    const LONGEST: usize = 4096;
    let is_path = text.len() <= LONGEST && !text.contains(['\0', '\n']);
    let mut parts = Path::new(text).components().filter(|part| *part != Component::CurDir);
    match parts.next() {
        Some(Component::Normal(name)) if is_path => name.to_str().map(str::to_owned),
        _ => None,
    }
}

/// What lies in a folder, but for what is hidden and for links. Nothing of the root of all folders.
pub(super) fn open_entries(folder: &Path) -> Vec<PathBuf> {
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    let Ok(folder) = fs::canonicalize(folder) else {
        return Vec::new();
    };
    let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
    entries
        .filter(|_| folder.parent().is_some())
        .filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."))
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir() || kind.is_file()))
        .map(|entry| entry.path())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Bootstrap {
        Bootstrap::parse(Path::new("x.yaml"), text).unwrap()
    }

    #[test]
    fn every_log_of_a_file_goes_nowhere() {
        let log = "'@type': type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog";
        let written = config(&format!(
            "{{a: [{{b: {{{log}, path: /x, n: 1}}}}, {{{log}, path: /dev/stdout}}], admin: {{accessLogPath: z.log}}, c: {{path: /z}}}}"
        ));
        let quiet = without_log_files(&written);
        let expected = config(&format!(
            "{{a: [{{b: {{{log}, path: /dev/null, n: 1}}}}, {{{log}, path: /dev/stdout}}], admin: {{accessLogPath: /dev/null}}, \
             c: {{path: /z}}}}"
        ));
        assert_eq!(quiet.unwrap(), expected);
        assert_eq!(without_log_files(&config("{c: {path: /z}}")), None);
    }

    #[test]
    fn what_may_be_read_of_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        for name in [".git", "certs"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        fs::write(folder.path().join("a.yaml"), "").unwrap();
        symlink("/etc", folder.path().join("etc")).unwrap();
        let mut open: Vec<_> = open_entries(folder.path())
            .iter()
            .map(|path| path.file_name().unwrap().to_owned())
            .collect();
        open.sort();
        assert_eq!(open, ["a.yaml", "certs"]);
        assert_eq!(open_entries(Path::new("/")), [] as [PathBuf; 0]);
    }

    #[test]
    fn relative_paths_begin_with_a_name() {
        for (text, name) in [
            ("certs/a.pem", Some("certs")),
            ("./certs/a.pem", Some("certs")),
            ("../certs", None),
            ("/etc", None),
            ("", None),
        ] {
            assert_eq!(first_name(text).as_deref(), name, "{text}");
        }
    }
}
