//! Access logs of Envoys.

use std::sync::{Arc, OnceLock};

use meshkat_model::mesh::Container;
use meshkat_runtime::scripted::Script;

use crate::{
    servers::{Asked, application},
    world::World,
};

/// A world in which whatever is asked of `echo-1` is logged by the edge, as if it had come through it.
async fn logging() -> World {
    let script: Arc<OnceLock<Script>> = Arc::default();
    let later = Arc::clone(&script);
    let (world, _) = World::with_shop_in_which("echo-1", move |_| {
        let script = Arc::clone(&later);
        application(move |asked: Asked| {
            let path = asked.uri.path();
            let (status, flags) = if path == "/bad" { (503, "UF,URX") } else { (200, "-") };
            if let Some(script) = script.get() {
                script.writes("ingress", Container::Envoy, &line(path, status, flags));
            }
            async { "fine" }
        })
    })
    .await;
    // What was logged before.
    world
        .script
        .writes("ingress", Container::Envoy, &line("/earlier", 200, "-"));
    assert!(script.set(world.script.clone()).is_ok(), "it is set once");
    world
}

/// As `ingress.yaml` has its lines.
fn line(path: &str, status: u16, flags: &str) -> String {
    format!(
        "{{\"listener\":\"ingress_http\",\"start_time\":\"2999-01-01T00:00:00.000Z\",\"method\":\"GET\",\"authority\":\"foo.com\",\
         \"path\":\"{path}\",\"request_id\":\"x\",\"response_code\":{status},\"response_code_details\":\"via_upstream\",\
         \"response_flags\":\"{flags}\",\"duration\":7,\"upstream_cluster\":\"echo\",\"upstream_host\":\"10.0.0.9:80\"}}"
    )
}

#[tokio::test]
async fn the_lines_since_the_case_began_or_since_something_was_kept_are_judged() {
    let world = logging().await;
    let steps = "
  - {get: /a, direct: echo-1, times: 2, status: 200}
  - {get: /bad, direct: echo-1, status: 200}
  - {envoy: ingress, logged: {count: 3}}
  - envoy: ingress
    logged: {count: 2, method: GET, path: /a, host: foo.com, status: 200, flags: none, details: via_upstream, cluster: echo, contains: ingress_http}
  - {envoy: ingress, logged: {count: 1, status: [500, 503], flags: [UF, URX], that: 'lines.all(line, line.duration_ms == 7)'}}
  - {envoy: ingress, keep: before}
  - {get: /a, direct: echo-1, status: 200}
  - {envoy: ingress, since: before, within: 5s, logged: {count: 1}}
  - {envoy: ingress, since: before, logged: {count: 0, path: /bad}}
";
    world.run(vec![world.shop("a/logged", steps)]).await.passed();
}

#[tokio::test]
async fn every_expectation_of_a_line_can_fail_and_shows_what_was_logged() {
    let table = [
        ("count: 2", "2 lines", "1: {"),
        (
            "method: POST",
            "1 or more lines with method POST",
            "(its method is GET)",
        ),
        ("path: /b", "1 or more lines with path /b", "(its path is /bad)"),
        (
            "host: bar.com",
            "1 or more lines with host bar.com",
            "(its host is foo.com)",
        ),
        ("status: 200", "1 or more lines with status 200", "(its status is 503)"),
        (
            "flags: none",
            "1 or more lines with flags none",
            "(its flags are UF,URX)",
        ),
        (
            "flags: [UF, UH]",
            "1 or more lines with flags UF, UH",
            "(its flags are UF,URX)",
        ),
        (
            "details: x",
            "1 or more lines with details x",
            "(its details is via_upstream)",
        ),
        ("cluster: x", "1 or more lines with cluster x", "(its cluster is echo)"),
        (
            "upstream: echo",
            "1 or more lines with upstream echo",
            "(its upstream is 10.0.0.9:80)",
        ),
        (
            "contains: [bad, good]",
            "1 or more lines with bad, good",
            "(it lacks good)",
        ),
        ("count: 0", "0 lines", "1: {"),
    ];
    for (expectation, expected, actual) in table {
        let world = logging().await;
        let steps = format!(
            "  - {{get: /bad, direct: echo-1, status: 200}}\n  - {{envoy: ingress, logged: {{{expectation}}}}}\n"
        );
        let ran = world.run(vec![world.shop("a/logged", &steps)]).await;
        let failure = ran.failed();
        let told = (failure.message.as_str(), failure.expected.as_str(), failure.line);
        assert_eq!(
            told,
            ("the Envoy of ingress did not log what it should", expected, 5),
            "{expectation}"
        );
        assert!(failure.actual.contains(actual), "{expectation}: {}", failure.actual);
    }
}
