//! What is wrong with a configuration's file, told with its place. Starts no Envoy, but asks one.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    path::{Path, PathBuf},
};

use serde_yaml::Value;

use super::{
    Bootstrap, ConfigError, DocPath, Overlay, ValidateError, Validator,
    address::{is_any, is_local},
    blame,
    document::LARGEST,
    number::port,
    path::walk,
    place::{Files, Places},
    ports::{owners, socket_of},
    resources,
    value::{dig, get, text},
    yaml,
};

/// The application's port, the same in every pod.
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

/// What the message of a configuration begins with that Envoy does not take.
const REFUSES: &str = "Envoy refuses ";

impl Diagnostic {
    /// Where it is.
    pub fn place(&self) -> (&Path, Option<usize>, Option<usize>) {
        (&self.file, self.line, self.column)
    }

    /// Whether it is Envoy that says so.
    pub fn is_refusal(&self) -> bool {
        self.message.starts_with(REFUSES)
    }
}

/// Checks one configuration file: that it is YAML, that a pod can be made of it, that the files are there that it names, that it
/// does not crash Envoy, and, where there is an `envoy` to ask, that it takes it. Empty when all is well.
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
        elsewhere: Files::default(),
        found: Vec::new(),
    };
    lint.ports(&config);
    let crashes = lint.refresh_delays(&config);
    if let Err(error) = config.with_files() {
        lint.tell(&error);
    } else if let (Some(envoy), false) = (envoy, crashes) {
        lint.ask(&config, envoy);
    }
    lint.found
}

/// A configuration that an overlay is put over, after others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Use {
    /// The configuration's file.
    pub config: PathBuf,
    /// The overlays that are put over it before, in this order.
    pub before: Vec<PathBuf>,
}

/// Checks one overlay: that it can be read and, of the configurations that it is used with, that it changes one at least, and that
/// Envoy takes each that it changes. A configuration that Envoy does not take by itself is told as that, and not as the overlay's
/// fault. Empty when all is well.
pub fn lint_overlay(file: &Path, uses: &[Use], envoy: Option<&Validator>) -> Vec<Diagnostic> {
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
        elsewhere: Files::default(),
        found: Vec::new(),
    };
    match Overlay::parse_or_tell(file, &text) {
        Ok(overlay) => {
            // What would crash Envoy does so wherever it is put.
            if let Ok((document, _)) = yaml::read(&text) {
                lint.refresh_delays_at(&document, None);
            }
            lint.overlay(&overlay, uses, envoy);
        }
        Err(wrong) => wrong.each().for_each(|error| lint.tell(error)),
    }
    lint.found
}

/// Checks a file of xDS resources: that it can be read, and that each resource says what it is. Envoy judges it with the
/// configuration that names it.
pub fn lint_resources(file: &Path) -> Vec<Diagnostic> {
    let document = match resources::read(file) {
        Ok(document) => document,
        Err(error) => return vec![of_error(file, &error)],
    };
    let text = meshkat_files::read_to_string(file, LARGEST).unwrap_or_default();
    let mut lint = Lint {
        file,
        places: Places::of(&text),
        elsewhere: Files::default(),
        found: Vec::new(),
    };
    for (index, resource) in resources::of(&document).iter().enumerate() {
        if resources::kind(resource).is_none() {
            let path = DocPath::root().field("resources").item(index);
            let help = "write for example '@type': type.googleapis.com/envoy.config.cluster.v3.Cluster";
            lint.say(&path, "this resource does not say what it is", help);
        }
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
    /// Those of other files that it names.
    elsewhere: Files,
    found: Vec<Diagnostic>,
}

impl Lint<'_> {
    fn say(&mut self, path: &DocPath, message: impl Into<String>, help: impl Into<String>) {
        self.say_perhaps(Some(path), message, help);
    }

    /// The same, at no place where none is known.
    fn say_perhaps(&mut self, path: Option<&DocPath>, message: impl Into<String>, help: impl Into<String>) {
        let place = path.and_then(|path| self.places.find(path));
        self.found.push(Diagnostic {
            file: self.file.to_owned(),
            line: place.map(|(line, _)| line),
            column: place.map(|(_, column)| column),
            message: message.into(),
            help: Some(help.into()).filter(|help| !help.is_empty()),
        });
    }

    /// Says something of a file that this one may name.
    fn say_in(&mut self, file: &Path, path: &DocPath, message: String, help: &str) {
        if file == self.file {
            return self.say(path, message, help);
        }
        let place = self.elsewhere.find(file, path);
        self.found.push(Diagnostic {
            file: file.to_owned(),
            line: place.map(|(line, _)| line),
            column: place.map(|(_, column)| column),
            message,
            help: Some(help.to_owned()).filter(|help| !help.is_empty()),
        });
    }

    /// Tells an error of this file at the place that it has.
    fn tell(&mut self, error: &ConfigError) {
        match error {
            ConfigError::Unexpected { path, message, .. } => self.say(path, message.clone(), ""),
            other => self.found.push(of_error(self.file, other)),
        }
    }

    fn overlay(&mut self, overlay: &Overlay, uses: &[Use], envoy: Option<&Validator>) {
        let (mut read, mut changes_any) = (false, false);
        for one in uses {
            // What cannot be read is told by its own lint.
            let Ok(mut config) = Bootstrap::read_with(&one.config, &one.before) else {
                continue;
            };
            read = true;
            let base = config.clone();
            match overlay.apply_or_tell(&mut config) {
                Ok(false) => {}
                Ok(true) => {
                    changes_any = true;
                    if !self.is_refused_without(&base, one, envoy) {
                        self.changed(&config, envoy);
                    }
                }
                Err(wrong) => return wrong.each().for_each(|error| self.tell(error)),
            }
        }
        if read && !changes_any {
            let path = DocPath::root().field("needs");
            let message = "no configuration that it is used with has what it needs: it changes nothing";
            self.say(&path, message, "");
        }
    }

    /// Whether Envoy refuses a configuration before the overlay is put over it, which is told where it belongs.
    fn is_refused_without(&mut self, base: &Bootstrap, one: &Use, envoy: Option<&Validator>) -> bool {
        let Some(envoy) = envoy else { return false };
        let told = match one.before.split_last() {
            None => lint(&one.config, Some(envoy)),
            Some(_) if envoy.validate(base).is_ok() => return false,
            Some((last, before)) => {
                let one = Use {
                    config: one.config.clone(),
                    before: before.to_owned(),
                };
                lint_overlay(last, &[one], Some(envoy))
            }
        };
        let is_refused = !told.is_empty();
        self.found.extend(told);
        is_refused
    }

    /// Looks at a configuration that this file changed.
    fn changed(&mut self, config: &Bootstrap, envoy: Option<&Validator>) {
        let changes = DocPath::root().field("changes");
        let crashes = self.refresh_delays_at(config.document(), Some(&changes));
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
                self.say(at, format!("{REFUSES}{name} with it: {reason}"), help(&error));
            }
            Err(other) => self.say(at, other.to_string(), help(&other)),
        }
    }

    /// What a pod cannot have: no listener at all, one at an address of its own, two at one port.
    fn ports(&mut self, config: &Bootstrap) {
        let all = DocPath::root().field("static_resources").field("listeners");
        let written = dig(config.document(), &["static_resources", "listeners"]).and_then(Value::as_sequence);
        let written = written.map_or(&[][..], Vec::as_slice);
        let from_elsewhere = dig(config.document(), &["dynamic_resources", "lds_config"]).is_some();
        if written.is_empty() && !from_elsewhere {
            self.say(&all, "there is no listener: nobody reaches this Envoy", "");
        }
        // Where the kernel would choose a port, a pod may give one of its own: the same to all.
        let chosen = config.ports(false, &[]).moved.get(&0).copied();
        let application = stands_beside_an_application(config);
        let mut taken = BTreeMap::new();
        let admin = get(config.document(), "admin").and_then(socket_of);
        if let Some(admin) = admin.filter(|admin| admin.port != 0) {
            taken.insert((admin.port, false), "the admin interface");
        }
        let mut told: Vec<(PathBuf, DocPath, String, &str)> = Vec::new();
        config.each_listener(&mut |file, path, listener| {
            // Of one listener, addresses that are the same in a pod become one.
            let mut own = BTreeSet::new();
            for (path, owner) in owners(listener, path) {
                let Some(socket) = dig(owner, &["address", "socket_address"]) else {
                    continue;
                };
                let path = path.field("address").field("socket_address");
                let found = socket_of(owner).filter(|found| found.port != 0 || chosen.is_some());
                if let Some(found) = found.filter(|found| own.insert((found.port, found.is_udp))) {
                    let port = found.port;
                    let at = path.field("port_value");
                    if port == APPLICATION && application {
                        let message = format!("port {port} is the application's");
                        told.push((file.to_owned(), at.clone(), message, ""));
                    }
                    if let Some(other) = taken.insert((port, found.is_udp), "another listener") {
                        let why = match chosen {
                            Some(chosen) if port == 0 => format!("in a pod, both would be at port {chosen}"),
                            _ => "a pod has one address".to_owned(),
                        };
                        let message = format!("{other} is at port {port}, too: {why}");
                        told.push((file.to_owned(), at, message, "give one of them another port"));
                    }
                }
                // A file of resources may be made for a pod, and have its address.
                let may_be_own = |address: &str| {
                    let loopback = address.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
                    loopback && file != config.file()
                };
                let foreign = |address: &String| !is_any(address) && !is_local(address) && !may_be_own(address);
                if let Some(address) = text(socket, "address").filter(foreign) {
                    let help = "write 0.0.0.0, so that it can be given its pod's address";
                    let message = format!("the listener stands at {address}");
                    told.push((file.to_owned(), path.field("address"), message, help));
                }
            }
        });
        for (file, path, message, help) in told {
            self.say_in(&file, &path, message, help);
        }
    }

    /// Whether one was found that would crash Envoy.
    fn refresh_delays(&mut self, config: &Bootstrap) -> bool {
        self.refresh_delays_at(config.document(), None)
    }

    /// The same; what was found is told at `at`, where the configuration is not what stands in the file.
    fn refresh_delays_at(&mut self, document: &Value, at: Option<&DocPath>) -> bool {
        let mut short = Vec::new();
        walk(document, &DocPath::root(), &mut |path, value| {
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

    fn ask(&mut self, config: &Bootstrap, envoy: &Validator) {
        match envoy.validate_file(self.file) {
            Ok(()) => {}
            Err(error @ ValidateError::Refused { .. }) => {
                let reason = reason(&error);
                let path = blame::place(config.document(), &reason);
                self.say_perhaps(path.as_ref(), format!("{REFUSES}it: {reason}"), help(&error));
            }
            Err(ValidateError::Config(error)) => self.tell(&error),
            Err(other) => self.say_perhaps(None, other.to_string(), help(&other)),
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
            let port = get(socket, "port_value").and_then(port);
            let local = text(socket, "address").is_some_and(|address| is_local(&address));
            found |= local && port == Some(APPLICATION);
        });
    }
    found
}

/// A duration as protobuf's JSON writes it: `0.2s`.
fn seconds(duration: &str) -> Option<f64> {
    duration.strip_suffix('s')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn at(address: &str, port: u16) -> String {
        format!("address: {{socket_address: {{address: '{address}', port_value: {port}}}}}")
    }

    /// What is told of listeners in the configuration, one a line from line 4 on, and in a file of resources, one a line from
    /// line 2 on: `FILE:LINE MESSAGE`.
    fn told(own: &[String], of_file: &[String]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let list = |listeners: &[String], more: &str| -> String {
            let one = |listener: &String| format!("  - {{{more}{listener}}}\n");
            listeners.iter().map(one).collect()
        };
        let config = folder.path().join("x.yaml");
        let text = format!(
            "dynamic_resources: {{lds_config: {{path_config_source: {{path: lds.yaml}}}}}}\nstatic_resources:{}\n{}",
            if own.is_empty() { " {}" } else { "\n  listeners:" },
            list(own, "")
        );
        fs::write(&config, text).unwrap();
        let resources = list(
            of_file,
            "'@type': type.googleapis.com/envoy.config.listener.v3.Listener, ",
        );
        fs::write(folder.path().join("lds.yaml"), format!("resources:\n{resources}")).unwrap();
        let shown = |found: Diagnostic| {
            let name = found.file.file_name().unwrap().to_string_lossy().into_owned();
            format!("{name}:{} {}", found.line.unwrap_or(0), found.message)
        };
        lint(&config, None).into_iter().map(shown).collect()
    }

    #[test]
    fn two_listeners_at_one_port_are_told_wherever_they_stand() {
        let more = |first: u16, more: &str| format!("{}, additional_addresses: [{{{more}}}]", at("0.0.0.0", first));
        let clash = "another listener is at port 8000, too: a pod has one address";
        let two = [at("0.0.0.0", 8000), at("::", 8000)];
        assert_eq!(told(&[], &two), [format!("lds.yaml:3 {clash}")]);
        assert_eq!(told(&two[..1], &two[1..]), [format!("lds.yaml:2 {clash}")]);
        let additional = [at("0.0.0.0", 8000), more(8001, &at("0.0.0.0", 8000))];
        assert_eq!(told(&additional, &[]), [format!("x.yaml:5 {clash}")]);
        // One listener's become one.
        let both = [more(8000, &at("::", 8000)), at("0.0.0.0", 8001)];
        assert_eq!(told(&both, &[]), Vec::<String>::new());
        let foreign = [more(8000, &at("10.1.2.3", 8001))];
        assert_eq!(told(&foreign, &[]), ["x.yaml:4 the listener stands at 10.1.2.3"]);
    }

    #[test]
    fn a_second_port_0_is_told_where_the_first_is_moved() {
        let two = [at("0.0.0.0", 0), at("0.0.0.0", 0)];
        let clash = "another listener is at port 0, too: in a pod, both would be at port 10000";
        assert_eq!(told(&two, &[]), [format!("x.yaml:5 {clash}")]);
        assert_eq!(told(&two[..1], &two[1..]), [format!("lds.yaml:2 {clash}")]);
        // Nothing is moved: the kernel chooses two.
        let usual = [at("0.0.0.0", 10_000), two[0].clone(), two[1].clone()];
        assert_eq!(told(&usual, &[]), Vec::<String>::new());
    }
}
