//! The configuration file: YAML with a few known keys.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use marked_yaml::types::{MarkedMappingNode, MarkedScalarNode};
use marked_yaml::{LoadError, LoaderOptions, Marker, Node, Span, parse_yaml_with_options};

use meshkat_kit::{FILE_LIMIT, read_text};

use crate::kubernetes::{EnvoyPort, InvalidPort};

const NAMESPACE: &str = "kubernetes.namespace";
const API_HOST: &str = "kubernetes.api.host";
const TOKEN_PATH: &str = "kubernetes.token.path";
const CLUSTER_DOMAIN: &str = "kubernetes.cluster.domain";
const ENVOY_PORT: &str = "envoy.port";

/// All keys. They may be written with dots, as they are here, or as mappings within mappings.
const KEYS: [&str; 5] = [NAMESPACE, API_HOST, TOKEN_PATH, CLUSTER_DOMAIN, ENVOY_PORT];

const NO_MAPPING: &str = "`key: value` is asked for";

/// How far from a known key a key may be to be taken for a slip.
const SLIP: usize = 3;

/// What a configuration file says. A key without a value is as good as one that is not there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ConfigFile {
    pub(super) namespace: Option<String>,
    pub(super) api_host: Option<String>,
    pub(super) token_path: Option<PathBuf>,
    pub(super) cluster_domain: Option<String>,
    pub(super) envoy_port: Option<EnvoyPort>,
}

/// Why a configuration file is invalid. Every message begins with the file, and with the line if there is one.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It is not there, or cannot be read.
    #[error("{}: cannot be read: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// It says something that cannot be.
    #[error("{}:{line}: {message}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong, and what could stand there.
        message: String,
    },
}

/// What is wrong, and in which line.
type Wrong = (usize, String);

impl ConfigFile {
    pub(super) fn read(path: &Path) -> Result<Self, FileError> {
        let text = read_text(path, FILE_LIMIT).map_err(|error| FileError::Read {
            path: path.to_owned(),
            error,
        })?;
        Self::parse(&text).map_err(|(line, message)| FileError::Invalid {
            path: path.to_owned(),
            line,
            message,
        })
    }

    fn parse(text: &str) -> Result<Self, Wrong> {
        let says_something = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
        let mut lines = text.lines().enumerate().filter(|(_, line)| says_something(line));
        let is_empty = lines.by_ref().all(|(_, line)| line == "---");
        if is_empty {
            return Ok(Self::default());
        }
        if let Some((index, _)) = lines.find(|(_, line)| line.starts_with("---")) {
            return Err((index + 1, "a second document begins here; one is read".to_owned()));
        }
        let options = LoaderOptions::default().error_on_duplicate_keys(true);
        let node = parse_yaml_with_options(0, text, options).map_err(not_yaml)?;
        let Node::Mapping(mapping) = &node else {
            return Err((line(node.span()), NO_MAPPING.to_owned()));
        };
        let mut values = BTreeMap::new();
        collect("", mapping, &mut values)?;
        Self::of(&values)
    }

    fn of(values: &BTreeMap<&str, (usize, String)>) -> Result<Self, Wrong> {
        let text = |key| values.get(key).map(|(_, text)| text.clone());
        let port = values.get(ENVOY_PORT).map(|(line, text)| {
            text.parse()
                .map_err(|error: InvalidPort| (*line, format!("{ENVOY_PORT}: {error}")))
        });
        Ok(Self {
            namespace: text(NAMESPACE),
            api_host: text(API_HOST),
            token_path: text(TOKEN_PATH).map(PathBuf::from),
            cluster_domain: text(CLUSTER_DOMAIN),
            envoy_port: port.transpose()?,
        })
    }
}

fn collect(
    prefix: &str,
    mapping: &MarkedMappingNode,
    values: &mut BTreeMap<&'static str, (usize, String)>,
) -> Result<(), Wrong> {
    for (key, value) in mapping.iter() {
        let path = if prefix.is_empty() {
            key.as_str().to_owned()
        } else {
            format!("{prefix}.{}", key.as_str())
        };
        let known = KEYS.into_iter().find(|known| *known == path);
        let is_part = KEYS.iter().any(|known| known.starts_with(&format!("{path}.")));
        match (known, value) {
            (Some(known), Node::Scalar(value)) => {
                let place = line(key.span());
                if let Some((first, _)) = values.get(known) {
                    return Err((place, format!("{known}: it is in line {first} already")));
                }
                if let Some(text) = text(value) {
                    values.insert(known, (place, text));
                }
            }
            (Some(known), _) => return Err((line(key.span()), format!("{known}: one value is asked for"))),
            (None, Node::Mapping(inner)) if is_part => collect(&path, inner, values)?,
            (None, Node::Scalar(value)) if is_part && text(value).is_none() => {}
            (None, _) if is_part => return Err((line(key.span()), format!("{path}: a mapping is asked for"))),
            (None, _) => return Err((line(key.span()), unknown(&path))),
        }
    }
    Ok(())
}

/// `None` if there is no value, be it that it is `null`.
fn text(value: &MarkedScalarNode) -> Option<String> {
    let text = value.as_str();
    let is_null = value.may_coerce() && matches!(text, "null" | "~");
    (!text.is_empty() && !is_null).then(|| text.to_owned())
}

fn unknown(path: &str) -> String {
    let nearest = KEYS
        .into_iter()
        // A mapping with a slip in its name is as far as its part of the key is.
        .map(|known| {
            let part: Vec<_> = known.split('.').take(path.split('.').count()).collect();
            let part = part.join(".");
            (strsim::damerau_levenshtein(&part, path), part)
        })
        .min();
    match nearest {
        Some((distance, known)) if distance <= SLIP => {
            format!("{path}: there is no such key; did you mean {known}?")
        }
        _ => format!("{path}: there is no such key; there are {}", KEYS.join(", ")),
    }
}

fn not_yaml(error: LoadError) -> Wrong {
    match &error {
        LoadError::DuplicateKey(keys) => (
            line(keys.key.span()),
            format!(
                "{}: it is in line {} already",
                keys.key.as_str(),
                line(keys.prev_key.span())
            ),
        ),
        LoadError::TopLevelMustBeMapping(mark) => (mark.line(), NO_MAPPING.to_owned()),
        LoadError::TopLevelMustBeSequence(mark)
        | LoadError::UnexpectedAnchor(mark)
        | LoadError::MappingKeyMustBeScalar(mark)
        | LoadError::UnexpectedTag(mark)
        | LoadError::ScanError(mark, _) => {
            let text = error.to_string();
            // It begins with the place.
            let message = text.split_once(": ").map_or(text.as_str(), |(_, message)| message);
            (mark.line(), format!("not YAML: {message}"))
        }
    }
}

fn line(span: &Span) -> usize {
    span.start().map_or(1, Marker::line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> String {
        let (line, message) = ConfigFile::parse(text).unwrap_err();
        format!("{line}: {message}")
    }

    #[test]
    fn keys_are_mappings_or_dotted_or_both() {
        let expected = ConfigFile {
            namespace: Some("shop".to_owned()),
            api_host: Some("https://10.0.0.1:6443".to_owned()),
            token_path: Some("/token".into()),
            cluster_domain: Some("example.org".to_owned()),
            envoy_port: Some("15006".parse().unwrap()),
        };
        for text in [
            "kubernetes:\n  namespace: shop\n  api:\n    host: https://10.0.0.1:6443\n  token:\n    path: /token\n\
             \x20 cluster: {domain: example.org}\nenvoy:\n  port: 15006\n",
            "---\nkubernetes.namespace: shop\nkubernetes.api.host: https://10.0.0.1:6443\n\
             kubernetes.token.path: /token\nkubernetes.cluster.domain: example.org\nenvoy.port: \"15006\"\n",
            "kubernetes: {namespace: shop, api.host: 'https://10.0.0.1:6443'}\nkubernetes.token: {path: /token}\n\
             kubernetes.cluster: {domain: example.org}\nenvoy: {port: 15006}\n",
        ] {
            assert_eq!(ConfigFile::parse(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn a_file_without_an_end_is_not_read_to_it() {
        let error = ConfigFile::read(Path::new("/dev/zero")).unwrap_err().to_string();
        assert!(
            error.starts_with("/dev/zero: cannot be read: it is longer than"),
            "{error}"
        );
    }

    #[test]
    fn what_has_no_value_is_not_there() {
        for text in [
            "",
            "---\n",
            "# nothing\n",
            "kubernetes:\n",
            "kubernetes:\n  namespace:\n  api: null\n",
            "envoy.port: ''\n",
        ] {
            assert_eq!(ConfigFile::parse(text).unwrap(), ConfigFile::default(), "{text:?}");
        }
    }

    #[test]
    fn what_does_not_hold_is_named_with_its_line() {
        for (text, message) in [
            (
                "\nkubernetes:\n  namepace: x\n",
                "3: kubernetes.namepace: there is no such key; did you mean kubernetes.namespace?",
            ),
            (
                "kuberntes:\n  namespace: x\n",
                "1: kuberntes: there is no such key; did you mean kubernetes?",
            ),
            (
                "envoy.prot: 1\n",
                "1: envoy.prot: there is no such key; did you mean envoy.port?",
            ),
            (
                "listen: 1\n",
                "1: listen: there is no such key; there are kubernetes.namespace, ",
            ),
            (
                "envoy:\n  port: 70000\n",
                "2: envoy.port: a number of 1 to 65535 is asked for",
            ),
            ("envoy:\n  port: [1]\n", "2: envoy.port: one value is asked for"),
            ("kubernetes: shop\n", "1: kubernetes: a mapping is asked for"),
            (
                "envoy.port: 1\nenvoy:\n  port: 2\n",
                "3: envoy.port: it is in line 1 already",
            ),
            ("envoy:\n  port: 1\n  port: 2\n", "3: port: it is in line 2 already"),
            ("- a\n", "1: `key: value` is asked for"),
            (
                "envoy.port: 1\n---\nenvoy.port: 2\n",
                "2: a second document begins here",
            ),
            ("envoy: {port: 1\n", "not YAML: "),
        ] {
            let found = wrong(text);
            assert!(found.contains(message), "{text:?}: {found}");
        }
    }
}
