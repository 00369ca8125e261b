//! What is wrong with a configuration's file, told with its place. Starts no Envoy, but asks one.

use std::path::{Path, PathBuf};

use serde_yaml::Value;

use super::{
    Bootstrap, ConfigError, DocPath, Overlay, ValidateError, Validator,
    place::Places,
    query::text,
    rebind::{is_any, is_local},
    validate::LARGEST,
    value::{dig, get, walk},
};

/// The ports that are the same in every pod.
const INBOUND: u16 = 10_000;
const OUTBOUND: u16 = 9_900;
const ADMIN: u16 = 8_081;
const APPLICATION: u16 = 8_080;

/// Envoy takes less, and below a millisecond crashes on its first poll.
const SHORTEST_REFRESH_SECONDS: f64 = 0.010;

/// Something wrong in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1, where it is known.
    pub line: Option<usize>,
    /// The column, from 1, where it is known.
    pub column: Option<usize>,
    /// What is wrong.
    pub message: String,
    /// The way out, where one is known.
    pub help: Option<String>,
}

/// Checks one configuration file: that it is YAML, that a pod can be made of it, that it does not crash Envoy, and, where
/// there is an `envoy` to ask, that it takes it. Empty when all is well.
pub fn lint(file: &Path, envoy: Option<&Validator>) -> Vec<Diagnostic> {
    let read = meshkat_files::read_to_string(file, LARGEST).map_err(|source| ConfigError::Read {
        file: file.to_owned(),
        source,
    });
    let text = match read {
        Ok(text) => text,
        Err(error) => return vec![of_error(file, &error)],
    };
    let config = match Bootstrap::parse(file, &text) {
        Ok(config) => config,
        Err(error) => return vec![of_error(file, &error)],
    };
    let mut lint = Lint {
        file,
        places: Places::of(&text),
        found: Vec::new(),
    };
    lint.node(&config);
    lint.ports(&config);
    let crashes = lint.refresh_delays(&config);
    if let (Some(envoy), false) = (envoy, crashes) {
        lint.ask(envoy);
    }
    lint.found
}

/// Checks one overlay: that it can be read, that it changes one of `configs` at least, and that Envoy takes each that it
/// changes. One that changes none of them as they are is put over each of the `others`, as one that refines another is meant
/// to be. Empty when all is well.
pub fn lint_overlay(
    file: &Path,
    configs: &[PathBuf],
    others: &[PathBuf],
    envoy: Option<&Validator>,
) -> Vec<Diagnostic> {
    let text = match meshkat_files::read_to_string(file, LARGEST) {
        Ok(text) => text,
        Err(source) => {
            let file = file.to_owned();
            return vec![of_error(&file.clone(), &ConfigError::Read { file, source })];
        }
    };
    let mut lint = Lint {
        file,
        places: Places::of(&text),
        found: Vec::new(),
    };
    match Overlay::parse(file, &text) {
        Ok(overlay) => lint.overlay(&overlay, configs, others, envoy),
        Err(error) => lint.tell(&error),
    }
    lint.found
}

fn of_error(file: &Path, error: &ConfigError) -> Diagnostic {
    let (line, column, message) = match error {
        ConfigError::NotYaml {
            line, column, message, ..
        } => (*line, *column, message.clone()),
        ConfigError::Unexpected { message, .. } => (Some(1), Some(1), message.clone()),
        ConfigError::Read { source, .. } => (None, None, format!("failed to read the file: {source}")),
        ConfigError::NotWritable { message, .. } => (None, None, message.clone()),
    };
    Diagnostic {
        file: file.to_owned(),
        line,
        column,
        message,
        help: None,
    }
}

struct Lint<'a> {
    file: &'a Path,
    places: Places,
    found: Vec<Diagnostic>,
}

impl Lint<'_> {
    fn say(&mut self, path: &DocPath, message: impl Into<String>, help: impl Into<String>) {
        let place = self.places.find(path);
        self.found.push(Diagnostic {
            file: self.file.to_owned(),
            line: place.map(|(line, _)| line),
            column: place.map(|(_, column)| column),
            message: message.into(),
            help: Some(help.into()).filter(|help| !help.is_empty()),
        });
    }

    /// Tells an error of this file at the place that it has.
    fn tell(&mut self, error: &ConfigError) {
        match error {
            ConfigError::Unexpected { path, message, .. } => self.say(path, message.clone(), ""),
            other => self.found.push(of_error(self.file, other)),
        }
    }

    fn overlay(&mut self, overlay: &Overlay, configs: &[PathBuf], others: &[PathBuf], envoy: Option<&Validator>) {
        // What cannot be read is told by its own lint.
        let beneath = |other: Option<&PathBuf>| {
            let other = other.map(std::slice::from_ref).unwrap_or_default();
            let read = configs.iter().filter_map(|file| Bootstrap::read_with(file, other).ok());
            read.collect::<Vec<_>>()
        };
        let ways = std::iter::once(None).chain(others.iter().map(Some));
        for mut configs in ways.map(beneath) {
            let mut changes_any = false;
            for config in &mut configs {
                match overlay.apply(config) {
                    Ok(false) => {}
                    Ok(true) => {
                        changes_any = true;
                        self.changed(config, envoy);
                    }
                    Err(error) => return self.tell(&error),
                }
            }
            if changes_any {
                return;
            }
        }
        let path = DocPath::root().field("needs");
        let message = "no configuration has what it needs, nor has one with another overlay: it changes nothing";
        self.say(&path, message, "");
    }

    /// Looks at a configuration that this file changed.
    fn changed(&mut self, config: &Bootstrap, envoy: Option<&Validator>) {
        let changes = DocPath::root().field("changes");
        let crashes = self.refresh_delays_at(config, Some(&changes));
        if let (Some(envoy), false) = (envoy, crashes) {
            self.ask_over(envoy, config, &changes);
        }
    }

    /// Asks Envoy about a configuration that this file changed.
    fn ask_over(&mut self, envoy: &Validator, config: &Bootstrap, at: &DocPath) {
        match envoy.validate(config) {
            Ok(()) => {}
            Err(error @ ValidateError::Refused { .. }) => {
                let name = config
                    .file()
                    .file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned();
                let reason = reason(&error);
                self.say(at, format!("Envoy refuses {name} with it: {reason}"), help(&error));
            }
            Err(other) => self.say(at, other.to_string(), help(&other)),
        }
    }

    fn node(&mut self, config: &Bootstrap) {
        let path = DocPath::root().field("node");
        for field in ["id", "cluster"] {
            let set = get(config.document(), "node")
                .and_then(|node| text(node, field))
                .is_some_and(|text| !text.is_empty());
            if !set {
                self.say(
                    &path,
                    format!("`node.{field}` is missing"),
                    "write node: {id: NAME, cluster: NAME}",
                );
            }
        }
    }

    fn ports(&mut self, config: &Bootstrap) {
        let root = DocPath::root();
        match config.admin() {
            Some((_, ADMIN)) => {}
            Some((_, port)) => {
                let path = root
                    .field("admin")
                    .field("address")
                    .field("socket_address")
                    .field("port_value");
                self.say(
                    &path,
                    format!("the admin interface is on port {port}, not {ADMIN}"),
                    "every pod keeps the same four ports",
                );
            }
            None => self.say(
                &root.field("admin"),
                "there is no admin interface with a socket",
                format!("write admin: {{address: {{socket_address: {{address: 0.0.0.0, port_value: {ADMIN}}}}}}}"),
            ),
        }
        let listeners = config.listeners();
        let all = root.field("static_resources").field("listeners");
        let has = |port| listeners.iter().any(|listener| listener.port == port);
        if !has(INBOUND) {
            self.say(
                &all,
                format!("no listener is on port {INBOUND}, where a pod is reached"),
                "",
            );
        }
        if stands_beside_an_application(config) && !has(OUTBOUND) {
            let message = format!("no listener is on port {OUTBOUND}, where the pod's application reaches others");
            self.say(&all, message, "");
        }
        let written = dig(config.document(), &["static_resources", "listeners"]).and_then(Value::as_sequence);
        for (index, listener) in written.into_iter().flatten().enumerate() {
            let Some(socket) = dig(listener, &["address", "socket_address"]) else {
                continue;
            };
            let path = all.item(index).field("address").field("socket_address");
            let taken = get(socket, "port_value").and_then(Value::as_u64);
            if let Some(port) = taken.filter(|port| [u64::from(ADMIN), u64::from(APPLICATION)].contains(port)) {
                let whose = if port == u64::from(ADMIN) {
                    "the admin interface's"
                } else {
                    "the application's"
                };
                self.say(&path.field("port_value"), format!("port {port} is {whose}"), "");
            }
            if let Some(address) = text(socket, "address").filter(|address| !is_any(address) && !is_local(address)) {
                let message = format!("the listener stands at {address}");
                self.say(
                    &path.field("address"),
                    message,
                    "write 0.0.0.0, so that it can be given its pod's address",
                );
            }
        }
    }

    /// Whether one was found that would crash Envoy.
    fn refresh_delays(&mut self, config: &Bootstrap) -> bool {
        self.refresh_delays_at(config, None)
    }

    /// The same; what was found is told at `at`, where the configuration is not what stands in the file.
    fn refresh_delays_at(&mut self, config: &Bootstrap, at: Option<&DocPath>) -> bool {
        let mut short = Vec::new();
        walk(config.document(), &DocPath::root(), &mut |path, value| {
            let delay = get(value, "refresh_delay").and_then(Value::as_str);
            if let Some(delay) = delay.filter(|delay| seconds(delay).is_some_and(|s| s < SHORTEST_REFRESH_SECONDS)) {
                short.push((path.field("refresh_delay"), delay));
            }
        });
        for (path, delay) in &short {
            let message = format!("a refresh_delay of {delay} is under 10 ms");
            let path = at.unwrap_or(path);
            // An overlay says the same of each configuration that it changes.
            if at.is_none() || !self.found.iter().any(|known| known.message == message) {
                let help = "Envoy crashes on its first poll below 1 ms; 0.1s is often enough";
                self.say(path, message, help);
            }
        }
        !short.is_empty()
    }

    fn ask(&mut self, envoy: &Validator) {
        match envoy.validate_file(self.file) {
            Ok(()) => {}
            Err(error @ ValidateError::Refused { .. }) => {
                let reason = reason(&error);
                let path = place_in(&reason).unwrap_or_else(DocPath::root);
                self.say(&path, format!("Envoy refuses it: {reason}"), help(&error));
            }
            Err(other) => self.say(&DocPath::root(), other.to_string(), help(&other)),
        }
    }
}

/// Envoy's own words, where they are all that is wrong.
fn reason(error: &ValidateError) -> String {
    match error {
        ValidateError::Refused { message } => message.clone(),
        other => other.to_string(),
    }
}

fn help(error: &ValidateError) -> String {
    error.help().unwrap_or_default()
}

/// Whether the Envoy has an application beside it: a static endpoint at the local host's port for it.
fn stands_beside_an_application(config: &Bootstrap) -> bool {
    let mut found = false;
    for cluster in config.cluster_values() {
        walk(cluster, &DocPath::root(), &mut |_, value| {
            let Some(socket) = get(value, "socket_address") else {
                return;
            };
            let port = get(socket, "port_value").and_then(Value::as_u64);
            let local = text(socket, "address").is_some_and(|address| is_local(&address));
            found |= local && port == Some(u64::from(APPLICATION));
        });
    }
    found
}

/// A duration as protobuf's JSON writes it: `0.2s`.
fn seconds(duration: &str) -> Option<f64> {
    duration.strip_suffix('s')?.parse().ok()
}

/// Where Envoy says that the mistake is: `… @ static_resources.listeners[0].name: string …`.
fn place_in(message: &str) -> Option<DocPath> {
    let (_, after) = message.split_once(" @ ")?;
    DocPath::parse(after.split_once(':')?.0.trim())
}
