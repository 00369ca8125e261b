//! What is kept of a case to look at.

use meshkat_engine::Keep;
use meshkat_model::{
    event::{Artifact, Event},
    mesh::Container,
};

use crate::{
    ran::Ran,
    world::{World, options},
};

const GOOD: &str = "  - {envoy: ingress, ready: LIVE}\n";
const BAD: &str = "  - {envoy: ingress, ready: DRAINING}\n";

fn files(ran: &Ran) -> Vec<&Artifact> {
    let events = ran.events.iter();
    let files = events.filter_map(|event| match event {
        Event::Artifacts { files, .. } => Some(files),
        _ => None,
    });
    files.flatten().collect()
}

#[tokio::test]
async fn who_is_kept_is_a_matter_of_choice() {
    let (world, _) = World::with_shop().await;
    for (keep, of_good, of_bad) in [
        (Keep::Never, false, false),
        (Keep::Failed, false, true),
        (Keep::Always, true, true),
    ] {
        for (steps, kept) in [(GOOD, of_good), (BAD, of_bad)] {
            let mut options = options();
            options.keep = keep;
            let ran = world.run_with(vec![world.shop("a/1", steps)], options).await;
            assert_eq!(!files(&ran).is_empty(), kept, "{keep:?} of {steps}");
        }
    }
}

#[tokio::test]
async fn every_pod_has_its_logs_and_every_envoy_its_dumps() {
    let (mut world, envoys) = World::with_shop().await;
    let log = "[warning] slow\n{\"listener\":\"ingress_http\",\"response_code\":200}\n[warning] slower\n";
    world.script =
        world
            .script
            .clone()
            .log("ingress", Container::Envoy, log)
            .log("echo-1", Container::Application, "listening\n");
    envoys["ingress"].counts("cluster.echo.upstream_rq_total", 3);
    let mut options = options();
    options.keep = Keep::Failed;
    let steps = format!("  - {{kill: echo-2/envoy}}\n{BAD}");
    let ran = world.run_with(vec![world.shop("a/1", &steps)], options).await;
    let files = files(&ran);
    let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
    let expected = [
        "pods.txt",
        "sds/application.log",
        "ingress/envoy.log",
        "ingress/access.log",
        "ingress/config_dump.json",
        "ingress/clusters.json",
        "ingress/stats.txt",
        "ingress/server_info.json",
        "echo-1/application.log",
        "echo-1/envoy.log",
        "echo-1/access.log",
        "echo-1/config_dump.json",
        "echo-1/clusters.json",
        "echo-1/stats.txt",
        "echo-1/server_info.json",
        // An Envoy that does not run has no more to say.
        "echo-2/application.log",
        "echo-2/envoy.log",
        "echo-2/access.log",
    ];
    assert_eq!(paths, expected);
    let text = |path: &str| {
        files
            .iter()
            .find(|file| file.path == path)
            .map(|file| file.text.as_str())
    };
    assert_eq!(text("ingress/envoy.log"), Some("[warning] slow\n[warning] slower"));
    assert_eq!(
        text("ingress/access.log"),
        Some("{\"listener\":\"ingress_http\",\"response_code\":200}")
    );
    assert_eq!(text("echo-1/application.log"), Some("listening\n"));
    assert_eq!(text("ingress/config_dump.json"), Some("{\"configs\":[]}"));
    assert!(text("ingress/stats.txt").is_some_and(|stats| stats.contains("cluster.echo.upstream_rq_total")));
    let pods = text("pods.txt").expect("it is there");
    assert!(
        pods.lines().any(
            |line| line.starts_with("echo-2\t") && line.ends_with("application: running\tenvoy: ended by signal 9")
        ),
        "{pods}"
    );
}

#[tokio::test]
async fn what_somebody_has_frozen_is_told_first_and_stands_among_the_pods() {
    let (mut world, _) = World::with_shop().await;
    let mut options = options();
    options.keep = Keep::Failed;
    let hints = |ran: &Ran| ran.case("a/1").failure.clone().expect("it failed").hints;
    let steps = format!("  - {{pause: echo-2/application}}\n{BAD}");
    let ran = world.run_with(vec![world.shop("a/1", &steps)], options.clone()).await;
    assert_eq!(hints(&ran), ["the application of echo-2 is paused"]);

    world.is_frozen = Some(("echo-1", Container::Application));
    let ran = world.run_with(vec![world.shop("a/1", &steps)], options).await;
    assert_eq!(
        hints(&ran),
        [
            "the application of echo-1 was paused from outside",
            "the application of echo-2 is paused"
        ]
    );
    let files = files(&ran);
    let pods = files.iter().find(|file| file.path == "pods.txt").expect("it is there");
    let states = "application: paused from outside\tenvoy: running";
    assert!(pods.text.contains(states), "{}", pods.text);
}

#[tokio::test]
async fn evidence_comes_before_the_end_of_its_case() {
    let (world, _) = World::with_shop().await;
    let mut options = options();
    options.keep = Keep::Failed;
    let ran = world.run_with(vec![world.shop("a/1", BAD)], options).await;
    let told = ran.told_of("a/1");
    assert_eq!(told.last().map(String::as_str), Some("failed"));
    assert!(told[told.len() - 2].ends_with(" files"), "{told:?}");
}
