//! Several cases: which share a mesh, which run side by side.

use meshkat_model::results::Status;

use crate::world::{World, options};

const HELLO: &str = "  - {get: /, direct: echo, status: 200}\n";
const KILLS: &str = "  - {kill: echo}\n  - {get: /, direct: echo, status: 200}\n";

#[tokio::test]
async fn cases_that_only_look_share_a_mesh_and_one_that_fails_spoils_nothing() {
    let world = World::with_echo().await;
    let wrong = "  - {get: /, direct: echo, status: 404}\n";
    let ran = world
        .run(vec![
            world.one("a/1", HELLO),
            world.one("a/2", wrong),
            world.one("a/3", HELLO),
        ])
        .await;
    let statuses: Vec<Status> = ran.cases().iter().map(|case| case.status).collect();
    assert_eq!(statuses, [Status::Passed, Status::Failed, Status::Passed]);
    assert_eq!(world.leased_and_released(), (1, 1));
}

#[tokio::test]
async fn a_case_that_changes_its_mesh_has_it_alone() {
    let world = World::with_echo().await;
    let ran = world
        .run(vec![
            world.one("a/1", HELLO),
            world.one("a/2", KILLS),
            world.one("a/3", HELLO),
        ])
        .await;
    assert_eq!(ran.summary.totals.passed, 3);
    assert_eq!(world.leased_and_released(), (2, 2));
    let starts: Vec<String> = ran
        .told()
        .into_iter()
        .filter(|line| line.contains("starts for"))
        .collect();
    assert_eq!(starts, ["mesh 0 one starts for a/1, a/3", "mesh 1 one starts for a/2"]);
}

#[tokio::test]
async fn meshes_side_by_side_keep_the_order_within_each_case() {
    let world = World::with_echo().await;
    let ids: Vec<String> = (1..=6).map(|number| format!("a/{number}")).collect();
    let cases = ids.iter().map(|id| world.one(id, KILLS)).collect();
    let mut options = options();
    options.jobs = meshkat_engine::Jobs::Exactly(3);
    let ran = world.run_with(cases, options).await;
    assert_eq!((ran.summary.totals.cases, ran.summary.totals.passed), (6, 6));
    let told = ran.told();
    assert_eq!(told.first().map(String::as_str), Some("run of 6 on 6"));
    assert_eq!(told.last().map(String::as_str), Some("run finished"));
    for (number, id) in ids.iter().enumerate() {
        let expected = [
            "attempt 1",
            "step 1 of 2: kill echo",
            "passed with 0 checks",
            "step 2 of 2: get / straight to echo",
            "passed with 1 checks",
            "passed",
        ];
        assert_eq!(ran.told_of(id), expected);
        let at = |line: String| {
            told.iter()
                .position(|told| *told == line)
                .unwrap_or_else(|| panic!("{line}"))
        };
        let ready = at(format!("mesh {number} ready"));
        assert!(at(format!("{id}: attempt 1")) < ready);
        assert!(ready < at(format!("{id}: step 1 of 2: kill echo")));
    }
    assert_eq!(world.leased_and_released(), (6, 6));
}

#[tokio::test]
async fn so_many_meshes_run_side_by_side_and_no_more() {
    let world = World::with_echo().await;
    for jobs in [1, 2, 4] {
        let mut options = options();
        options.jobs = meshkat_engine::Jobs::Exactly(jobs);
        let cases = (0..6).map(|number| world.one(&format!("a/{number}"), KILLS)).collect();
        let ran = world.run_with(cases, options).await;
        let (mut open, mut most) = (0_usize, 0);
        for line in ran.told() {
            if line.contains("starts for") {
                open += 1;
                most = most.max(open);
            } else if line.starts_with("a/") && line.ends_with(": passed") {
                open -= 1;
            }
        }
        assert_eq!(most, jobs);
    }
}
