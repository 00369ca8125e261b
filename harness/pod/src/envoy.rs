//! How Envoy is started in its container: what varies comes from the environment.

use std::{
    env,
    ffi::{OsStr, OsString},
    fmt,
    fs::File,
    io,
    os::unix::process::CommandExt as _,
    path::PathBuf,
    process::Command,
};

const CONFIG: &str = "ENVOY_CONFIG_PATH";
const PARAMETERS: &str = "ENVOY_STARTUP_PARAMS";
const BINARY: &str = "ENVOY_BINARY";

/// Why Envoy was not started.
#[derive(Debug)]
pub(crate) enum StartError {
    /// The configuration cannot be read.
    Config(PathBuf, io::Error),
    /// The parameters are no words of a shell.
    Parameters(String),
    /// The program cannot be run.
    Binary(OsString, io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(path, error) => {
                write!(
                    f,
                    "failed to read Envoy's configuration {} ({CONFIG}): {error}",
                    path.display()
                )
            }
            Self::Parameters(why) => write!(f, "failed to split {PARAMETERS} into words: {why}"),
            Self::Binary(path, error) => {
                write!(f, "failed to run Envoy {} ({BINARY}): {error}", path.display())
            }
        }
    }
}

/// Turns this process into Envoy: `-c`, the configuration, the parameters, `extra`. Returns only when that failed.
///
/// A variable that is empty is as one that is not set.
pub(crate) fn become_envoy(extra: &[OsString]) -> StartError {
    let config = PathBuf::from(variable(CONFIG, "/etc/envoy/envoy.yaml"));
    let binary = variable(BINARY, "/usr/local/bin/envoy");
    if let Err(error) = readable(&config) {
        return StartError::Config(config, error);
    }
    let parameters = match words(&variable(PARAMETERS, "")) {
        Ok(parameters) => parameters,
        Err(why) => return StartError::Parameters(why),
    };
    let mut envoy = Command::new(&binary);
    envoy.arg("-c").arg(config).args(parameters).args(extra);
    StartError::Binary(binary, envoy.exec())
}

fn variable(name: &str, default: &str) -> OsString {
    env::var_os(name)
        .filter(|value| !value.is_empty())
        .unwrap_or_else(|| default.into())
}

/// Envoy would say so too, but after a page of its own log.
fn readable(path: &PathBuf) -> io::Result<()> {
    if File::open(path)?.metadata()?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    Ok(())
}

/// Words as a POSIX shell splits them: quotes and backslashes, and nothing is expanded.
fn words(line: &OsStr) -> Result<Vec<String>, String> {
    let line = line.to_str().ok_or("it is not UTF-8")?;
    shell_words::split(line).map_err(|_| "a quote or a backslash at its end is left open".to_owned())
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn splits_as_a_shell_does() {
        let split = |line: &str| words(line.as_ref());
        assert_eq!(split(""), Ok(vec![]));
        assert_eq!(split("  -l  debug\n"), Ok(vec!["-l".to_owned(), "debug".to_owned()]));
        assert_eq!(
            split(r#"--component-log-level "upstream:debug,http:trace" it\'s '' "$HOME *""#),
            Ok(vec![
                "--component-log-level".to_owned(),
                "upstream:debug,http:trace".to_owned(),
                "it's".to_owned(),
                String::new(),
                "$HOME *".to_owned(),
            ]),
        );
        assert!(split("-l 'debug").is_err());
    }
}
