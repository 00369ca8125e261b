//! How requests are split over pods.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use serde_json::json;

use crate::{servers::application, world::World};

/// Runs steps on the mesh `shop`, where the application of `echo-1` says of every `tenth` request that `echo-2` served it.
async fn run(tenth: usize, steps: &str) -> crate::ran::Ran {
    let (world, _envoys) = World::with_shop_in_which("echo-1", move |_| {
        let asked = Arc::new(AtomicUsize::new(0));
        application(move |_| {
            let number = asked.fetch_add(1, Ordering::Relaxed);
            let pod = if number.is_multiple_of(tenth) {
                "echo-2"
            } else {
                "echo-1"
            };
            async move { ([("x-served-by", pod)], "Hello") }
        })
    })
    .await;
    world.run(vec![world.shop("a/split", steps)]).await
}

const SPLIT: &str = "  - {get: /, direct: echo-1, times: 2800, status: 200, split: {echo-1: 90, echo-2: 10}}\n";

#[tokio::test]
async fn requests_of_a_step_are_judged_together() {
    run(10, SPLIT).await.passed();
    let ran = run(6, SPLIT).await;
    let failure = ran.failed();
    assert_eq!(failure.message, "the requests were not split as they should be");
    assert_eq!(
        (failure.line, failure.actual.as_str()),
        (4, "of 2800 requests echo-1 2333, echo-2 467")
    );
}

#[tokio::test]
async fn so_are_those_of_a_window() {
    let steps = |rate: u32| {
        format!(
            "  - {{load: all, get: /, direct: echo-1, rate: {rate}/s}}\n  - {{expect: all, for: 500ms, split: {{echo-1: 90, echo-2: 10}}, misses: {{shift: 15, at: 0.01}}}}\n"
        )
    };
    run(10, &steps(1_000)).await.passed();
    let ran = run(10, &steps(100)).await;
    assert!(ran.failed().actual.starts_with("needs "), "{:?}", ran.failed());
    let ran = run(2, &steps(1_000)).await;
    assert_eq!(ran.failed().message, "the requests were not split as they should be");
}

#[tokio::test]
async fn weights_are_told_to_the_discovery_service_until_hosts_are_set_without() {
    let (world, _envoys) = World::with_shop().await;
    let steps = "  - {register: {echo: {echo-1: 90, echo-2: 10}}}\n  - {get: /, direct: echo-1, status: 200}\n";
    world.run(vec![world.shop("a/weights", steps)]).await.passed();
    let weights = |world: &World| -> Vec<serde_json::Value> {
        let registry = world.registry.lock().expect("nobody panics with it");
        registry["echo"]
            .iter()
            .map(|host| host["tags"]["load_balancing_weight"].clone())
            .collect()
    };
    assert_eq!(weights(&world), [json!(90), json!(10)]);
    let steps = "  - {register: {echo: {echo-1: 90, echo-2: 10}}}\n  - {register: {echo: 2}}\n  - {get: /, direct: echo-1, status: 200}\n";
    world.run(vec![world.shop("a/weights", steps)]).await.passed();
    assert_eq!(weights(&world), [json!(null), json!(null)]);
}
