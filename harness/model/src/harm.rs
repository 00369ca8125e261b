//! What a case leaves of its mesh for the cases after it, and what it asks of those before it.

use crate::{
    case::Case,
    expression::Expression,
    mesh::{MeshSpec, Service},
    scenario::step::{EnvoyStep, Hosts, RegisterStep, Step},
};

/// What a case leaves of its mesh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Harm {
    /// It only looks: whoever comes next finds the mesh as it was.
    None,
    /// It changes what can be changed back, and what of it is changed back can be asked of the mesh.
    Repairable,
    /// Nobody can tell what is left: requests that may change anything, a network that was cut (connections that are dead and
    /// do not know it), weights (an Envoy applies their changes up to its `update_merge_window` later), or a mesh of which a part was never there, which Envoys do not forget once they have seen it.
    Lasting,
}

/// Ends of names of gauges: what is, and not what has happened. From Envoy's documentation of its statistics (cluster
/// manager, control plane, server); every other statistic is taken for a counter.
const GAUGES: [&str; 8] = [
    ".membership_total",
    ".membership_healthy",
    ".membership_degraded",
    ".membership_excluded",
    "control_plane.connected_state",
    "server.live",
    "server.state",
    "_active",
];

impl Case {
    /// What the case leaves of its mesh, when it passes. Methods that RFC 9110 does not call safe count as lasting: a PUT may
    /// be one to anything.
    pub fn harm(&self) -> Harm {
        let worst = self.steps.iter().map(|step| harm_of(step)).max().unwrap_or(Harm::None);
        match worst {
            Harm::Repairable if !self.mesh.is_whole() => Harm::Lasting,
            worst => worst,
        }
    }

    /// Whether a verdict depends on what the mesh has done before: a counter is asked for its value since the Envoy began, and
    /// not since the case did.
    pub fn asks_for_the_past(&self) -> bool {
        let views: Vec<&str> = self
            .steps
            .iter()
            .filter_map(|step| match &step.value {
                Step::Envoy(envoy) => envoy.keep.as_ref().map(|name| name.value.as_str()),
                _ => None,
            })
            .collect();
        self.steps.iter().any(|step| match &step.value {
            Step::Envoy(envoy) => asks_envoy(envoy, &views),
            Step::Expect(expect) => expect.that.iter().any(|text| asks(text, &views)),
            Step::Check(check) => check.check.iter().any(|text| asks(text, &views)),
            Step::Get(request)
            | Step::Head(request)
            | Step::Post(request)
            | Step::Put(request)
            | Step::Patch(request)
            | Step::Delete(request) => request.that.iter().any(|text| asks(text, &views)),
            _ => false,
        })
    }
}

impl MeshSpec {
    /// Whether all of it is there from the start: every pod runs, and every service is registered, where there is a registry.
    pub fn is_whole(&self) -> bool {
        let has_registry = self.groups.values().any(|group| group.service == Some(Service::Sds));
        self.groups.values().all(|group| {
            let is_service = group.service.is_some_and(|service| service != Service::Sds);
            group.started && (group.registered || !is_service || !has_registry)
        })
    }
}

fn harm_of(step: &Step) -> Harm {
    match step {
        Step::Get(_) | Step::Head(_) | Step::Envoy(_) | Step::Check(_) => Harm::None,
        Step::Register(register) if has_weights(register) => Harm::Lasting,
        Step::Load(_)
        | Step::Expect(_)
        | Step::StopLoad(_)
        | Step::Fault(_)
        | Step::Heal(_)
        | Step::Scale(_)
        | Step::Register(_)
        | Step::Unregister(_)
        | Step::Discovery(_)
        | Step::Start(_)
        | Step::Stop(_)
        | Step::Kill(_)
        | Step::Pause(_)
        | Step::Resume(_) => Harm::Repairable,
        Step::Network(_) | Step::Post(_) | Step::Put(_) | Step::Patch(_) | Step::Delete(_) => Harm::Lasting,
    }
}

fn has_weights(register: &RegisterStep) -> bool {
    let mut hosts = register.register.values();
    hosts.any(|hosts| matches!(hosts, Hosts::Weighted(_)))
}

fn asks_envoy(envoy: &EnvoyStep, views: &[&str]) -> bool {
    let absolute =
        envoy.since.is_none() && (envoy.share.is_some() || envoy.stats.keys().any(|name| !is_gauge(&name.value)));
    absolute || envoy.that.iter().any(|text| asks(text, views))
}

/// Whether an expression asks for counters, as far as can be told without holding it.
fn asks(text: &str, views: &[&str]) -> bool {
    // What does not compile was told when the file was read.
    let Ok(expression) = Expression::compile(text) else {
        return true;
    };
    let refers = expression.refers();
    if refers.variables.iter().any(|name| views.contains(&name.as_str())) {
        return true;
    }
    let mut names = refers.texts.iter().filter(|text| text.contains('.')).peekable();
    refers.variables.iter().any(|name| name == "stats") && (names.peek().is_none() || names.any(|name| !is_gauge(name)))
}

/// Whether a statistic is known to be a gauge, which may fall.
pub(crate) fn is_gauge(name: &str) -> bool {
    GAUGES.iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use indexmap::IndexMap;

    use super::*;
    use crate::{
        mesh::{GroupSpec, Service},
        scenario::{Meshes, Scenario, SharedAxes},
        source::Source,
    };

    struct Pets(MeshSpec);

    impl Meshes for Pets {
        fn mesh(&self, _: &str) -> Result<&MeshSpec, Vec<String>> {
            Ok(&self.0)
        }

        fn overlay(&self, _: &str) -> Result<&Path, Vec<String>> {
            Err(Vec::new())
        }
    }

    fn case_of(registered: bool, steps: &str) -> Case {
        let group = |service, registered| GroupSpec {
            service: Some(service),
            envoy: (service != Service::Sds).then(|| "envoy.yaml".into()),
            overlays: Vec::new(),
            replicas: (service != Service::Sds).then_some(2),
            started: true,
            registered,
        };
        let meshes = Pets(MeshSpec {
            name: "pets".to_owned(),
            envoy: None,
            alone: None,
            groups: [
                ("sds".to_owned(), group(Service::Sds, false)),
                ("pet".to_owned(), group(Service::Pet, registered)),
            ]
            .into(),
        });
        let text = format!("promise: p\nmesh: pets\nsteps:\n{steps}");
        let source = Source::new("scenarios/a/b.yaml", text);
        let scenario = Scenario::read("a/b", source, &SharedAxes::default()).unwrap();
        scenario.case(IndexMap::new(), &meshes).unwrap()
    }

    #[test]
    fn the_worst_step_says_what_is_left() {
        let harm = |steps: &str| case_of(true, steps).harm();
        let looks = "  - {get: /pets, at: pet-1, status: 200}\n  - {envoy: pet-1, ready: LIVE}\n";
        assert_eq!(harm(looks), Harm::None);
        for step in [
            "{kill: pet-1}",
            "{pause: pet-1/envoy}",
            "{scale: {pet: 3}}",
            "{register: {pet: []}}",
            "{fault: pet-1, status: 500}",
            "{discovery: hung}",
        ] {
            assert_eq!(harm(&format!("{looks}  - {step}\n")), Harm::Repairable, "{step}");
        }
        for step in [
            "{put: /faults, straight-to: pet-1, status: 200}",
            "{network: refusing, of: pet-1}",
            "{register: {pet: {pet-1: 9, pet-2: 1}}}",
        ] {
            assert_eq!(
                harm(&format!("  - {{kill: pet-1}}\n{looks}  - {step}\n")),
                Harm::Lasting,
                "{step}"
            );
        }
    }

    #[test]
    fn what_was_never_there_is_not_to_be_had_again() {
        let looks = "  - {envoy: pet-1, ready: LIVE}\n";
        assert_eq!(case_of(false, looks).harm(), Harm::None);
        let register = format!("{looks}  - {{register: {{pet: [pet-1]}}}}\n");
        assert_eq!(case_of(false, &register).harm(), Harm::Lasting);
        assert_eq!(case_of(true, &register).harm(), Harm::Repairable);
    }

    #[test]
    fn a_counter_is_of_the_past_unless_it_is_counted_from_here() {
        let asks = |steps: &str| case_of(true, steps).asks_for_the_past();
        let keep = "  - {envoy: pet-1, keep: before}\n";
        for past in [
            "  - {envoy: pet-1, stats: {cluster.pet.upstream_rq_total: 3}}\n",
            "  - {envoy: pet-1, that: \"stats['cluster.pet.upstream_rq_total'] == 3\"}\n",
            "  - {envoy: pet-1, that: \"stats.size() > 3\"}\n",
            "  - {envoy: pet-1, keep: now}\n  - {check: \"now.stats['cluster.pet.upstream_rq_total'] == 3\"}\n",
        ] {
            assert!(asks(past), "{past}");
        }
        for now in [
            format!("{keep}  - {{envoy: pet-1, since: before, stats: {{cluster.pet.upstream_rq_total: 3}}}}\n"),
            "  - {envoy: pet-1, stats: {cluster.pet.membership_total: 3, server.live: 1}}\n".to_owned(),
            "  - {envoy: pet-1, that: \"stats['control_plane.connected_state'] == 1\"}\n".to_owned(),
            "  - {get: /pets, at: pet-1, that: \"text == 'stats.of.pets'\"}\n".to_owned(),
        ] {
            assert!(!asks(&now), "{now}");
        }
    }
}
