//! Invariants that break on the real Envoy, while a case runs whose promise holds: it fails, and says so.

use std::{
    fs,
    io::Write as _,
    net::{SocketAddr, TcpStream},
    path::Path,
    time::Duration,
};

use meshkat_model::results::Failure;
use rustix::process::Signal;

use crate::{
    lab::{Lab, get},
    permit::Permit,
    process::{command_line, send, until},
    sds::{Sds, address},
};

const ID: &str = "own/broken";

/// A case that asks for a greeting, and then waits until somebody from outside has done what he wants to.
const WAITS: &str = "promise: Who says hello is answered.
mesh: {use: edge, replicas: {echo: 1}}
steps:
  - {get: /hello, host: foo.com, times: 3, status: 200}
  - {get: /edsservice/done, direct: sds, within: 50s, status: 200}
";

/// A project with one case.
fn lab(scenario: &str) -> Lab {
    let lab = Lab::new();
    lab.remove_scenarios();
    lab.write("scenarios/own/broken.yaml", scenario);
    lab
}

/// Runs the case, does something to its mesh meanwhile, and gives why the case failed.
#[track_caller]
fn broken_by(lab: &Lab, act: impl FnOnce(&Lab, &Sds)) -> Failure {
    while_it_waits(lab, 1, act);
    lab.failure(ID)
}

#[track_caller]
fn while_it_waits(lab: &Lab, code: i32, act: impl FnOnce(&Lab, &Sds)) {
    let _permit = Permit::one();
    let running = lab.start(lab.run_command(&[ID, "--culprit-within", "0"]), "run");
    until("the case waits", || {
        let events = fs::read_to_string(lab.report().join("events.jsonl")).unwrap_or_default();
        events.contains("get /edsservice/done")
    });
    let sds = Sds::of(lab);
    act(lab, &sds);
    assert!(sds.send("PUT", "/edsservice/done", r#"{"hosts": []}"#) < 300);
    running.end().exits(code);
}

/// The address at which clients reach the edge.
fn edge(lab: &Lab) -> SocketAddr {
    SocketAddr::new(address(lab, "ingress"), 10000)
}

#[test]
fn an_envoy_that_crashes_fails_the_case_in_which_it_did() {
    let crash = |lab: &Lab, _: &Sds| {
        let envoy = |pid: &u32| command_line(*pid).contains("echo-1.json");
        let pids: Vec<u32> = lab.processes().into_iter().filter(envoy).collect();
        let [pid] = pids.as_slice() else {
            panic!("{pids:?} are the Envoys of echo-1");
        };
        send(*pid, Signal::SEGV);
        // Not only as a zombie: meshkat has been told of its end.
        until("it has ended", || !Path::new(&format!("/proc/{pid}")).exists());
    };
    let failure = broken_by(&lab(WAITS), crash);
    assert_eq!(failure.message, "a container ended by itself");
    assert!(
        failure.actual.starts_with("the envoy of echo-1 was ended by signal 11"),
        "{}",
        failure.actual
    );
    let allows = "allows: [{invariant: crash, pod: echo-1, because: somebody kills it}]\nsteps:";
    while_it_waits(&lab(&WAITS.replace("steps:", allows)), 0, crash);
}

#[test]
fn an_update_that_an_envoy_refuses_fails_the_case() {
    // Over a stream an Envoy says why.
    let lab = lab(&WAITS.replace("{echo: 1}", "{echo: 1}, overlays: xds-grpc"));
    let failure = broken_by(&lab, |lab, sds| {
        // A host name is no address of an endpoint.
        let body = r#"{"cluster_name": "echo", "endpoints": [{"lb_endpoints": [{"endpoint": {"address":
            {"socket_address": {"address": "nobody.example", "port_value": 1}}}}]}]}"#;
        assert_eq!(sds.send("PUT", "/xds/v3/endpoints/echo", body), 201);
        let stats = SocketAddr::new(address(lab, "ingress"), 8081);
        until("it has refused it", || {
            let told = get(
                stats,
                "/stats?filter=cluster.echo.update_rejected",
                Duration::from_secs(5),
            );
            told.is_some_and(|(_, told)| told.contains("update_rejected: ") && !told.contains("update_rejected: 0"))
        });
        assert_eq!(sds.send("DELETE", "/xds/v3/endpoints/echo", ""), 204);
    });
    assert_eq!(failure.message, "the promise held, but an invariant broke: nack");
    let told = "the envoy of ingress refused an update: cluster.echo.update_rejected was 0 before the case and ";
    assert!(failure.actual.starts_with(told), "{}", failure.actual);
    assert!(failure.actual.contains("malformed IP address"), "{}", failure.actual);
}

#[test]
fn a_line_of_an_error_in_the_log_of_an_envoy_fails_the_case_unless_it_is_allowed() {
    let script = "about: A script that fails with every request, and lets it through.
needs: static_resources.listeners[name=inbound]
changes:
- at: static_resources.listeners[name=inbound].filter_chains[*].filters[*].typed_config
  merge:
    http_filters:
    - name: envoy.filters.http.lua
      typed_config:
        \"@type\": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua
        default_source_code: {inline_string: \"function envoy_on_request(handle) error('on purpose') end\"}
    - name: envoy.filters.http.router
      typed_config: {\"@type\": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
";
    let scenario = "promise: Who says hello is answered.
mesh: {use: edge, replicas: {echo: 1}, overlays: failing}
steps:
  - {get: /hello, host: foo.com, status: 200}
";
    let lab = lab(scenario);
    lab.write("envoy-configs/overlays/failing.yaml", script);
    lab.run(&[ID, "--culprit-within", "0"])
        .exits(1)
        .says(&["the promise held, but an invariant broke: error-log"]);
    let failure = lab.failure(ID);
    assert!(
        failure.actual.contains("wrote: [") && failure.actual.contains("on purpose"),
        "{}",
        failure.actual
    );
    let allows = "allows: [{invariant: error-log, log: on purpose, because: the script fails on purpose}]\nsteps:";
    lab.write("scenarios/own/broken.yaml", &scenario.replace("steps:", allows));
    lab.run(&[ID]).exits(0);
    let told = lab.tell(&["explain", ID]).exits(0);
    let line = "  error-log with `on purpose`, because the script fails on purpose";
    assert!(told.out.contains(line), "{}", told.out);
}

#[test]
fn a_request_that_no_client_of_the_case_sent_fails_it_at_the_edge() {
    let lab = lab(WAITS);
    let failure = broken_by(&lab, |lab, _| {
        let asked = get(edge(lab), "/nowhere", Duration::from_secs(10));
        assert_eq!(asked.map(|(status, _)| status), Some(404));
    });
    assert_eq!(failure.message, "the promise held, but an invariant broke: miscount");
    let told = "the envoy of ingress counted 4 requests (downstream_rq_total was 0 before the case and 4 after it), but clients sent it 3";
    assert!(failure.actual.starts_with(told), "{}", failure.actual);
}

#[test]
fn a_request_that_never_ends_fails_the_case() {
    let lab = lab(&WAITS.replace(
        "steps:",
        "allows: [{invariant: miscount, pod: ingress, because: somebody else sends to the edge}]\nsteps:",
    ));
    let mut open = None;
    let failure = broken_by(&lab, |lab, _| {
        let mut stream = TcpStream::connect(edge(lab)).expect("the edge listens");
        // Of its body nothing ever comes.
        write!(
            stream,
            "POST /hello HTTP/1.1\r\nhost: foo.com\r\ncontent-length: 10\r\n\r\n"
        )
        .expect("the edge reads");
        let stats = SocketAddr::new(address(lab, "ingress"), 8081);
        until("it is open", || {
            let told = get(
                stats,
                "/stats?filter=ingress_http.downstream_rq_active",
                Duration::from_secs(5),
            );
            told.is_some_and(|(_, told)| told.contains("downstream_rq_active: 1"))
        });
        open = Some(stream);
    });
    drop(open);
    assert_eq!(failure.message, "the promise held, but an invariant broke: hang");
    let told = "the envoy of ingress has requests open 10 s after the case has ended: ";
    let told = format!("{told}cluster.echo.upstream_rq_active is 1, http.ingress_http.downstream_rq_active is 1");
    assert!(failure.actual.contains(&told), "{}", failure.actual);
}
