//! What holds of every grouping: no case lost, none twice, each where it may be; and of every split into shards.

mod support;

use std::collections::BTreeSet;

use meshkat_model::{
    capability::{Capabilities, Capability},
    case::Case,
    results::Status,
    scenario::{Scenario, SharedAxes, verb::Impact},
    source::Source,
    times::Times,
};
use meshkat_plan::{Between, Expected, Order, Plan, PlannedMesh, Planner, Sharing, expand, shards, why_not};
use proptest::prelude::*;
use support::Both;

/// A scenario with so many cases.
#[derive(Debug, Clone)]
struct Written {
    mesh: &'static str,
    /// How many pets, and how many edges if these are numbered.
    replicas: (u32, Option<u32>),
    step: &'static str,
    past: bool,
    cases: usize,
    /// What each of its cases took, if it has run.
    took: Option<u64>,
}

/// What a case does to its mesh: nothing, what can be repaired, and what cannot.
const STEPS: [&str; 4] = [
    "",
    "  - kill: pet-1\n",
    "  - {fault: pet-1, status: 500}\n",
    "  - {put: /x, at: pet-1, status: 200}\n",
];

fn scenarios() -> impl Strategy<Value = Vec<Written>> {
    let one = (
        prop::sample::select(vec!["one", "two"]),
        (1_u32..4, prop::option::of(1_u32..3)),
        prop::sample::select(STEPS.to_vec()),
        prop::bool::weighted(0.2),
        1_usize..5,
        prop::option::of(1_u64..20_000),
    );
    let one = one.prop_map(|(mesh, replicas, step, past, cases, took)| Written {
        mesh,
        replicas,
        step,
        past,
        cases,
        took,
    });
    prop::collection::vec(one, 0..12)
}

fn cases(scenarios: &[Written]) -> Vec<Case> {
    let all = scenarios.iter().enumerate();
    all.flat_map(|(number, written)| {
        let Written { mesh, replicas: (replicas, edges), step, past, cases, .. } = written;
        let past = match past {
            true => "  - {envoy: pet-1, stats: {cluster.pet.upstream_rq_total: 3}}\n",
            false => "",
        };
        let values: Vec<String> = (0..*cases).map(|n| n.to_string()).collect();
        let text = format!(
            "promise: p\nmesh: {{use: {mesh}, replicas: {{pet: {replicas}}}}}\naxes: {{n: [{}]}}\nsteps:\n{step}{past}  \
             - get: \"/?${{n}}\"\n    at: pet-1\n    status: 200\n",
            values.join(", ")
        );
        let id = format!("s/{number}");
        let source = Source::new(format!("{id}.yaml"), text);
        let scenario = Scenario::read(&id, source, &SharedAxes::default()).unwrap();
        let mut cases = expand(&scenario, &Both::new()).unwrap();
        for case in &mut cases {
            case.mesh.groups["ingress"].replicas = *edges;
        }
        cases
    })
    .collect()
}

fn expected(scenarios: &[Written]) -> Expected {
    let mut times = Times::default();
    for case in cases(scenarios) {
        let number: usize = case.scenario["s/".len()..].parse().unwrap();
        if let Some(took) = scenarios[number].took {
            times.of_runtime("process").ended(&case.id, Status::Passed, took);
        }
    }
    Expected::new("process", &times)
}

fn ids<'a>(cases: impl IntoIterator<Item = &'a Case>) -> Vec<String> {
    cases.into_iter().map(|case| case.id.clone()).collect()
}

fn sorted(mut ids: Vec<String>) -> Vec<String> {
    ids.sort();
    ids
}

fn sharing() -> impl Strategy<Value = Sharing> {
    prop::sample::select(vec![Sharing::Nothing, Sharing::Looks, Sharing::Repairs])
}

fn order() -> impl Strategy<Value = Order> {
    prop_oneof![
        Just(Order::Longest),
        Just(Order::Written),
        any::<u64>().prop_map(Order::Random)
    ]
}

/// Whether two cases can have the same mesh, one after the other.
fn are_alike(one: &Case, other: &Case, sharing: Sharing) -> bool {
    let mut mesh = one.mesh.clone();
    if sharing == Sharing::Repairs {
        for (group, replicas) in one.mesh.scaled_to(&other.mesh) {
            let numbered = &mut mesh.groups[&group].replicas;
            *numbered = numbered.map(|_| replicas);
        }
    }
    mesh == other.mesh
}

/// How many pods have to come, if cases run in this order on one mesh.
fn coming(cases: &[Case]) -> u32 {
    let next = |two: &[Case]| -> u32 {
        let before = |group: &str| two[0].mesh.groups[group].replicas.unwrap_or(0);
        let scaled = two[0].mesh.scaled_to(&two[1].mesh).into_iter();
        scaled.map(|(group, now)| now.saturating_sub(before(&group))).sum()
    };
    cases.windows(2).map(next).sum()
}

/// Each size is met once: between those that must be first and last, cases with the same numbers of pods are side by side. Few pods
/// come: fewer than if each size had a mesh of its own, and, where one group differs, none but once.
fn check_sizes(mesh: &PlannedMesh) -> Result<(), TestCaseError> {
    let is_anywhere = |case: &&Case| !case.asks_for_the_past() && case.impact() != Impact::Lasting;
    let middle: Vec<Case> = mesh.cases.iter().filter(is_anywhere).cloned().collect();
    let mut sizes: Vec<&Case> = Vec::new();
    for case in &middle {
        if sizes.last().is_none_or(|last| last.mesh != case.mesh) {
            prop_assert!(sizes.iter().all(|met| met.mesh != case.mesh), "a size is met again");
            sizes.push(case);
        }
    }
    let (first, rest) = match sizes.split_first() {
        Some(split) => split,
        None => return Ok(()),
    };
    let pods = |case: &&Case| -> u32 { case.mesh.pods().len().try_into().unwrap() };
    prop_assert!(rest.iter().all(|case| pods(case) <= pods(first)), "a larger one later");
    prop_assert!(coming(&middle) <= rest.iter().map(pods).sum());
    let edges = |case: &Case| case.mesh.groups["ingress"].replicas;
    if rest.iter().all(|case| edges(case) == edges(first)) {
        prop_assert_eq!(coming(&middle), 0);
    }
    Ok(())
}

/// Each case is where it may be on its mesh.
fn check_mesh(mesh: &PlannedMesh, sharing: Sharing) -> Result<(), TestCaseError> {
    prop_assert!(!mesh.cases.is_empty(), "a mesh that nobody needs");
    prop_assert!(
        mesh.cases.iter().all(|case| are_alike(&mesh.cases[0], case, sharing)),
        "a case on another mesh than its own"
    );
    let last = mesh.cases.len() - 1;
    for (number, case) in mesh.cases.iter().enumerate() {
        prop_assert!(
            number == 0 || !case.asks_for_the_past(),
            "{} finds another's past",
            case.id
        );
        prop_assert!(
            number == last || case.impact() != Impact::Lasting,
            "what {} does lasts",
            case.id
        );
        let after = match mesh.cases.get(number + 1) {
            Some(next) if next.mesh != case.mesh => Between::Scale,
            Some(_) if case.impact() != Impact::None => Between::Repair,
            _ => Between::Nothing,
        };
        prop_assert_eq!(mesh.after(number), after);
        match sharing {
            Sharing::Nothing => prop_assert_eq!(last, 0),
            Sharing::Looks => prop_assert!(
                last == 0 || case.impact() == Impact::None,
                "{} has an impact and shares",
                case.id
            ),
            Sharing::Repairs => {}
        }
    }
    Ok(())
}

/// With one job, the fewest meshes that cases of one mesh can have: each that must be first is first on one, and each whose
/// impact lasts is last on one.
fn fewest(cases: &[&Case], sharing: Sharing) -> usize {
    let alone = |case: &&&Case| match sharing {
        Sharing::Nothing => true,
        Sharing::Looks => case.impact() != Impact::None,
        Sharing::Repairs => case.asks_for_the_past() && case.impact() == Impact::Lasting,
    };
    let shared: Vec<&&Case> = cases.iter().filter(|case| !alone(case)).collect();
    let first = shared.iter().filter(|case| case.asks_for_the_past()).count();
    let last = shared.iter().filter(|case| case.impact() == Impact::Lasting).count();
    cases.len() - shared.len() + first.max(last).max(usize::from(!shared.is_empty()))
}

fn by_mesh(cases: &[Case], sharing: Sharing) -> Vec<Vec<&Case>> {
    let mut groups: Vec<Vec<&Case>> = Vec::new();
    for case in cases {
        match groups.iter_mut().find(|group| are_alike(group[0], case, sharing)) {
            Some(group) => group.push(case),
            None => groups.push(vec![case]),
        }
    }
    groups
}

fn meshes(plan: &Plan) -> Vec<Vec<String>> {
    plan.meshes.iter().map(|mesh| ids(&mesh.cases)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn grouping_loses_no_case_and_puts_each_where_it_may_be(
        scenarios in scenarios(), sharing in sharing(), order in order(), jobs in 1_usize..5,
    ) {
        let (cases, expected, capabilities) = (cases(&scenarios), expected(&scenarios), Capabilities::all());
        let planner = Planner { capabilities: &capabilities, expected: &expected, sharing, order, jobs };
        let plan = planner.plan(cases.clone());
        for mesh in &plan.meshes {
            check_mesh(mesh, sharing)?;
            if !matches!(order, Order::Random(_)) {
                check_sizes(mesh)?;
            }
        }
        prop_assert_eq!(sorted(ids(plan.cases())), sorted(ids(&cases)));
        prop_assert_eq!(meshes(&planner.plan(cases.clone())), meshes(&plan), "the same cases give the same plan");
        let few: usize = by_mesh(&cases, sharing).iter().map(|cases| fewest(cases, sharing)).sum();
        if jobs == 1 {
            prop_assert_eq!(plan.meshes.len(), few, "another number of meshes than is needed");
        } else {
            // Each mesh beyond that is there for the jobs, of which none waits for more than its share.
            prop_assert!(plan.meshes.len() >= few && plan.meshes.len() <= few + 4 * jobs + by_mesh(&cases, sharing).len());
        }
        if order == Order::Longest {
            prop_assert!(plan.meshes.iter().map(|mesh| mesh.expected_ms).rev().is_sorted(), "a longer one later");
        }
        if order == Order::Written && jobs == 1 && sharing == Sharing::Nothing {
            prop_assert_eq!(ids(plan.cases()), ids(&cases));
        }
    }

    #[test]
    fn what_a_plan_takes_is_within_what_it_must_and_what_its_longest_mesh_adds(scenarios in scenarios(), jobs in 1_usize..5) {
        let (cases, expected, capabilities) = (cases(&scenarios), expected(&scenarios), Capabilities::all());
        let planner =
            Planner { capabilities: &capabilities, expected: &expected, sharing: Sharing::Repairs, order: Order::Longest, jobs };
        let plan = planner.plan(cases);
        let all: u64 = plan.meshes.iter().map(|mesh| mesh.expected_ms).sum();
        let longest = plan.meshes.iter().map(|mesh| mesh.expected_ms).max().unwrap_or(0);
        let takes = plan.expected_ms(jobs);
        prop_assert!(takes >= longest && takes * jobs as u64 >= all);
        prop_assert!(takes <= all / jobs as u64 + longest, "{takes} of {all} with {jobs}, the longest {longest}");
    }

    #[test]
    fn a_case_that_cannot_run_is_on_no_mesh_and_is_not_lost(scenarios in scenarios(), sharing in sharing()) {
        let (cases, expected) = (cases(&scenarios), expected(&scenarios));
        let cannot_kill = Capabilities::all().without(Capability::Kill, "it is kind");
        let planner =
            Planner { capabilities: &cannot_kill, expected: &expected, sharing, order: Order::Longest, jobs: 1 };
        let planned = planner.plan(cases.clone());
        for skipped in &planned.skipped {
            prop_assert_eq!(why_not(&skipped.case, &cannot_kill), Some(skipped.reason.clone()));
            prop_assert!(skipped.reason.cause().contains("kill a container"), "{}", skipped.reason);
        }
        prop_assert!(planned.cases().all(|case| why_not(case, &cannot_kill).is_none()), "a case runs without what it needs");
        // Those that run are planned as if there were no others.
        let can: Vec<Case> = cases.iter().filter(|case| why_not(case, &cannot_kill).is_none()).cloned().collect();
        prop_assert_eq!(meshes(&planned), meshes(&planner.plan(can)));
        let skipped = ids(planned.skipped.iter().map(|skipped| &skipped.case));
        let in_order: Vec<String> = ids(&cases).into_iter().filter(|id| skipped.contains(id)).collect();
        prop_assert!(skipped == in_order, "those that are skipped keep their order");
        let all = ids(planned.cases()).into_iter().chain(skipped).collect();
        prop_assert_eq!(sorted(all), sorted(ids(&cases)));
    }

    #[test]
    fn shards_are_a_partition_and_about_equally_long(scenarios in scenarios(), of in 1_usize..7, kind in any::<bool>()) {
        let (cases, expected) = (cases(&scenarios), expected(&scenarios));
        let capabilities = match kind {
            true => Capabilities::all().without(Capability::Kill, "it is kind"),
            false => Capabilities::all(),
        };
        let parts = shards(&cases, of, &capabilities, &expected);
        prop_assert_eq!(parts.len(), of);
        prop_assert_eq!(sorted(parts.iter().flat_map(ids).collect()), sorted(ids(&cases)), "each case is in exactly one shard");
        let again = shards(&cases, of, &capabilities, &expected);
        prop_assert_eq!(again.iter().map(ids).collect::<Vec<_>>(), parts.iter().map(ids).collect::<Vec<_>>());
        let whole = ids(&cases);
        for part in &parts {
            let places: Vec<usize> = ids(part).iter().map(|id| whole.iter().position(|known| known == id).unwrap()).collect();
            prop_assert!(places.is_sorted(), "the order is not kept");
        }
        let planner =
            Planner { capabilities: &capabilities, expected: &expected, sharing: Sharing::Repairs, order: Order::Longest, jobs: of };
        let whole = planner.plan(cases);
        let longest = whole.meshes.iter().map(|mesh| mesh.expected_ms).max().unwrap_or(0);
        let takes: Vec<u64> = parts.iter().map(|part| planner.plan(part.clone()).expected_ms(1)).collect();
        let (most, least) = (takes.iter().max().unwrap(), takes.iter().min().unwrap());
        prop_assert!(most - least <= 2 * longest + 500, "{takes:?}, the longest mesh {longest}");
    }
}

#[test]
fn the_times_of_earlier_runs_decide_and_what_never_ran_is_guessed() {
    let written = |step, took| Written {
        mesh: "one",
        replicas: (1, None),
        step,
        past: false,
        cases: 1,
        took,
    };
    let scenarios = [
        written(STEPS[3], Some(100)),
        written(STEPS[3], Some(9_000)),
        written(STEPS[3], None),
    ];
    let (cases, expected, capabilities) = (cases(&scenarios), expected(&scenarios), Capabilities::all());
    let planner = Planner {
        capabilities: &capabilities,
        expected: &expected,
        sharing: Sharing::Repairs,
        order: Order::Longest,
        jobs: 2,
    };
    let order = ids(planner.plan(cases.clone()).cases());
    assert_eq!(order, ["s/1[n=0]", "s/0[n=0]", "s/2[n=0]"], "the longest first");
    assert!(expected.case(&cases[0]).seen && !expected.case(&cases[2]).seen);
    let parts = shards(&cases, 2, &capabilities, &expected);
    let parts: BTreeSet<Vec<String>> = parts.iter().map(ids).collect();
    let wanted = [
        vec!["s/1[n=0]".to_owned()],
        vec!["s/0[n=0]".to_owned(), "s/2[n=0]".to_owned()],
    ];
    assert_eq!(parts, wanted.into());
}

#[test]
fn a_mesh_whose_repair_takes_longer_than_a_new_one_is_not_repaired() {
    let written = |step| Written {
        mesh: "one",
        replicas: (1, None),
        step,
        past: false,
        cases: 2,
        took: None,
    };
    let (cases, capabilities) = (cases(&[written(STEPS[1]), written(STEPS[0])]), Capabilities::all());
    let counted = |start, repair| {
        let mut times = Times::default();
        let process = times.of_runtime("process");
        process.meshes.entry("one".to_owned()).or_default().add(start);
        process.repairs.entry("one".to_owned()).or_default().add(repair);
        let planner = Planner {
            capabilities: &capabilities,
            expected: &Expected::new("process", &times),
            sharing: Sharing::Repairs,
            order: Order::Longest,
            jobs: 1,
        };
        planner.plan(cases.clone()).meshes.len()
    };
    assert_eq!(counted(150, 20), 1);
    assert_eq!(counted(150, 400), 3, "who looks still shares one");
}

/// Cases for one, two and three pets, and how many meshes they have.
fn of_three_sizes(planner: &Planner<'_>, change: impl Fn(&mut Case)) -> usize {
    let written = |pets| Written {
        mesh: "one",
        replicas: (pets, None),
        step: STEPS[0],
        past: false,
        cases: 2,
        took: None,
    };
    let mut cases = cases(&[written(1), written(2), written(3)]);
    cases.iter_mut().for_each(change);
    planner.plan(cases).meshes.len()
}

#[test]
fn meshes_that_differ_in_numbers_of_pods_are_one_where_that_is_sure_and_pays() {
    let (capabilities, expected) = (Capabilities::all(), Expected::guessed("process"));
    let planner = Planner {
        capabilities: &capabilities,
        expected: &expected,
        sharing: Sharing::Repairs,
        order: Order::Longest,
        jobs: 1,
    };
    let as_they_are = |planner: &Planner<'_>| of_three_sizes(planner, |_| {});
    assert_eq!(as_they_are(&planner), 1);
    for sharing in [Sharing::Looks, Sharing::Nothing] {
        let meshes = as_they_are(&Planner { sharing, ..planner });
        assert_eq!(meshes, if sharing == Sharing::Looks { 3 } else { 6 });
    }
    let cannot = Capabilities::all().without(Capability::Scale, "it is small");
    let cannot = Planner {
        capabilities: &cannot,
        ..planner
    };
    assert_eq!(as_they_are(&cannot), 3);
    // An Envoy was told whom the group's name means.
    let fix = |group: &'static str| move |case: &mut Case| case.mesh.fixed = [group.to_owned()].into();
    assert_eq!(of_three_sizes(&planner, fix("pet")), 3);
    assert_eq!(of_three_sizes(&planner, fix("ingress")), 1);
    // A pod that comes later would be started, and registered, unlike those that are there.
    let absent = |case: &mut Case| case.mesh.groups["pet"].started = false;
    assert_eq!(of_three_sizes(&planner, absent), 3);
    // The only pod of a group that is not numbered has another name.
    let unnumbered = |case: &mut Case| {
        let pet = &mut case.mesh.groups["pet"];
        pet.replicas = pet.replicas.filter(|replicas| *replicas > 1);
    };
    assert_eq!(of_three_sizes(&planner, unnumbered), 2);
    let pays = |scaling, jobs| {
        let mut times = Times::default();
        let process = times.of_runtime("process");
        process.meshes.entry("one".to_owned()).or_default().add(150);
        process.scalings.entry("one".to_owned()).or_default().add(scaling);
        let expected = Expected::new("process", &times);
        // With two jobs, one mesh may be split in two.
        as_they_are(&Planner {
            expected: &expected,
            jobs,
            ..planner
        }) < 3
    };
    assert_eq!([pays(150, 1), pays(151, 1)], [true, false]);
    // Others have the processors while a mesh waits.
    assert_eq!([pays(300, 2), pays(301, 2)], [true, false]);
}
