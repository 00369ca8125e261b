//! Envoy's own judgement of a configuration, without starting it.

use std::{
    collections::HashMap,
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use meshkat_model::certificates::{self, Certificates};

use super::{
    Bootstrap, ConfigError, ValidateError,
    document::LARGEST,
    harmless,
    said::clean,
    value::{get, text},
};
use crate::sandbox::{self, Ended, Job, Sandbox};

/// Asks an Envoy whether it would start with configurations of strangers. Envoy opens what a configuration names, the files
/// that it would log to as well, and resolves names: so it is asked in a [`Sandbox`] and within a time limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validator {
    envoy: PathBuf,
    limit: Duration,
    readable: Vec<PathBuf>,
    sandbox: Sandbox,
    known: Known,
}

/// What was asked already: the texts with the folders that they were for, and why they were refused. Several meshes have the
/// same configurations.
#[derive(Debug, Clone, Default)]
struct Known(Arc<Mutex<Answers>>);

/// Why Envoy refused a text in a folder; none where it took it.
type Answers = HashMap<(PathBuf, String), Option<String>>;

/// What a judge remembers is no part of who it is.
impl PartialEq for Known {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Known {}

impl Validator {
    /// For how long Envoy may think by default. It takes some 60 ms where nothing else runs.
    pub const LIMIT: Duration = Duration::from_secs(20);

    /// Asks the Envoy at `envoy`, in the best sandbox that this system offers. It reads the system's files, and what lies beside
    /// the configuration's own file.
    pub fn new(envoy: &Path) -> Self {
        Self {
            envoy: envoy.to_owned(),
            limit: Self::LIMIT,
            readable: Vec::new(),
            sandbox: Sandbox::offered(),
            known: Known::default(),
        }
    }

    /// For how long Envoy may think about one configuration.
    #[must_use]
    pub fn within(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// What Envoy may read, besides: a file, or a folder and all below it.
    #[must_use]
    pub fn reads(mut self, path: &Path) -> Self {
        self.readable.push(path.to_owned());
        self
    }

    /// What Envoy may read, besides: all that lies in the folder `project`, but for what is hidden there (`.git`, `.env`) and
    /// what is a link.
    #[must_use]
    pub fn reads_project(mut self, project: &Path) -> Self {
        self.readable.extend(harmless::open_entries(project));
        self
    }

    /// In which sandbox.
    #[must_use]
    pub fn within_sandbox(mut self, sandbox: Sandbox) -> Self {
        self.sandbox = sandbox;
        self
    }

    /// Asks about a configuration.
    ///
    /// # Errors
    /// [`ValidateError::Refused`] with Envoy's reason; [`ValidateError::TooLate`].
    pub fn validate(&self, config: &Bootstrap) -> Result<(), ValidateError> {
        self.ask(config, &config.to_json()?, "json")
    }

    /// Asks about a file, as it lies there.
    ///
    /// # Errors
    /// As [`Validator::validate`]; and what [`Bootstrap::read`] finds.
    pub fn validate_file(&self, file: &Path) -> Result<(), ValidateError> {
        let text = meshkat_files::read_to_string(file, LARGEST).map_err(|source| ConfigError::Read {
            file: file.to_owned(),
            source,
        })?;
        let config = Bootstrap::parse(file, &text)?;
        let ending = file.extension().and_then(|ending| ending.to_str()).unwrap_or("yaml");
        self.ask(&config, &text, ending)
    }

    /// Asks about `text`, which is `config` as it is written, once.
    fn ask(&self, config: &Bootstrap, text: &str, ending: &str) -> Result<(), ValidateError> {
        let with_files = config.with_files()?;
        // Where files are named by where the configuration lies, Envoy is given where they are.
        let (config, text, ending) = match with_files == *config {
            true => (config, text.to_owned(), ending),
            false => (&with_files, with_files.to_json()?, "json"),
        };
        let folder = config.file().parent().unwrap_or(Path::new("")).to_owned();
        let key = (folder, text);
        let known = self
            .known
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&key)
            .cloned();
        let told = match known {
            Some(None) => Ok(()),
            Some(Some(message)) => Err(ValidateError::Refused { message }),
            None => self.ask_envoy(config, &key.1, ending),
        };
        let remembered = match &told {
            Ok(()) => None,
            Err(ValidateError::Refused { message }) => Some(message.clone()),
            Err(_) => return told,
        };
        self.known
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(key, remembered);
        told
    }

    fn ask_envoy(&self, config: &Bootstrap, text: &str, ending: &str) -> Result<(), ValidateError> {
        let folder = tempfile::Builder::new().prefix("meshkat-").tempdir()?;
        let quiet = harmless::without_log_files(config);
        let (file, text) = match &quiet {
            Some(quiet) => (folder.path().join("configuration.json"), &quiet.to_json()?),
            None => (folder.path().join(format!("configuration.{ending}")), &text.to_owned()),
        };
        meshkat_files::write_private(&file, text)?;
        harmless::link_neighbours(config, folder.path())?;
        if !config.made_files().is_empty() {
            let certificates = folder.path().join(certificates::FOLDER);
            // A link to what the project has of that name is another's.
            if certificates.symlink_metadata().is_err() {
                meshkat_files::private_folder(&certificates)?;
                let names = vec!["localhost".to_owned()];
                crate::certificates::write(&Certificates { names }, &certificates)?;
            }
        }

        let mut environment = sandbox::environment(folder.path());
        environment.extend(harmless::variables(config));
        let arguments = ["--mode", "validate", "--log-level", "critical", "-c"].map(OsString::from);
        let mut arguments: Vec<OsString> = arguments.into_iter().chain([file.into_os_string()]).collect();
        arguments.extend(missing_names(config).map(OsString::from));
        let job = Job {
            program: &self.envoy,
            arguments: &arguments,
            environment: &environment,
            folder: folder.path(),
            readable: &self.all_readable(config),
            limit: self.limit,
            sandbox: self.sandbox,
        };
        let (ended, printed) = job.run().map_err(|error| self.cannot_ask(error))?;
        let status = match ended {
            Ended::TooLate => return Err(ValidateError::TooLate { limit: self.limit }),
            Ended::Itself(status) => status,
        };
        if !status.success() {
            let message = match clean(&printed) {
                message if message.is_empty() => format!("it ended with {status} and said nothing"),
                message => message,
            };
            return Err(ValidateError::Refused { message });
        }
        Ok(())
    }

    fn all_readable(&self, config: &Bootstrap) -> Vec<PathBuf> {
        let beside = config.file().parent().map(harmless::open_entries).unwrap_or_default();
        self.readable.iter().cloned().chain(beside).collect()
    }

    fn cannot_ask(&self, error: io::Error) -> ValidateError {
        ValidateError::CannotAsk(io::Error::new(
            error.kind(),
            format!("{}: {error}", self.envoy.display()),
        ))
    }
}

/// What a pod's names are given by where a configuration has none, which Envoy asks for as soon as it asks anybody for resources.
fn missing_names(config: &Bootstrap) -> impl Iterator<Item = &'static str> {
    let node = get(config.document(), "node");
    let is_missing = move |field: &str| {
        node.and_then(|node| text(node, field))
            .is_none_or(|name| name.is_empty())
    };
    let flags = [
        ("id", ["--service-node", "pod"]),
        ("cluster", ["--service-cluster", "group"]),
    ];
    flags
        .into_iter()
        .filter(move |(field, _)| is_missing(field))
        .flat_map(|(_, flag)| flag)
}
