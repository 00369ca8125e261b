//! Mesh files, and how a scenario departs from one.

mod certificates;
mod configs;
mod program;
mod ready;

use std::{fmt, path::Path};

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{
    Deserialize,
    de::{self, Deserializer, MapAccess, Visitor, value::MapAccessDeserializer},
};

pub use certificates::CertificatesKeys;
use configs::{check_config, configs_named};
pub use program::ProgramKeys;
pub use ready::ReadyKeys;

use crate::{
    limits::{GROUPS, grouped},
    mesh::{Application, GroupSpec, MeshSpec, Meshes, Service},
    scenario::value::OneOrMany,
    source::{Diagnostic, Source},
    suggest::did_you_mean,
    yaml::{self, At, Node},
};

/// A hundred pods are two hundred processes; more is a slip of the pen.
const MAXIMUM_REPLICAS: u32 = 100;

const SMALLEST: &str = "the smallest mesh is `pods: {ingress: {envoy: ingress.yaml}}`";

/// A mesh file: `scenarios/meshes/NAME.yaml`.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct MeshFile {
    /// What the mesh is, in a sentence.
    pub about: Option<String>,
    /// `never`: each case has such a mesh of its own.
    pub share: Option<Share>,
    /// Certificates that are made for each run.
    pub certificates: Option<At<CertificatesKeys>>,
    /// The groups of pods.
    pub pods: IndexMap<At<String>, GroupFile>,
}

/// Who may share a mesh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Share {
    /// Nobody.
    Never,
}

/// A group of pods in a mesh file.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct GroupFile {
    /// The application: a service of meshkat.
    pub service: Option<Service>,
    /// The application: a program of one's own.
    #[serde(rename = "$program")]
    #[schemars(flatten)]
    pub program: ProgramKeys,
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
    /// Changes of the Envoys' configurations: files of `envoy-configs/overlays/`, without their ending, in the order in which
    /// they are put over one another. Each changes the Envoys that have what it needs.
    #[serde(default)]
    pub overlays: OneOrMany<At<String>>,
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
    /// Every change that speaks of a group or an overlay that is not there, or cannot be made; `source` is the scenario.
    pub fn apply(&self, mesh: &MeshSpec, source: &Source, files: &dyn Meshes) -> Result<MeshSpec, Vec<Diagnostic>> {
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
                let message = format!("`{}` is not in the registry anyway", name.value);
                let never = (!group.registered).then(|| {
                    Diagnostic::new(source, name.place, message, "never registered")
                        .help("pods with a service are, but for `sds`; remove this one")
                });
                group.registered = false;
                never
            });
        }
        for name in change.overlays.iter() {
            match files.overlay(name) {
                Ok(file) => {
                    let envoys = mesh.groups.values_mut().filter(|group| group.envoy.is_some());
                    envoys.for_each(|group| group.overlays.push(file.to_owned()));
                }
                Err(known) => wrong.push(unknown_overlay(source, name, &known)),
            }
        }
        if wrong.is_empty() { Ok(mesh) } else { Err(wrong) }
    }
}

fn unknown_overlay(source: &Source, name: &At<String>, known: &[String]) -> Diagnostic {
    let message = format!("there is no overlay `{}`", name.value);
    let help = match known {
        [] => "an overlay is a file of `envoy-configs/overlays/`, and there are none".to_owned(),
        known => did_you_mean(name, known.iter().map(String::as_str)),
    };
    Diagnostic::new(source, name.place, message, "unknown overlay").help(help)
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
/// Everything in the file that is invalid, in the order of the file.
pub fn read_mesh(name: &str, source: &Source, configs: &Path) -> Result<MeshSpec, Vec<Diagnostic>> {
    match read_mesh_partly(name, source, configs) {
        (Some(mesh), wrong) if wrong.is_empty() => Ok(mesh),
        (_, wrong) => Err(wrong),
    }
}

/// As [`read_mesh`], but gives also of an invalid file the groups that it names, as far as it can be read: a mesh to check scenarios
/// by, and none to start.
pub fn read_mesh_partly(name: &str, source: &Source, configs: &Path) -> (Option<MeshSpec>, Vec<Diagnostic>) {
    match mesh_of(name, source, configs) {
        Ok((mesh, wrong)) => (Some(mesh), wrong),
        Err(wrong) => (None, wrong),
    }
}

fn mesh_of(name: &str, source: &Source, configs: &Path) -> Result<(MeshSpec, Vec<Diagnostic>), Vec<Diagnostic>> {
    let node = yaml::parse_or_tell(source, SMALLEST, |rest| yaml::misfits::<MeshFile>(source, rest))?;
    no_axes(source, &node)?;
    let file: MeshFile = yaml::from_node(&node).map_err(|errors| {
        let mut wrong = yaml::diagnose(source, errors);
        // What cannot be read hides nothing that can be told of the files all the same.
        wrong.extend(configs_named(&node).filter_map(|file| check_config(source, &file, configs)));
        wrong.sort_by_key(|diagnostic| diagnostic.place.offset);
        wrong
    })?;
    let mut wrong = Vec::new();
    let keys = file.certificates.as_ref();
    let certificates = keys.map(|keys| keys.value.read(source, keys.place, &mut wrong));
    let mut groups = IndexMap::new();
    let mut alone = file
        .share
        .map(|Share::Never| format!("{} says `share: never`", source.name()));
    for (group, spec) in file.pods {
        wrong.extend(check_group(source, &group, &spec));
        if let Some(count) = &spec.replicas {
            wrong.extend(check_replicas(source, &group, count, true));
        }
        if let Some(file) = &spec.envoy {
            wrong.extend(check_config(source, file, configs));
        }
        let program = spec
            .program
            .read(source, &group, configs, certificates.is_some(), &mut wrong);
        if program.as_ref().is_some_and(|program| program.is_control_plane) {
            alone.get_or_insert_with(|| {
                format!(
                    "nobody can tell what `{}`, a control plane of one's own, has told its Envoys",
                    group.value
                )
            });
        }
        let envoy = spec.envoy.map(|file| configs.join(&file.value));
        let own = program.map(|program| Application::Program(Box::new(program)));
        let application = spec.service.map(Application::Service).or(own);
        let registered = application.as_ref().is_some_and(|of| !of.is_control_plane());
        let replicas = spec.replicas.map(|count| count.value);
        let spec = GroupSpec {
            application,
            envoy,
            overlays: Vec::new(),
            replicas,
            started: true,
            registered,
        };
        groups.insert(group.value, spec);
    }
    if groups.len() > GROUPS {
        let place = node.key("pods").map_or(node.place, |key| key.place);
        let message = format!("a mesh of {} groups; at most {GROUPS}", grouped(groups.len() as u64));
        wrong.push(
            Diagnostic::new(source, place, message, "too many groups")
                .help("give groups `replicas`, or make several meshes of it"),
        );
    }
    if groups.is_empty() {
        let place = node.key("pods").map_or(node.place, |key| key.place);
        wrong.push(
            Diagnostic::new(source, place, "a mesh without pods", "there is nothing below `pods`")
                .help("add a group, such as `ingress: {envoy: ingress.yaml}`"),
        );
    }
    let name = name.to_owned();
    let envoy = None;
    let spec = MeshSpec {
        name,
        groups,
        envoy,
        certificates,
        alone,
        fixed: [].into(),
    };
    Ok((spec, wrong))
}

/// A mesh file is the same for every case; what varies is said by the scenario.
fn no_axes(source: &Source, node: &Node) -> Result<(), Vec<Diagnostic>> {
    let mut wrong = Vec::new();
    let of_programs = program::texts_with_variables(node);
    node.visit(&mut |text, place| {
        if text.contains("${") && !of_programs.contains(&place.offset) {
            wrong.push(
                Diagnostic::new(source, place, "a mesh file has no axes", "nothing is put in here").help(
                    "let the scenario depart from the file, as in `mesh: {use: NAME, replicas: {pet: \"${pets}\"}}`",
                ),
            );
        }
    });
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
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
    let tell =
        |message: String, label: &str, help: &str| Some(Diagnostic::new(source, name.place, message, label).help(help));
    if !good_name || name.len() > 40 {
        return tell(
            format!("`{}` is not a name for a group of pods", name.value),
            "not a group's name",
            "lower-case letters, digits and hyphens, beginning with a letter, up to 40 characters",
        );
    }
    if ends_in_number {
        return tell(
            format!("the name `{}` ends in a number, as the names of pods do", name.value),
            "not a group's name",
            "name the group by a word, and say with `replicas` how many pods it has",
        );
    }
    match (group.service, &group.envoy) {
        (None, None) if !group.program.is_some() => tell(
            format!("the pods of `{}` hold nothing", name.value),
            "an empty pod",
            "give it a `service` or a `command`, an `envoy`, or both",
        ),
        (Some(service), _) if group.program.is_some() => tell(
            format!("the pods of `{}` have two applications", name.value),
            "one is enough",
            &format!("remove `service: {}`, or the `command` and `image`", service.name()),
        ),
        (_, Some(_)) if group.program.is_control_plane() => tell(
            "a control plane is a program without an Envoy".to_owned(),
            "this one has one",
            "remove `envoy`, or `control-plane`",
        ),
        (Some(Service::Sds), _) if name.value != "sds" || group.envoy.is_some() || group.replicas.is_some() => tell(
            "the discovery service is one pod, named `sds`, without an Envoy".to_owned(),
            "this one is not",
            "write `sds: {service: sds}`",
        ),
        (service, _) if name.value == "sds" && service != Some(Service::Sds) && !group.program.is_control_plane() => {
            tell(
                "the name `sds` is the discovery service's".to_owned(),
                "another kind of pod",
                "give the group another name, or write `sds: {service: sds}`; a control plane of your own says `control-plane: true`",
            )
        }
        _ => None,
    }
}
