//! Mesh files, and how a scenario departs from one.

use std::{fmt, path::Path};

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{
    Deserialize,
    de::{self, Deserializer, MapAccess, Visitor, value::MapAccessDeserializer},
};

use crate::{
    mesh::{GroupSpec, MeshSpec, Service},
    source::{Diagnostic, Source},
    suggest::did_you_mean,
    yaml::{self, At},
};

/// A hundred pods are two hundred processes; more is a slip of the pen.
const MAXIMUM_REPLICAS: u32 = 100;

/// A mesh file: `scenarios/meshes/NAME.yaml`.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct MeshFile {
    /// What the mesh is, in a sentence.
    pub about: Option<String>,
    /// The groups of pods.
    pub pods: IndexMap<At<String>, GroupFile>,
}

/// A group of pods in a mesh file.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct GroupFile {
    /// The application.
    pub service: Option<Service>,
    /// The Envoy's configuration: a file in `envoy-configs/`.
    pub envoy: Option<At<String>>,
    /// How many pods there are. Without it there is one, which cannot be scaled.
    pub replicas: Option<At<u32>>,
}

/// What a scenario says about its mesh: the name, or the name and how it departs from the file.
#[derive(Debug, Clone, PartialEq, JsonSchema)]
#[serde(untagged)]
pub enum MeshUse {
    /// As the file has it.
    Name(String),
    /// With changes.
    Changed(MeshChange),
}

/// How a scenario departs from a mesh file.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct MeshChange {
    /// The mesh's name.
    #[serde(rename = "use")]
    pub use_: String,
    /// Other numbers of pods.
    #[serde(default)]
    pub replicas: IndexMap<At<String>, At<u32>>,
    /// Groups that do not run from the start.
    #[serde(default)]
    pub not_started: Vec<At<String>>,
    /// Groups that are not in the registry from the start.
    #[serde(default)]
    pub not_registered: Vec<At<String>>,
}

impl<'de> Deserialize<'de> for MeshUse {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Use;
        impl<'de> Visitor<'de> for Use {
            type Value = MeshUse;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a mesh, or a mapping with `use`")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Self::Value, E> {
                Ok(MeshUse::Name(name.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                MeshChange::deserialize(MapAccessDeserializer::new(map)).map(MeshUse::Changed)
            }
        }
        deserializer.deserialize_any(Use)
    }
}

impl MeshUse {
    /// The mesh's name.
    pub fn name(&self) -> &str {
        match self {
            Self::Name(name) => name,
            Self::Changed(change) => &change.use_,
        }
    }

    /// The mesh with the changes.
    ///
    /// # Errors
    /// Every change that speaks of a group that is not there, or cannot be made; `source` is the scenario.
    pub fn apply(&self, mesh: &MeshSpec, source: &Source) -> Result<MeshSpec, Vec<Diagnostic>> {
        let mut mesh = mesh.clone();
        let Self::Changed(change) = self else { return Ok(mesh) };
        let mut wrong = Vec::new();
        let known: Vec<String> = mesh.groups.keys().cloned().collect();
        let mut group = |name: &At<String>, change: &mut dyn FnMut(&mut GroupSpec) -> Option<Diagnostic>| match mesh
            .groups
            .get_mut(&name.value)
        {
            Some(group) => wrong.extend(change(group)),
            None => wrong.push(unknown_group(source, name, &change_known(&known))),
        };
        for (name, count) in &change.replicas {
            group(name, &mut |group| {
                let wrong = check_replicas(source, name, count, group.replicas.is_some());
                group.replicas = Some(count.value);
                wrong
            });
        }
        for name in &change.not_started {
            group(name, &mut |group| {
                group.started = false;
                None
            });
        }
        for name in &change.not_registered {
            group(name, &mut |group| {
                group.registered = false;
                None
            });
        }
        if wrong.is_empty() { Ok(mesh) } else { Err(wrong) }
    }
}

fn change_known(known: &[String]) -> Vec<&str> {
    known.iter().map(String::as_str).collect()
}

/// That a group is not there.
pub(crate) fn unknown_group(source: &Source, name: &At<String>, known: &[&str]) -> Diagnostic {
    Diagnostic::new(
        source,
        name.place,
        format!("there is no group of pods `{}` in this mesh", name.value),
        "unknown group",
    )
    .help(did_you_mean(name, known.iter().copied()))
}

/// Whether a group may have `count` pods.
pub(crate) fn check_replicas(
    source: &Source,
    name: &At<String>,
    count: &At<u32>,
    scalable: bool,
) -> Option<Diagnostic> {
    if !scalable {
        let message = format!("`{}` is a single pod and cannot be scaled", name.value);
        return Some(
            Diagnostic::new(source, name.place, message, "has no `replicas` in the mesh file")
                .help("give it `replicas: 1` in the mesh file"),
        );
    }
    (count.value > MAXIMUM_REPLICAS).then(|| {
        Diagnostic::new(
            source,
            count.place,
            format!("{} pods are too many", count.value),
            "too many",
        )
        .help(format!("a group may have up to {MAXIMUM_REPLICAS}"))
    })
}

/// Reads a mesh file. `name` is the mesh's, `configs` is the folder of Envoy configurations.
///
/// # Errors
/// Everything in the file that does not hold.
pub fn read_mesh(name: &str, source: &Source, configs: &Path) -> Result<MeshSpec, Vec<Diagnostic>> {
    let node = yaml::parse(source).map_err(|wrong| vec![wrong])?;
    let file: MeshFile = yaml::from_node(&node).map_err(|error| vec![error.diagnose(source)])?;
    let mut wrong = Vec::new();
    let mut groups = IndexMap::new();
    for (group, spec) in file.pods {
        if let Some(diagnostic) = check_group(source, &group, &spec) {
            wrong.push(diagnostic);
        }
        if let Some(count) = &spec.replicas {
            wrong.extend(check_replicas(source, &group, count, true));
        }
        let envoy = spec.envoy.map(|file| {
            let path = configs.join(&file.value);
            if !path.is_file() {
                let message = format!("there is no Envoy configuration `{}`", file.value);
                let here = list_yaml(configs);
                wrong.push(
                    Diagnostic::new(source, file.place, message, format!("not in {}", configs.display()))
                        .help(did_you_mean(&file.value, here.iter().map(String::as_str))),
                );
            }
            path
        });
        let is_sds = spec.service == Some(Service::Sds);
        let registered = spec.service.is_some() && envoy.is_some() && !is_sds;
        let replicas = spec.replicas.map(|count| count.value);
        groups.insert(
            group.value,
            GroupSpec {
                service: spec.service,
                envoy,
                replicas,
                started: true,
                registered,
            },
        );
    }
    if groups.is_empty() {
        let place = source.place(1, 1, 1);
        wrong.push(
            Diagnostic::new(source, place, "a mesh without pods", "`pods` is empty").help("add a group below `pods`"),
        );
    }
    if wrong.is_empty() {
        Ok(MeshSpec {
            name: name.to_owned(),
            groups,
        })
    } else {
        Err(wrong)
    }
}

fn check_group(source: &Source, name: &At<String>, group: &GroupFile) -> Option<Diagnostic> {
    let good_name = !name.is_empty()
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        && !name.ends_with('-');
    let ends_in_number = name
        .rsplit_once('-')
        .is_some_and(|(_, end)| end.chars().all(|c| c.is_ascii_digit()));
    if !good_name || ends_in_number || name.len() > 40 {
        let message = format!("`{}` is not a name for a group of pods", name.value);
        return Some(Diagnostic::new(source, name.place, message, "not a group's name").help(
            "lower-case letters, digits and hyphens, beginning with a letter, not ending in a number, up to 40 characters",
        ));
    }
    match (group.service, &group.envoy) {
        (None, None) => Some(
            Diagnostic::new(
                source,
                name.place,
                format!("the pods of `{}` hold nothing", name.value),
                "an empty pod",
            )
            .help("give it a `service`, an `envoy`, or both"),
        ),
        (Some(Service::Sds), _) if name.value != "sds" || group.envoy.is_some() || group.replicas.is_some() => Some(
            Diagnostic::new(
                source,
                name.place,
                "the discovery service is one pod, named `sds`, without an Envoy",
                "this one is not",
            )
            .help("write `sds: {service: sds}`"),
        ),
        (service, _) if name.value == "sds" && service != Some(Service::Sds) => Some(
            Diagnostic::new(
                source,
                name.place,
                "the name `sds` is the discovery service's",
                "another kind of pod",
            )
            .help("give the group another name, or write `sds: {service: sds}`"),
        ),
        _ => None,
    }
}

fn list_yaml(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let names = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(|name| name.ends_with(".yaml")).collect()
}
