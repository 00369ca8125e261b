//! Which cases a runtime cannot run, and why.

use std::fmt;

use indexmap::IndexMap;
use meshkat_model::{
    capability::{Capabilities, Capability},
    case::Case,
};

/// A case that does not run.
#[derive(Debug, Clone)]
pub struct Skipped {
    /// The case.
    pub case: Case,
    /// Why not.
    pub reason: Reason,
}

/// What a case needs and why the runtime cannot do it. Reads as a sentence without its subject: `needs to …`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    need: Capability,
    /// The first step that needs it, as `file:line`.
    place: String,
    why: String,
}

impl Reason {
    /// The same without its place: what many cases of many scenarios have in common.
    pub fn cause(&self) -> String {
        format!("needs to {}, which this runtime cannot: {}", self.need, self.why)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { need, place, why } = self;
        write!(f, "needs to {need} ({place}), which this runtime cannot: {why}")
    }
}

/// Why a runtime of these capabilities cannot run a case: the first thing that its mesh or, behind that, its file needs. None where it can.
pub fn why_not(case: &Case, capabilities: &Capabilities) -> Option<Reason> {
    let of_mesh = case.mesh.needs().into_iter();
    let of_mesh = of_mesh.map(|(need, place)| (need, place.to_owned()));
    let of_steps = case.needs().into_iter();
    let of_steps = of_steps.map(|(need, line)| (need, format!("{}:{line}", case.source.name())));
    of_mesh.chain(of_steps).find_map(|(need, place)| {
        let why = capabilities.reason(need)?.to_owned();
        Some(Reason { need, place, why })
    })
}

/// How many cases are skipped for each cause, in the order in which the causes come.
pub fn by_cause(skipped: &[Skipped]) -> IndexMap<String, usize> {
    let mut causes = IndexMap::new();
    for skipped in skipped {
        *causes.entry(skipped.reason.cause()).or_default() += 1;
    }
    causes
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use meshkat_model::{
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
            application: Some(Service::Pet.into()),
            envoy: Some("pet.yaml".into()),
            overlays: Vec::new(),
            replicas: Some(2),
            started: true,
            registered: true,
        };
        let meshes = Pets(MeshSpec {
            name: "pets".to_owned(),
            groups: [("pet".to_owned(), pet)].into(),
            envoy: None,
            certificates: None,
            alone: None,
            fixed: [].into(),
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
        assert_eq!(
            why_not(&case, &no_cuts).map(|reason| reason.to_string()).as_deref(),
            Some(told)
        );
        let nothing = no_cuts
            .without(Capability::ShapeNetwork, "it has no queues")
            .without(Capability::Kill, "it is kind");
        let told = "needs to kill a container (scenarios/failover/cut.yaml:4), which this runtime cannot: it is kind";
        let reason = why_not(&case, &nothing).unwrap();
        assert_eq!(reason.to_string(), told);
        assert_eq!(
            reason.cause(),
            "needs to kill a container, which this runtime cannot: it is kind"
        );
    }

    #[test]
    fn one_cause_of_many_cases_is_told_once_wherever_they_have_it() {
        let none = Capabilities::all()
            .without(Capability::Kill, "it is kind")
            .without(Capability::Pause, "it is fast");
        let skipped = |steps: &str| {
            let case = case(steps);
            let reason = why_not(&case, &none).unwrap();
            Skipped { case, reason }
        };
        let all = [
            skipped("  - pause: pet-1\n"),
            skipped("  - kill: pet-1\n"),
            skipped("  - heal: pet-1\n  - pause: pet-1\n"),
        ];
        let causes: Vec<(String, usize)> = by_cause(&all).into_iter().collect();
        let cause = |what: &str, why: &str| format!("needs to {what} a container, which this runtime cannot: {why}");
        assert_eq!(
            causes,
            [(cause("pause", "it is fast"), 2), (cause("kill", "it is kind"), 1)]
        );
    }
}
