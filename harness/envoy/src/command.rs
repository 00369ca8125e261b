//! How an Envoy is started when there are many of them on one machine.

use std::{ffi::OsString, path::Path};

/// How much an Envoy writes to standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogLevel {
    /// Everything, in great detail.
    Debug,
    /// What it does.
    Info,
    /// What goes wrong: refused configurations, a discovery service that does not answer.
    #[default]
    Warning,
    /// Only what it cannot go on after.
    Critical,
}

impl LogLevel {
    fn name(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// What may differ between two Envoys of a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// How much it writes to standard error.
    pub log_level: LogLevel,
    /// How many worker threads it has.
    pub concurrency: u16,
    /// For how long it drains when it is told to, in seconds; `None` is Envoy's own 600.
    pub drain_seconds: Option<u32>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            log_level: LogLevel::default(),
            concurrency: 1,
            drain_seconds: None,
        }
    }
}

/// The arguments that follow the binary's name.
pub fn arguments(config: &Path, options: &Options) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = vec!["--config-path".into(), config.into()];
    arguments.extend(parameters(options));
    arguments
}

/// Those that follow the configuration. None of them has a space in it.
pub fn parameters(options: &Options) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = Vec::new();
    // Hot restart's shared memory has one name for the whole machine: a second Envoy would not start.
    arguments.push("--disable-hot-restart".into());
    arguments.extend(["--concurrency".into(), options.concurrency.to_string().into()]);
    arguments.extend(["--log-level".into(), options.log_level.name().into()]);
    // Access logs are read while the Envoy runs; by default they come up to 10 s late.
    arguments.extend(["--file-flush-interval-msec".into(), "50".into()]);
    if let Some(seconds) = options.drain_seconds {
        arguments.extend(["--drain-time-s".into(), seconds.to_string().into()]);
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_of_one_of_many() {
        let joined = |options: &Options| {
            let arguments = arguments(Path::new("pet 1.json"), options);
            arguments
                .iter()
                .map(|a| a.to_string_lossy())
                .collect::<Vec<_>>()
                .join("|")
        };
        let shared = "--config-path|pet 1.json|--disable-hot-restart|--concurrency|1|--log-level|";
        assert_eq!(
            joined(&Options::default()),
            format!("{shared}warning|--file-flush-interval-msec|50")
        );
        let chatty = Options {
            log_level: LogLevel::Debug,
            drain_seconds: Some(2),
            ..Options::default()
        };
        assert_eq!(
            joined(&chatty),
            format!("{shared}debug|--file-flush-interval-msec|50|--drain-time-s|2")
        );
    }
}
