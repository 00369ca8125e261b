//! Programs of a user's own as applications of pods: started, reached, faulted and ended as services are, and told of as what they are.

use std::{fs, path::Path};

use rustix::process::Signal;

use crate::{lab::Lab, permit::Permit, process::until};

/// A web application of the standard library alone: it tells what it was given, and stops as it is told.
const WEB: &str = r#"import http.server, json, os, signal, sys, threading

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        with open("templates/page.txt") as page:
            told = {"page": page.read().strip(), "arguments": sys.argv[1:], "pid": os.getpid()}
        told["env"] = {name: value for name, value in os.environ.items() if name.startswith("MESHKAT_") or name == "GREETING"}
        told["pods"] = json.load(open(os.environ["MESHKAT_PODS"]))
        body = json.dumps(told).encode()
        self.send_response(200 if self.path != "/missing" else 404)
        self.send_header("x-served-by", os.environ["MESHKAT_POD"])
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

server = http.server.ThreadingHTTPServer((os.environ["MESHKAT_ADDRESS"], int(os.environ["MESHKAT_PORT"])), Handler)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
print("web listens", flush=True)
server.serve_forever()
print("web has stopped", flush=True)
"#;

/// An edge that asks `web` at its port.
const EDGE: &str = r#"static_resources:
  listeners:
  - address: {socket_address: {address: 0.0.0.0, port_value: 10000}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: edge
          route_config:
            virtual_hosts:
            - {name: all, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: web, timeout: 1s}}]}
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
  clusters:
  - name: web
    type: STRICT_DNS
    connect_timeout: 1s
    load_assignment: {cluster_name: web, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: web, port_value: 3000}}}}]}]}
"#;

const FILES: &str = "files: [web.py, templates]";

/// A project of an edge in front of `web`, whose application is said by these keys.
fn lab(web: &str, steps: &str) -> Lab {
    let lab = Lab::new();
    lab.remove_scenarios();
    lab.write("scenarios/meshes/web.py", WEB);
    lab.write("templates/page.txt", "a page\n");
    lab.write("envoy-configs/edge.yaml", EDGE);
    lab.write(
        "scenarios/meshes/own.yaml",
        &format!("pods:\n  ingress: {{envoy: edge.yaml}}\n  web: {{{web}}}\n"),
    );
    lab.write(
        "scenarios/own.yaml",
        &format!("promise: The program is an application like any other.\nmesh: own\nsteps:\n{steps}"),
    );
    lab
}

fn python(more: &str) -> String {
    format!("command: [python3, web.py, \"--port=${{MESHKAT_PORT}}\"], {FILES}, ports: 3000{more}")
}

#[test]
fn a_program_is_reached_and_given_what_it_needs_from_any_working_folder() {
    let lab = lab(
        &python(", env: {GREETING: \"hello ${MESHKAT_GROUP}\"}, ready: {http: /healthz}, replicas: 2"),
        "  - get: /x
    within: 10s
    status: 200
    served-by: web
    json: {page: a page, arguments: [\"--port=3000\"], env: {GREETING: hello web, MESHKAT_PORT: \"3000\", MESHKAT_GROUP: web}}
    that:
      - json.env.MESHKAT_EGRESS == 'http://' + json.env.MESHKAT_ADDRESS + ':9900'
      - json.pods.web.exists(pod, pod.name == json.env.MESHKAT_POD && pod.address == json.env.MESHKAT_ADDRESS && pod.port == 3000.0)
      - json.pods.ingress[0].port == 10000.0
  - {get: /missing, status: 404}
  - {get: /x, times: 20, status: 200, distinct: {web: 2}}
  - scale: {web: 3}
  - {get: /x, direct: web-1, status: 200, that: size(json.pods.web) == 3}
  - {get: /x, times: 40, status: 200, distinct: {web: 3}}
  - {get: /x, to: \"web-3:3000\", status: 200, that: \"json.env.MESHKAT_POD == 'web-3'\"}
",
    );
    let _permit = Permit::one();
    let mut command = lab.command(&["run", "--jobs", "1", "--report-dir", "../report"]);
    command.current_dir(lab.project().join("templates"));
    lab.tell_command(command).exits(0).says(&["1 case: 1 passed"]);
}

#[test]
fn a_program_is_killed_frozen_stopped_and_started_as_a_service_is() {
    let ready = ", ready: {log: web listens}, envoy: web.yaml";
    let lab = lab(
        &python(ready),
        "  - {get: /x, within: 10s, status: 200, keep: first, served-by: web}
  - kill: web/application
  - {get: /x, within: 5s, status: 503}
  - start: web/application
  - {get: /x, within: 10s, status: 200, that: json.pid != first.json.pid}
  - pause: web
  - {get: /x, direct: web, timeout: 300ms, error: timeout}
  - resume: web
  - {get: /x, within: 10s, status: 200}
  - stop: web/application
  - {get: /x, direct: web, error: refused}
",
    );
    // Behind an Envoy of its own, which finds it in its pod.
    let own = EDGE
        .replace("address: web,", "address: 127.0.0.1,")
        .replace("STRICT_DNS", "STATIC");
    lab.write("envoy-configs/web.yaml", &own);
    lab.edit(
        "envoy-configs/edge.yaml",
        "address: web, port_value: 3000",
        "address: web, port_value: 10000",
    );
    let _permit = Permit::one();
    let told = lab.tell_command(lab.run_command(&["--keep", "always"])).exits(0);
    told.says(&["1 case: 1 passed"]);
    let log = evidence(&lab);
    assert_eq!(log.matches("web listens").count(), 2, "{log}");
    assert_eq!(log.matches("web has stopped").count(), 1, "SIGTERM comes first: {log}");
}

/// What `web` wrote, as the report has it.
fn evidence(lab: &Lab) -> String {
    let mut open = vec![lab.report()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).expect("there was a run").flatten() {
            let path = entry.path();
            match path.is_dir() {
                true => open.push(path),
                false if path.ends_with("web/application.log") => {
                    return fs::read_to_string(path).expect("it is text");
                }
                false => {}
            }
        }
    }
    panic!("the report has no log of the program")
}

#[test]
fn what_keeps_a_program_from_running_is_told_as_what_it_is() {
    const LOOK: &str = "  - {get: /x, within: 1s, status: 200}\n";
    // Not on this machine: the environment's.
    let lab_of = |web: &str| lab(web, LOOK);
    let lab = lab_of("command: [no-such-program, x]");
    lab.run(&[])
        .exits(3)
        .says(&["there is no program `no-such-program` on the PATH (scenarios/meshes/own.yaml:3)"]);
    let lab = lab_of("command: [/no/such/program]");
    lab.run(&[])
        .exits(3)
        .says(&["there is no program /no/such/program (scenarios/meshes/own.yaml:3)"]);
    // It ends: its own fault, with what it said last.
    let lab = lab_of("command: [sh, -c, 'echo no money >&2; exit 7']");
    lab.run(&[])
        .exits(1)
        .says(&["a program of your own ended before it was ready"]);
    let failure = lab.failure("own");
    assert_eq!((failure.file.as_str(), failure.line), ("scenarios/meshes/own.yaml", 3));
    for part in ["the program `sh` of web has exited with code 7", "no money"] {
        assert!(failure.actual.contains(part), "{}", failure.actual);
    }
    // It is not ready in time, in each of the ways.
    for (ready, seen) in [
        ("ready: tcp, ports: 3001", "takes no connection"),
        ("ready: {http: /missing}, ports: 3000", "/missing says 404"),
        ("ready: {log: web sings}, ports: 3000", "it has not written `web sings`"),
    ] {
        let mut web = format!("command: [python3, web.py], {FILES}, {ready}");
        if ready.contains("3001") {
            web = web.replace("python3, web.py", "sh, -c, 'echo web listens nowhere; exec sleep 60'");
        }
        let lab = lab_of(&web);
        lab.run(&["--ready-within", "3s"]).exits(3);
        let failure = lab.failure("own");
        for part in [seen, "web listens"] {
            assert!(failure.actual.contains(part), "{part}: {}", failure.actual);
        }
    }
}

#[test]
fn a_program_that_stops_in_the_middle_of_a_case_is_told_with_its_log() {
    let lab = lab(
        "command: [sh, -c, 'python3 web.py & sleep 2; echo out of ideas; exit 9'], files: [web.py, templates], ports: 3000",
        "  - {get: /x, for: 10s, status: 200}\n",
    );
    lab.run(&[]).exits(1);
    let failure = lab.failure("own");
    let all = format!("{} {} {:?}", failure.message, failure.actual, failure.hints);
    assert!(all.contains("the application of web has exited with code 9"), "{all}");
    let log = evidence(&lab);
    assert!(log.contains("out of ideas"), "{log}");
}

#[test]
fn nothing_of_a_program_is_left_when_meshkat_is_killed() {
    // A shell that stays, and whose child would outlive it.
    let lab = lab(
        &format!("command: [sh, -c, 'python3 web.py; true'], {FILES}, ports: 3000"),
        "  - {get: /x, within: 1s, status: 200}\n",
    );
    let _permit = Permit::one();
    for what in ["up", "run"] {
        let command = match what {
            "up" => lab.command(&["up", "own"]),
            _ => {
                let long = "promise: p\nmesh: own\nsteps:\n  - {get: /x, for: 60s, status: 200}\n";
                lab.write("scenarios/own.yaml", long);
                lab.run_command(&[])
            }
        };
        let running = lab.start(command, what);
        until("the program and its child run", || {
            let lines = lab.processes().into_iter().map(crate::process::command_line);
            lines.filter(|line| line.contains("web.py")).count() >= 2
        });
        running.signal(Signal::KILL);
        running.end().was_killed();
        until("every process is gone", || lab.processes().is_empty());
        assert_eq!(lab.runs(), [""; 0]);
    }
}

#[test]
fn a_group_that_a_runtime_cannot_run_is_skipped_with_the_reason() {
    let lab = lab("image: example.com/web", "  - {get: /x, status: 200}\n");
    let told = lab.tell(&["list"]).exits(0);
    told.says(&[
        "skipped 1 case: needs to run an image (`image`), which this runtime cannot: its pods are plain processes",
    ]);
    lab.run(&[]).exits(4);
    lab.tell(&["up", "own"]).exits(3).says(&[
        "the image `example.com/web` cannot be run as a process (scenarios/meshes/own.yaml:3)",
        "give the group a `command`, too",
    ]);
    lab.edit(
        "scenarios/meshes/own.yaml",
        "image: example.com/web",
        &python(", image: example.com/web"),
    );
    lab.run(&[]).exits(0).says(&["1 case: 1 passed"]);
}

/// A control plane of the standard library: REST, and the endpoints are the pods that it is told of.
const PLANE: &str = r#"import http.server, json, os

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        with open(os.environ["MESHKAT_PODS"]) as file:
            pods = json.load(file)["web"]
        endpoints = [{"endpoint": {"address": {"socket_address": {"address": pod["address"], "port_value": pod["port"]}}}} for pod in pods]
        kind = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
        assignment = {"@type": kind, "cluster_name": "web", "endpoints": [{"lb_endpoints": endpoints}]}
        body = json.dumps({"version_info": str(hash(str(pods))), "resources": [assignment], "type_url": kind}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

http.server.ThreadingHTTPServer((os.environ["MESHKAT_ADDRESS"], int(os.environ["MESHKAT_PORT"])), Handler).serve_forever()
"#;

#[test]
fn a_control_plane_of_ones_own_takes_the_place_of_sds() {
    for name in ["sds", "plane"] {
        let lab = lab(
            &python(", replicas: 1"),
            "  - {get: /x, within: 10s, status: 200, distinct: {web: 1}}
  - scale: {web: 2}
  - {envoy: ingress, within: 10s, endpoints: {web: [web-1, web-2]}}
  - {get: /x, times: 20, status: 200, distinct: {web: 2}}
",
        );
        lab.write("scenarios/meshes/plane.py", PLANE);
        lab.edit(
            "scenarios/meshes/own.yaml",
            "pods:\n",
            &format!("pods:\n  {name}: {{command: [python3, plane.py], files: plane.py, ports: 18000, control-plane: true}}\n"),
        );
        let eds = format!(
            "  - name: web
    type: EDS
    eds_cluster_config: {{eds_config: {{resource_api_version: V3, api_config_source: {{api_type: REST, transport_api_version: V3, cluster_names: [plane], refresh_delay: 0.2s}}}}}}
  - name: plane
    type: STRICT_DNS
    load_assignment: {{cluster_name: plane, endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: {name}, port_value: 18000}}}}}}}}]}}]}}
"
        );
        let (head, _) = EDGE.split_once("  - name: web\n").expect("there is the cluster");
        lab.write("envoy-configs/edge.yaml", &format!("{head}{eds}"));
        lab.run(&[]).exits(0).says(&["1 case: 1 passed"]);
        let told = lab.tell(&["explain", "own"]).exits(0);
        assert!(
            told.out.contains("shared with no other case: nobody can tell what"),
            "{}",
            told.out
        );
        for step in [
            "register: {web: [web]}",
            "discovery: hung",
            "start: sds\n    empty: true",
        ] {
            lab.write(
                "scenarios/own.yaml",
                &format!("promise: p\nmesh: own\nsteps:\n  - {step}\n  - {{get: /x, status: 200}}\n"),
            );
            let told = lab.tell(&["lint", "scenarios/own.yaml"]).exits(2);
            if name == "sds" || !step.starts_with("start") {
                told.says(&[&format!(
                    "the control plane of this mesh is `{name}`, a program of your own"
                )]);
            }
        }
    }
}

#[test]
fn the_examples_of_the_reference_are_read() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/scenario.md");
    let page = fs::read_to_string(page).expect("there is the reference");
    let (_, section) = page
        .split_once("### A program of your own")
        .expect("there is the section");
    let section = section.split("\n### ").next().unwrap_or_default();
    let examples: Vec<&str> = section
        .split("```yaml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert_eq!(examples.len(), 2);
    let lab = lab(&python(""), "  - {get: /x, status: 200}\n");
    lab.write("envoy-configs/web.yaml", EDGE);
    let (head, _) = EDGE.split_once("  clusters:\n").expect("there are clusters");
    let answers = head.replace("route: {cluster: web, timeout: 1s}", "direct_response: {status: 200}");
    lab.write("envoy-configs/dynamic.yaml", &answers);
    lab.program("project/control-plane", "#!/bin/sh\n");
    for (number, example) in examples.into_iter().enumerate() {
        let mesh = format!("scenarios/meshes/example-{number}.yaml");
        lab.write(&mesh, example);
        lab.tell(&["lint", &mesh]).exits(0);
    }
}

#[test]
fn a_program_has_no_faults_to_ask_for() {
    let lab = lab(
        &python(""),
        "  - {fault: web, status: 500}\n  - {get: /x, status: 200}\n",
    );
    lab.tell(&["lint", "scenarios/own.yaml"]).exits(2).says(&[
        "the application of `web` is a program of your own",
        "scenarios/own.yaml:4",
    ]);
}
