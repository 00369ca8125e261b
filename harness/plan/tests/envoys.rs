//! The axis `envoy`: that of a file, and the Envoys that are given from outside.

use std::{
    collections::{BTreeSet, HashSet},
    path::Path,
};

use indexmap::IndexMap;
use meshkat_model::{
    capability::Capabilities,
    case::Case,
    mesh::{GroupSpec, MeshSpec, Service},
    scenario::{Meshes, Scenario, SharedAxes},
    source::Source,
};
use meshkat_plan::{Coverage, Expected, Order, Planner, Sharing, expand};
use serde_json::json;

struct One(MeshSpec);

impl One {
    fn new() -> Self {
        let echo = GroupSpec {
            application: Some(Service::Echo.into()),
            envoy: Some("echo.yaml".into()),
            overlays: Vec::new(),
            replicas: None,
            started: true,
            registered: true,
        };
        Self(MeshSpec {
            name: "one".to_owned(),
            groups: IndexMap::from([("echo".to_owned(), echo)]),
            envoy: None,
            certificates: None,
            alone: None,
            fixed: [].into(),
        })
    }
}

impl Meshes for One {
    fn mesh(&self, _: &str) -> Result<&MeshSpec, Vec<String>> {
        Ok(&self.0)
    }

    fn overlay(&self, _: &str) -> Result<&Path, Vec<String>> {
        Err(Vec::new())
    }
}

fn read(head: &str, steps: &str) -> Scenario {
    let shared = Source::new("axes.yaml", "envoys: [1.36, 1.40]\n");
    let shared = SharedAxes::read(&shared).unwrap();
    let text = format!(
        "promise: p\nmesh: one\n{head}steps:\n  - {{get: /hello, at: echo, host: foo.com, status: 200}}\n{steps}"
    );
    Scenario::read("s/one", Source::new("s/one.yaml", text), &shared).unwrap()
}

fn given(scenario: &Scenario, envoys: &[&str]) -> Scenario {
    let envoys: Vec<String> = envoys.iter().map(|envoy| (*envoy).to_owned()).collect();
    scenario.clone().with_envoys(&envoys)
}

fn cases(scenario: &Scenario) -> Vec<Case> {
    expand(scenario, &One::new()).unwrap()
}

/// The ids that a coverage chooses, where everything can run.
fn chosen(scenario: &Scenario, coverage: Coverage, seed: u64) -> HashSet<String> {
    meshkat_plan::chosen(scenario, &cases(scenario), coverage, seed, &Capabilities::all()).unwrap()
}

/// The values of the cases: what is between the brackets of their ids.
fn values(scenario: &Scenario) -> Vec<String> {
    let ids = cases(scenario).into_iter().map(|case| case.id);
    ids.map(|id| {
        let values = id.strip_prefix("s/one").unwrap();
        values.trim_start_matches('[').trim_end_matches(']').to_owned()
    })
    .collect()
}

#[test]
fn versions_are_what_was_written_and_the_mesh_has_them() {
    for head in [
        "axes: {envoy: $envoys}\n",
        "axes: {envoy: [1.36, 1.40]}\n",
        "axes: {envoy: ['1.36', \"1.40\"]}\n",
    ] {
        let scenario = read(head, "");
        assert!(scenario.varies_envoy() && !scenario.has_given_envoys());
        let cases = cases(&scenario);
        let all: Vec<_> = cases
            .iter()
            .map(|case| (case.id.as_str(), case.mesh.envoy.as_deref()))
            .collect();
        assert_eq!(
            all,
            [("s/one[envoy=1.36]", Some("1.36")), ("s/one[envoy=1.40]", Some("1.40"))],
            "{head}"
        );
        assert_eq!(cases[1].params["envoy"], json!("1.40"));
    }
    let without = read("", "");
    assert_eq!((without.varies_envoy(), without.envoys()), (false, Vec::new()));
    assert_eq!(cases(&without)[0].mesh.envoy, None);
}

#[test]
fn an_axis_that_is_given_comes_last_and_one_of_the_file_stays_where_it_is() {
    let two = "  - {get: \"/${how}\", at: echo, host: foo.com, status: 200}\n";
    let without = read("axes: {how: [a, b]}\n", two);
    assert_eq!(
        values(&given(&without, &["1.38", "1.40.0"])),
        [
            "how=a,envoy=1.38",
            "how=a,envoy=1.40.0",
            "how=b,envoy=1.38",
            "how=b,envoy=1.40.0"
        ]
    );
    let with = read("axes: {envoy: $envoys, how: [a]}\n", two);
    assert_eq!(values(&given(&with, &["1.38"])), ["envoy=1.38,how=a"]);
    assert_eq!(
        values(&given(&given(&with, &["1.38"]), &["1.39"])),
        ["envoy=1.39,how=a"],
        "again"
    );
    assert_eq!(
        values(&given(&read("", ""), &["1.38", "1.39"])),
        ["envoy=1.38", "envoy=1.39"]
    );
}

#[test]
fn what_a_file_says_of_other_envoys_does_not_matter() {
    let two = "  - {get: \"/${how}\", at: echo, host: foo.com, status: 200}\n  - {when: params.envoy == '1.36', get: /hello, at: echo, host: foo.com, status: 200}\n";
    let head =
        "axes: {how: [a, b], envoy: $envoys}\nexclude: [{envoy: 1.36, how: b}]\ninclude: [{envoy: 1.40, how: c}]\n";
    let scenario = read(head, two);
    assert_eq!(
        values(&scenario),
        [
            "how=a,envoy=1.36",
            "how=a,envoy=1.40",
            "how=b,envoy=1.40",
            "how=c,envoy=1.40"
        ]
    );
    assert_eq!(
        values(&given(&scenario, &["1.38", "1.40"])),
        [
            "how=a,envoy=1.38",
            "how=a,envoy=1.40",
            "how=b,envoy=1.38",
            "how=b,envoy=1.40",
            "how=c,envoy=1.40"
        ]
    );
    assert_eq!(
        values(&given(&scenario, &["1.36"])),
        ["how=a,envoy=1.36"],
        "there is no case of b, and that is no mistake"
    );
}

#[test]
fn an_envoy_that_a_file_refuses_is_left_out() {
    let scenario = read("axes: {envoy: [1.38, 1.40]}\nconstraints: envoy != '1.36'\n", "");
    assert_eq!(values(&given(&scenario, &["1.36", "1.38"])), ["envoy=1.38"]);
    let nothing = given(&scenario, &["1.36"]);
    assert!(cases(&nothing).is_empty());
    for coverage in [Coverage::Each, Coverage::Pairwise, Coverage::Full] {
        assert!(chosen(&nothing, coverage, 0).is_empty());
    }
    let own = read("axes: {envoy: $envoys}\nconstraints: envoy != '1.36'\n", "");
    assert!(expand(&own, &One::new()).is_err(), "in the file itself it is a mistake");
}

#[test]
fn a_file_without_the_axis_does_not_know_it_whoever_gives_it() {
    let scenario = read(
        "axes: {how: [a, b]}\n",
        "  - {get: \"/${how}\", at: echo, host: foo.com, status: 200, that: params.envoy == '1.38'}\n",
    );
    let wrong = expand(&given(&scenario, &["1.38", "1.40"]), &One::new()).unwrap_err();
    assert!(wrong[0].message.contains("envoy"), "{}", wrong[0].message);
    assert_eq!(wrong.len(), 1);
}

#[test]
fn coverage_chooses_envoys_like_any_other_values() {
    let steps = "  - {get: \"/${a}${b}\", at: echo, host: foo.com, status: 200}\n";
    let scenario = given(
        &read("axes: {a: [1, 2, 3], b: [1, 2, 3]}\n", steps),
        &["1.36", "1.38", "1.40"],
    );
    let all = cases(&scenario);
    let pairs = |ids: &dyn Fn(&str) -> bool| -> BTreeSet<(String, String)> {
        let some = all.iter().filter(|case| ids(&case.id));
        some.map(|case| (case.params["a"].to_string(), case.params["envoy"].to_string()))
            .collect()
    };
    let pairwise = chosen(&scenario, Coverage::Pairwise, 7);
    assert_eq!((all.len(), pairwise.len()), (27, 9));
    assert_eq!(pairs(&|id| pairwise.contains(id)), pairs(&|_| true));
    assert_eq!(chosen(&scenario, Coverage::Each, 7).len(), 3);
}

#[test]
fn cases_with_different_envoys_never_share_a_mesh() {
    let scenario = given(&read("", ""), &["1.36", "1.40"]);
    let mut all = cases(&scenario);
    let more = Scenario::read("s/two", scenario.source, &SharedAxes::default()).unwrap();
    all.extend(cases(&given(&more, &["1.36", "1.40"])));
    all.extend(cases(&more));
    let planner = Planner {
        capabilities: &Capabilities::all(),
        expected: &Expected::guessed("process"),
        sharing: Sharing::Repairs,
        order: Order::Written,
        jobs: 1,
    };
    let plan = planner.plan(all);
    let meshes: Vec<(Option<&str>, usize)> = plan
        .meshes
        .iter()
        .map(|mesh| (mesh.cases[0].mesh.envoy.as_deref(), mesh.cases.len()))
        .collect();
    assert_eq!(meshes, [(Some("1.36"), 2), (Some("1.40"), 2), (None, 1)]);
}
