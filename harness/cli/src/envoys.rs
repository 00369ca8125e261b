//! The Envoys that the command line names, as values of the axis `envoy`, and as binaries.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::OnceLock,
};

use meshkat_envoy::binary::{Envoy, Version};
use meshkat_model::{axis::ENVOY, case::Case, scenario::Scenario, source::Diagnostic};
use meshkat_runtime::{Envoys, LocalEnvoy};

use crate::{
    args::{EnvoyChoice, EnvoyChoices},
    exit::Exit,
    locate,
};

/// What `--envoy` says: nothing, one Envoy, or several, which are an axis.
#[derive(Debug, Clone, Default)]
pub(crate) struct EnvoySelection(Vec<EnvoySpec>);

/// One `--envoy`.
#[derive(Debug, Clone)]
struct EnvoySpec {
    typed: String,
    /// Its value of the axis; of a path known only when somebody asks.
    label: OnceLock<String>,
}

/// The Envoys that cases need, found.
#[derive(Debug, Clone)]
pub(crate) struct ResolvedEnvoys(Envoys<LocalEnvoy>);

impl EnvoySpec {
    fn new(typed: &str) -> Self {
        Self {
            typed: typed.to_owned(),
            label: OnceLock::new(),
        }
    }

    fn is_path(&self) -> bool {
        !Version::is_meant(&self.typed)
    }

    /// A version as it was typed; of a path, the version that the binary says: slashes cannot be in ids.
    fn label(&self) -> Result<&str, Exit> {
        if let Some(label) = self.label.get() {
            return Ok(label);
        }
        let label = match self.is_path() {
            true => self.locate()?.version.to_string(),
            false => self.typed.clone(),
        };
        Ok(self.label.get_or_init(|| label))
    }

    /// Blocks for as long as a fetch takes.
    fn locate(&self) -> Result<Envoy, Exit> {
        locate::blocking(Some(self.typed.clone()))
    }
}

impl EnvoySelection {
    /// Reads what was typed. Starts nothing but the binaries whose paths are among several, to ask for their versions.
    ///
    /// # Errors
    /// Of several Envoys: one that is not known, one that is there twice, and two that ids could not tell apart.
    pub(crate) fn read(choices: &EnvoyChoices) -> Result<Self, Exit> {
        let typed = choices.envoy.iter().filter(|typed| !typed.is_empty());
        let selection = Self(typed.map(|typed| EnvoySpec::new(typed)).collect());
        if !selection.is_axis() {
            return Ok(selection);
        }
        let mut seen: BTreeMap<String, &EnvoySpec> = BTreeMap::new();
        let mut resolved: BTreeMap<Version, &EnvoySpec> = BTreeMap::new();
        for one in &selection.0 {
            let version = match one.is_path() {
                true => None,
                false => Some(locate::version(&one.typed)?),
            };
            if let Some(first) = seen.insert(one.label()?.to_owned(), one) {
                return Err(alike(first, one));
            }
            if let Some(version) = version
                && let Some(first) = resolved.insert(version.clone(), one)
            {
                let message = format!("--envoy {} and --envoy {} are both {version}", first.typed, one.typed);
                return Err(Exit::usage(message).help("leave one of them out"));
            }
        }
        Ok(selection)
    }

    /// Whether there are several.
    pub(crate) fn is_axis(&self) -> bool {
        self.0.len() > 1
    }

    /// The scenario as it is to run: with an axis of these Envoys if there are several, or if the file itself has the axis.
    ///
    /// # Errors
    /// The path of a binary that does not say its version.
    pub(crate) fn apply(&self, scenario: Scenario) -> Result<Scenario, Exit> {
        if !self.is_axis() && (self.0.is_empty() || !scenario.varies_envoy()) {
            return Ok(scenario);
        }
        let labels: Result<Vec<String>, Exit> = self.0.iter().map(|one| one.label().map(str::to_owned)).collect();
        Ok(scenario.with_envoys(&labels?))
    }

    /// The flag that means this value of the axis.
    fn of(&self, label: &str) -> Option<&EnvoySpec> {
        let typed = self.0.iter().find(|one| !one.is_path() && one.typed == label);
        // A binary that does not run means no value. Where it is needed, that is told.
        typed.or_else(|| {
            let mut paths = self.0.iter().filter(|one| one.is_path());
            paths.find(|one| one.label().is_ok_and(|own| own == label))
        })
    }

    /// Whether there is an Envoy of this name: one that was given, or a version that is known.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn knows(&self, label: &str) -> Result<(), Exit> {
        match self.of(label) {
            Some(_) => Ok(()),
            None => locate::version(label).map(drop),
        }
    }

    /// Finds the Envoys of these cases, or fetches them, before anything starts.
    ///
    /// # Errors
    /// A version that is not known; one that cannot be had.
    pub(crate) async fn find<'a>(&self, cases: impl Iterator<Item = &'a Case>) -> Result<ResolvedEnvoys, Exit> {
        let wanted: BTreeSet<Option<String>> = cases.map(|case| case.mesh.envoy.clone()).collect();
        let selection = self.clone();
        let found = tokio::task::spawn_blocking(move || {
            let mut found = Envoys::none();
            for name in wanted {
                match name {
                    None => found.default = Some(local(selection.0.first())?),
                    Some(name) => {
                        let one = selection.of(&name).cloned().unwrap_or_else(|| EnvoySpec::new(&name));
                        found.named.insert(name, local(Some(&one))?);
                    }
                }
            }
            Ok(ResolvedEnvoys(found))
        });
        found
            .await
            .map_err(|error| Exit::environment(format!("failed to look for Envoy: {error}")))?
    }

    /// What a line that runs a case again has to say: one Envoy as it was typed. Of several, ids name the version, and only
    /// paths have to be said again.
    pub(crate) fn reproduce(&self) -> String {
        let needed = self.0.iter().filter(|one| !self.is_axis() || one.is_path());
        needed.map(|one| format!(" --envoy {}", one.typed)).collect()
    }

    /// Each one that was given, alone; the one choice that there is where none or one was.
    pub(crate) fn each(&self) -> Vec<EnvoyChoice> {
        let choice = |envoy| EnvoyChoice { envoy };
        match self.0.as_slice() {
            [] => vec![choice(None)],
            all => all.iter().map(|one| choice(Some(one.typed.clone()))).collect(),
        }
    }
}

impl ResolvedEnvoys {
    /// One for every mesh.
    pub(crate) fn one(envoy: Envoy, choice: &EnvoyChoice) -> Self {
        Self(Envoys::one(of_this_machine(envoy, choice.envoy.as_deref())))
    }

    /// For a backend.
    pub(crate) fn envoys(&self) -> &Envoys<LocalEnvoy> {
        &self.0
    }

    /// Whether a case's Envoy is among them.
    pub(crate) fn has(&self, case: &Case) -> bool {
        self.0.of(&case.mesh).is_ok()
    }

    /// The versions, each once, the oldest first.
    pub(crate) fn versions(&self) -> Vec<String> {
        let all = self.0.default.iter().chain(self.0.named.values());
        let mut versions: Vec<&str> = all.map(|envoy| envoy.version.as_str()).collect();
        versions.sort_by_key(|version| (version.parse::<Version>().ok(), *version));
        versions.dedup();
        versions.into_iter().map(str::to_owned).collect()
    }
}

/// The Envoys of a file's axis that nobody knows, at the place where they are written.
pub(crate) fn unknown(scenario: &Scenario) -> Vec<Diagnostic> {
    let tell = |version: String| {
        let (message, help) = locate::version(&version).err()?.into_parts();
        let place = scenario.envoy_place(&version);
        Some(Diagnostic::new(&scenario.source, place, message, "unknown version").help(help))
    };
    scenario.envoys().into_iter().filter_map(tell).collect()
}

/// The Envoy that the whole id of a case names by the axis `envoy`, and its scenario.
pub(crate) fn named_by(id: &str) -> Option<(&str, &str)> {
    let (scenario, values) = id.strip_suffix(']')?.split_once('[')?;
    let envoy = values
        .split(',')
        .find_map(|value| value.strip_prefix(ENVOY)?.strip_prefix('='))?;
    Some((scenario, envoy))
}

fn alike(first: &EnvoySpec, second: &EnvoySpec) -> Exit {
    if first.typed == second.typed {
        return Exit::usage(format!("--envoy {} is there twice", first.typed)).help("leave one of them out");
    }
    let label = second.label().unwrap_or(&second.typed);
    let message = format!(
        "--envoy {} and --envoy {} would both be {ENVOY}={label} in ids",
        first.typed, second.typed
    );
    Exit::usage(message).help("run with one of them, and then with the other and a `--report-dir` of its own")
}

fn local(one: Option<&EnvoySpec>) -> Result<LocalEnvoy, Exit> {
    let typed = one.map(|one| one.typed.clone());
    let envoy = locate::blocking(typed.clone())?;
    Ok(of_this_machine(envoy, typed.as_deref()))
}

/// A version is had from anywhere; a file is that file.
fn of_this_machine(envoy: Envoy, typed: Option<&str>) -> LocalEnvoy {
    LocalEnvoy {
        path: envoy.path,
        version: envoy.version.to_string(),
        by_path: typed.is_some_and(|typed| Path::new(typed).exists()),
    }
}
