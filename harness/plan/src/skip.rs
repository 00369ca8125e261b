//! Which cases a runtime cannot run, and why.

use indexmap::IndexMap;
use meshkat_model::{capability::Capabilities, case::Case};

/// A case that does not run.
#[derive(Debug, Clone)]
pub struct Skipped {
    /// The case.
    pub case: Case,
    /// What it needs and why the runtime cannot, as a sentence without its subject: `needs to …`.
    pub reason: String,
}

/// Why a runtime of these capabilities cannot run a case: the first thing in its file that is missing. None where it can.
pub fn why_not(case: &Case, capabilities: &Capabilities) -> Option<String> {
    case.needs().into_iter().find_map(|(need, line)| {
        let why = capabilities.reason(need)?;
        let file = case.source.name();
        Some(format!(
            "needs to {need} ({file}:{line}), which this runtime cannot: {why}"
        ))
    })
}

/// How many cases are skipped for each reason, in the order in which the reasons come.
pub fn by_reason(skipped: &[Skipped]) -> IndexMap<&str, usize> {
    let mut reasons = IndexMap::new();
    for skipped in skipped {
        *reasons.entry(skipped.reason.as_str()).or_default() += 1;
    }
    reasons
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use meshkat_model::{
        capability::Capability,
        mesh::{GroupSpec, MeshSpec, Service},
        scenario::{Meshes, Scenario, SharedAxes},
        source::Source,
    };

    use super::*;

    struct Pets(MeshSpec);

    impl Meshes for Pets {
        fn mesh(&self, _: &str) -> Result<&MeshSpec, Vec<String>> {
            Ok(&self.0)
        }

        fn overlay(&self, _: &str) -> Result<&Path, Vec<String>> {
            Err(Vec::new())
        }
    }

    fn case(steps: &str) -> Case {
        let pet = GroupSpec {
            service: Some(Service::Pet),
            envoy: Some("pet.yaml".into()),
            overlays: Vec::new(),
            replicas: Some(2),
            started: true,
            registered: true,
        };
        let meshes = Pets(MeshSpec {
            name: "pets".to_owned(),
            groups: [("pet".to_owned(), pet)].into(),
        });
        let text = format!("promise: p\nmesh: pets\nsteps:\n{steps}  - {{get: /pets, at: pet-1, status: 200}}\n");
        let source = Source::new("scenarios/failover/cut.yaml", text);
        let scenario = Scenario::read("failover/cut", source, &SharedAxes::default()).unwrap();
        scenario.case(IndexMap::new(), &meshes).unwrap()
    }

    #[test]
    fn the_first_thing_in_the_file_that_is_missing_is_told_with_its_line() {
        let case =
            case("  - kill: pet-1\n  - {network: slow, of: pet-2, delay: 1s}\n  - {network: refusing, of: pet-2}\n");
        assert_eq!(why_not(&case, &Capabilities::all()), None);
        let unneeded = Capabilities::all().without(Capability::Scale, "it is small");
        assert_eq!(why_not(&case, &unneeded), None);
        let no_cuts = unneeded.without(Capability::CutNetwork, "nobody is root");
        let told = "needs to cut the network between pods (scenarios/failover/cut.yaml:6), which this runtime cannot: nobody is root";
        assert_eq!(why_not(&case, &no_cuts).as_deref(), Some(told));
        let nothing = no_cuts
            .without(Capability::ShapeNetwork, "it has no queues")
            .without(Capability::Kill, "it is kind");
        let told = "needs to kill a container (scenarios/failover/cut.yaml:4), which this runtime cannot: it is kind";
        assert_eq!(why_not(&case, &nothing).as_deref(), Some(told));
    }

    #[test]
    fn one_reason_of_many_cases_is_told_once() {
        let skipped = |reason: &str| Skipped {
            case: case(""),
            reason: reason.to_owned(),
        };
        let all = [skipped("b"), skipped("a"), skipped("b")];
        assert_eq!(by_reason(&all), IndexMap::from([("b", 2), ("a", 1)]));
    }
}
