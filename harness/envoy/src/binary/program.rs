//! Other programs: finding them, and running them while their output is passed on and kept.

use std::{
    ffi::OsStr,
    io::{self, Read, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{EnvoyError, Version};

/// As much of a program's output as is kept; the end matters.
const KEPT_BYTES: usize = 64 * 1024;

/// As many lines as are shown of it.
const SHOWN_LINES: usize = 8;

/// How a program ended.
pub(super) struct Outcome {
    pub(super) success: bool,
    pub(super) output: String,
}

impl Outcome {
    /// The last lines that say something. A progress meter redraws its line after a carriage return: each is a line here.
    pub(super) fn tail(&self) -> String {
        let lines: Vec<&str> = self
            .output
            .split(['\n', '\r'])
            .map(str::trim_end)
            .filter(|line| !line.is_empty())
            .collect();
        lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
    }
}

/// The executable file `name` in the folders of `search_path`, which is written like `PATH`. Folders that are relative are left
/// out: in a checkout they are what a stranger put there.
pub(super) fn find(name: &str, search_path: &OsStr) -> Option<PathBuf> {
    std::env::split_paths(search_path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .find(|file| is_executable(file))
}

fn is_executable(file: &Path) -> bool {
    file.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// Runs a program to its end. All that it prints goes to `progress` as it comes.
pub(super) fn run(mut command: Command, progress: &mut dyn Write) -> io::Result<Outcome> {
    let (mut reader, writer) = io::pipe()?;
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn()?;
    // The command holds the pipe's writing ends; while it does, reading never ends.
    drop(command);
    let mut kept = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let count = match reader.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        // A terminal that went away is no reason to fail.
        let _ = progress.write_all(&chunk[..count]).and_then(|()| progress.flush());
        kept.extend_from_slice(&chunk[..count]);
        if kept.len() > 2 * KEPT_BYTES {
            kept.drain(..kept.len() - KEPT_BYTES);
        }
    }
    let success = child.wait()?.success();
    Ok(Outcome {
        success,
        output: String::from_utf8_lossy(&kept).into_owned(),
    })
}

/// Asks a binary which Envoy it is.
///
/// # Errors
/// [`EnvoyError::NotExecutable`] where it does not run or says something else.
pub(super) fn version_of(path: &Path) -> Result<Version, EnvoyError> {
    let not = |reason: String| EnvoyError::NotExecutable {
        path: path.to_owned(),
        reason,
    };
    let mut command = Command::new(path);
    command.arg("--version");
    let outcome = run(command, &mut io::sink()).map_err(|error| not(error.to_string()))?;
    match Version::from_banner(&outcome.output) {
        Some(version) if outcome.success => Ok(version),
        _ if outcome.tail().is_empty() => Err(not("`--version` printed nothing".to_owned())),
        _ => Err(not(format!("`--version` printed\n{}", outcome.tail()))),
    }
}
