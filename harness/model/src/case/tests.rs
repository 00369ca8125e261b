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
        application: Some(Service::into(service)),
        envoy: (service != Service::Sds).then(|| "envoy.yaml".into()),
        overlays: Vec::new(),
        replicas: (service != Service::Sds).then_some(2),
        started: true,
        registered,
    };
    let meshes = Pets(MeshSpec {
        name: "pets".to_owned(),
        envoy: None,
        certificates: None,
        alone: None,
        fixed: [].into(),
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
    let impact = |steps: &str| case_of(true, steps).impact();
    let looks = "  - {get: /pets, at: pet-1, status: 200}\n  - {envoy: pet-1, ready: LIVE}\n  - {admin: pet-1, path: '/stats?usedonly', contains: pet}\n";
    assert_eq!(impact(looks), Impact::None);
    for step in [
        "{kill: pet-1}",
        "{pause: pet-1/envoy}",
        "{scale: {pet: 3}}",
        "{register: {pet: []}}",
        "{fault: pet-1, status: 500}",
        "{discovery: hung}",
    ] {
        assert_eq!(impact(&format!("{looks}  - {step}\n")), Impact::Repairable, "{step}");
    }
    for step in [
        "{put: /faults, direct: pet-1, status: 200}",
        "{network: refusing, of: pet-1}",
        "{admin: pet-1, method: POST, path: /logging}",
        "{admin: pet-1, path: /unheard-of, status: 404}",
        "{register: {pet: {pet-1: 9, pet-2: 1}}}",
    ] {
        assert_eq!(
            impact(&format!("  - {{kill: pet-1}}\n{looks}  - {step}\n")),
            Impact::Lasting,
            "{step}"
        );
    }
}

#[test]
fn what_was_never_there_is_not_to_be_had_again() {
    let looks = "  - {envoy: pet-1, ready: LIVE}\n";
    assert_eq!(case_of(false, looks).impact(), Impact::None);
    let register = format!("{looks}  - {{register: {{pet: [pet-1]}}}}\n");
    assert_eq!(case_of(false, &register).impact(), Impact::Lasting);
    assert_eq!(case_of(true, &register).impact(), Impact::Repairable);
}

#[test]
fn a_counter_is_of_the_past_unless_it_is_counted_from_here() {
    let asks = |steps: &str| case_of(true, steps).asks_for_the_past();
    let keep = "  - {envoy: pet-1, keep: before}\n";
    for past in [
        "  - {envoy: pet-1, stats: {cluster.pet.upstream_rq_total: 3}}\n",
        "  - {envoy: pet-1, that: \"stats['cluster.pet.upstream_rq_total'] == 3\"}\n",
        "  - {envoy: pet-1, that: \"stats.size() > 3\"}\n",
        "  - {admin: pet-1, path: '/stats/prometheus', contains: pet}\n",
        "  - {envoy: pet-1, keep: now}\n  - {check: \"now.stats['cluster.pet.upstream_rq_total'] == 3\"}\n",
        // What services and an admin interface have kept is of others, too.
        "  - {get: /received, direct: pet-1, status: 200}\n",
        "  - {get: '/received?limit=1', to: 'pet-1:8080', status: 200}\n",
        "  - {get: /clusters, to: 'pet-1:8081', status: 200}\n",
    ] {
        assert!(asks(past), "{past}");
    }
    for now in [
        "  - {admin: pet-1, path: '/runtime?', contains: pet}\n".to_owned(),
        format!("{keep}  - {{envoy: pet-1, since: before, stats: {{cluster.pet.upstream_rq_total: 3}}}}\n"),
        "  - {envoy: pet-1, stats: {cluster.pet.membership_total: 3, server.live: 1}}\n".to_owned(),
        "  - {envoy: pet-1, that: \"stats['control_plane.connected_state'] == 1\"}\n".to_owned(),
        "  - {get: /pets, at: pet-1, that: \"text == 'stats.of.pets'\"}\n".to_owned(),
        // Through an Envoy it is any path.
        "  - {get: /received, at: pet-1, status: 200}\n".to_owned(),
        "  - {get: /instance, direct: pet-1, status: 200}\n".to_owned(),
    ] {
        assert!(!asks(&now), "{now}");
    }
}

#[test]
fn what_depends_on_a_quick_machine_is_told_unless_it_says_why() {
    let races = |step: &str| {
        let load = "  - {load: a, get: /pets, at: pet-1, rate: 9/s}\n";
        let rest = "  - {expect: a, errors: 0}\n";
        let races = case_of(true, &format!("{load}  - {step}\n{rest}")).races();
        races.into_iter().map(|race| race.timer.tell().0).collect::<Vec<_>>()
    };
    for (step, said) in [
        (
            "{expect: a, for: 1s, p99: < 49ms}",
            "`p99: < 49ms` asks for less than 50ms",
        ),
        (
            "{expect: a, for: 1s, that: 'p50_ms < 20.0'}",
            "`p50_ms < 20.0` asks for less",
        ),
        (
            "{expect: a, for: 1s, that: 'max_ms < 20.0 && errors == 0'}",
            "asks for less",
        ),
        ("{get: /pets, at: pet-1, that: 'duration_ms < 20.0'}", "asks for less"),
        (
            "{get: /pets, at: pet-1, timeout: 200ms, status: 200}",
            "an answer has 200ms here",
        ),
        (
            "{envoy: pet, ready: PRE_INITIALIZING}",
            "`PRE_INITIALIZING` of pet ends by itself",
        ),
        (
            "{envoy: [pet-1, pet-2], within: 3s, ready: INITIALIZING}",
            "`INITIALIZING` of pet-1, pet-2 ends",
        ),
    ] {
        let told = races(step);
        assert!(told.len() == 1 && told[0].contains(said), "{step}: {told:?}");
        let reasoned = step.replacen('}', ", because: it must be}", 1);
        assert_eq!(races(&reasoned), [""; 0], "{reasoned}");
    }
    for step in [
        "{expect: a, for: 1s, p99: < 51ms}",
        "{expect: a, for: 1s, p50: '> 20ms'}",
        "{expect: a, for: 1s, that: 'p50_ms < 100.0 || p50_ms < 20.0'}",
        "{get: /pets, at: pet-1, timeout: 100ms, error: timeout}",
        "{get: /pets, at: pet-1, timeout: 250ms, status: 200}",
        "{envoy: pet, ready: LIVE}",
    ] {
        assert_eq!(races(step), [""; 0], "{step}");
    }
    let long = case_of(
        true,
        "  - {load: a, get: /pets, at: pet-1, rate: 9/s, timeout: 1ms}\n  - {expect: a, errors: 0}\n",
    );
    assert_eq!(long.races().len(), 1);
}
