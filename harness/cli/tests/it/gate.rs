//! An edge of somebody's own before echoes, without a discovery service: what it is asked, what is asked of it, and when it is
//! ready.

use crate::{lab::Lab, permit::Permit};

/// A route to the echoes.
const TO_ECHO: &str = "\n              - match: {prefix: /}\n                route: {cluster: echo, timeout: 5s}";

/// How an edge differs from another.
struct Gate<'a> {
    routes: &'a str,
    filters: &'a str,
    cluster: &'a str,
    echoes: usize,
    /// More keys of the mesh file.
    mesh: &'a str,
}

impl Default for Gate<'_> {
    fn default() -> Self {
        Self {
            routes: TO_ECHO,
            filters: "",
            cluster: "",
            echoes: 1,
            mesh: "",
        }
    }
}

impl Gate<'_> {
    /// A project with this edge alone, called `gate`, in the mesh `gate`.
    fn lab(&self) -> Lab {
        let lab = Lab::new();
        lab.remove_scenarios();
        let hosts: Vec<String> = (1..=self.echoes)
            .map(|number| format!("\n        - endpoint: {{address: {{socket_address: {{address: echo-{number}, port_value: 8080}}}}}}"))
            .collect();
        let url = "type.googleapis.com/envoy.extensions.filters";
        let config = format!(
            "node: {{id: gate, cluster: gate}}
admin: {{address: {{socket_address: {{address: 0.0.0.0, port_value: 8081}}}}}}
static_resources:
  listeners:
  - name: inbound
    address: {{socket_address: {{address: 0.0.0.0, port_value: 10000}}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          \"@type\": {url}.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: ingress_http
          route_config:
            name: local
            virtual_hosts:
            - name: all
              domains: [\"*\"]
              routes:{}
          http_filters:{}
          - name: envoy.filters.http.router
            typed_config: {{\"@type\": {url}.http.router.v3.Router}}
  clusters:
  - name: echo
    type: STRICT_DNS
    connect_timeout: 0.5s{}
    load_assignment:
      cluster_name: echo
      endpoints:
      - lb_endpoints:{}
",
            self.routes,
            self.filters,
            self.cluster,
            hosts.concat()
        );
        lab.write("envoy-configs/gate.yaml", &config);
        let mesh = format!(
            "{}pods:\n  gate: {{envoy: gate.yaml}}\n  echo: {{service: echo, replicas: {}}}\n",
            self.mesh, self.echoes
        );
        lab.write("scenarios/meshes/gate.yaml", &mesh);
        lab
    }
}

/// A scenario on the mesh `gate`; its first step is in line 4.
fn scenario(lab: &Lab, name: &str, steps: &str) {
    let text = format!("promise: It is as it is said to be.\nmesh: gate\nsteps:\n{steps}");
    lab.write(&format!("scenarios/own/{name}.yaml"), &text);
}

/// Where a private path is not let through, by its plain name alone.
const GUARDED: &str = "
              - match: {prefix: /private}
                direct_response: {status: 403}
              - match: {prefix: /}
                route: {cluster: echo}";

#[test]
fn a_path_reaches_envoy_as_it_was_written() {
    let lab = Gate {
        routes: GUARDED,
        ..Gate::default()
    }
    .lab();
    let spellings = [
        ("up", "/open/../private/x", 200),
        ("here", "/./private/x", 200),
        ("backslash", r"/open\..\private/x", 200),
        ("double", "//private/x", 200),
        // Envoy refuses what a client that speaks for people would have dropped.
        ("fragment", "/open#/private", 400),
    ];
    scenario(&lab, "plain", "  - {get: /private/x, at: gate, status: 403}\n");
    for (name, path, _) in spellings {
        scenario(&lab, name, &format!("  - {{get: '{path}', at: gate, status: 403}}\n"));
    }
    let seen = |path: &str| format!("  - {{get: \"{path}\", at: gate, status: 200, json: {{path: \"{path}\"}}}}\n");
    let paths = [
        "/it's/%2e%2E/x",
        "/open/../private/x",
        r"/open\\..\\private/x",
        "//a//b/",
        "/a;b=(c)/%7E~",
    ];
    scenario(&lab, "seen", &paths.map(seen).concat());
    lab.run(&["--culprit-within", "0"]).exits(1);
    for (name, path, status) in spellings {
        let failure = lab.failure(&format!("own/{name}"));
        assert_eq!(failure.expected, "status 403", "{path}");
        assert!(failure.actual.starts_with(&status.to_string()), "{path}: {failure:?}");
        assert!(failure.step.contains(path), "{failure:?}");
    }
    for name in ["plain", "seen"] {
        assert_eq!(lab.case(&format!("own/{name}")).status.word(), "passed", "{name}");
    }
}

/// Five requests of a minute get through, by a token bucket whose counters have a prefix of their own.
const LIMITED: &str = "
              - match: {prefix: /limited}
                route: {cluster: echo}
                typed_per_filter_config:
                  envoy.filters.http.local_ratelimit:
                    \"@type\": type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit
                    stat_prefix: limited
                    token_bucket: {max_tokens: 5, tokens_per_fill: 5, fill_interval: 600s}
                    filter_enabled: {default_value: {numerator: 100, denominator: HUNDRED}}
                    filter_enforced: {default_value: {numerator: 100, denominator: HUNDRED}}
              - match: {prefix: /}
                route: {cluster: echo}";
const LIMIT: &str = "
          - name: envoy.filters.http.local_ratelimit
            typed_config:
              \"@type\": type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit
              stat_prefix: everywhere";

fn limited() -> Lab {
    Gate {
        routes: LIMITED,
        filters: LIMIT,
        ..Gate::default()
    }
    .lab()
}

#[test]
fn a_counter_of_any_prefix_is_what_envoy_says_and_one_that_cannot_be_is_never_0() {
    let lab = limited();
    let limit =
        "  - {get: /limited, at: gate, times: 5, status: 200}\n  - {get: /limited, at: gate, times: 3, status: 429}\n";
    let stat = |name: &str, bound: &str| format!("{limit}  - {{envoy: gate, stats: {{{name}: {bound}}}}}\n");
    let counter = "limited.http_local_rate_limit.rate_limited";
    for (name, stats, bound) in [
        ("right", counter, "3"),
        ("zero", counter, "0"),
        ("lazy", "cluster.echo.upstream_rq_5xx", "0"),
        ("lazy-retry", "cluster.echo.retry.upstream_rq_503", "0"),
        ("runtime", "runtime.load_error", "0"),
        ("cluster", "cluster.ecko.upstream_rq_5xx", "0"),
        ("end", "cluster.echo.upstream_rq_5xxx", "0"),
        ("prefix", "http.ingress.downstream_rq_5xx", "0"),
        ("root", "clustr.echo.upstream_rq_5xx", "0"),
        ("below", counter, "\"< 1\""),
    ] {
        scenario(&lab, name, &stat(stats, bound));
    }
    let share = "  - {envoy: gate, share: {part: cluster.echo.upstream_rq_total, of: cluster.ecko.upstream_rq_total, is: 50%}}\n";
    scenario(&lab, "share", share);
    lab.run(&["--culprit-within", "0"]).exits(1);
    for name in ["right", "lazy", "lazy-retry", "runtime"] {
        assert_eq!(lab.case(&format!("own/{name}")).status.word(), "passed", "{name}");
    }
    for name in ["zero", "below"] {
        assert_eq!(lab.failure(&format!("own/{name}")).actual, "3", "{name}");
    }
    let none = "this Envoy has no counter or gauge of this name; did you mean";
    for (name, told) in [
        (
            "cluster",
            "this Envoy has no `cluster.ecko`, of which it could count something; did you mean",
        ),
        ("end", none),
        ("prefix", none),
        ("root", none),
        ("share", "`cluster.ecko.upstream_rq_total`: this Envoy has no"),
    ] {
        let actual = lab.failure(&format!("own/{name}")).actual;
        assert!(actual.starts_with(told), "{name}: {actual}");
    }
}

#[test]
fn every_expectation_of_a_step_that_does_not_hold_is_told() {
    let lab = Gate::default().lab();
    let stats = "  - {get: /x, at: gate, status: 200}\n  - envoy: gate\n    stats:\n      cluster.echo.upstream_rq_200: 1\n      \
                 cluster.echo.upstream_rq_404: \"> 0\"\n      cluster.echo.upstream_cx_total: 7\n";
    scenario(&lab, "stats", stats);
    scenario(
        &lab,
        "answer",
        "  - {get: /x, at: gate, status: 404, response-headers: {x-nobody: here}, json: {path: /y}, that: status == 300}\n",
    );
    lab.run(&["--culprit-within", "0"]).exits(1);
    let failure = lab.failure("own/stats");
    assert_eq!(
        failure.message,
        "2 expectations do not hold: (1) `cluster.echo.upstream_rq_404` of the Envoy of gate is not what it should be; (2) \
         `cluster.echo.upstream_cx_total` of the Envoy of gate is not what it should be"
    );
    assert_eq!(failure.expected, "(1) > 0\n(2) 7");
    assert_eq!(
        failure.actual,
        "(1) 0 (Envoy has not made `cluster.echo.upstream_rq_404` yet)\n(2) 1"
    );
    assert_eq!(failure.line, 8);
    let failure = lab.failure("own/answer");
    assert!(
        failure
            .message
            .starts_with("4 expectations do not hold: (1) wrong status; (2) wrong header"),
        "{failure:?}"
    );
    assert_eq!(
        failure.expected,
        "(1) status 404\n(2) x-nobody: here\n(3) {\"path\":\"/y\"}\n(4) status == 300"
    );
}

#[test]
fn cases_do_not_share_a_mesh_that_remembers_what_it_has_served() {
    let lab = limited();
    let steps = "  - {get: /limited, at: gate, times: 5, status: 200}\n  - {get: /limited, at: gate, status: 429}\n";
    scenario(&lab, "one", steps);
    scenario(&lab, "two", steps);
    lab.run(&["--jobs", "1"]).exits(0).says(&["2 cases: 2 passed"]);
    let told = lab.tell(&["explain", "own/one"]).exits(0);
    assert!(
        told.out.contains("an Envoy with gate.yaml keeps token buckets"),
        "{}",
        told.out
    );
}

#[test]
fn a_file_says_that_nobody_shares_its_mesh() {
    let meshes = |lab: &Lab| {
        let told = lab.tell(&["list", "own/*", "--jobs", "1"]).exits(0);
        told.err
            .split(" on ")
            .nth(1)
            .map(|rest| rest.split([',', ';']).next().unwrap_or_default().to_owned())
    };
    let write = |lab: &Lab| {
        for name in ["one", "two"] {
            scenario(lab, name, "  - {get: /x, at: gate, status: 200}\n");
        }
    };
    let lab = Gate::default().lab();
    write(&lab);
    assert_eq!(meshes(&lab).as_deref(), Some("1 mesh"));
    lab.edit("scenarios/own/one.yaml", "mesh: gate\n", "mesh: gate\nshare: never\n");
    assert_eq!(meshes(&lab).as_deref(), Some("2 meshes"));
    let lab = Gate {
        mesh: "share: never\n",
        ..Gate::default()
    }
    .lab();
    write(&lab);
    assert_eq!(meshes(&lab).as_deref(), Some("2 meshes"));
}

#[test]
fn pods_whose_host_names_an_envoy_was_told_do_not_come_and_go_between_cases() {
    let lab = Gate::default().lab();
    let mesh = "pods:\n  gate: {envoy: gate.yaml}\n  echo: {service: echo, replicas: 1}\n  more: {service: echo, replicas: 1}\n";
    lab.write("scenarios/meshes/gate.yaml", mesh);
    let text = |replicas: &str| {
        format!(
            "promise: It has its pods.\nmesh: {{use: gate, replicas: {{{replicas}: \"${{pods}}\"}}}}\naxes: {{pods: [1, 2]}}\nsteps:\n  - \
             {{get: /x, at: gate, status: 200, that: pods.size() == 2 + params.pods}}\n"
        )
    };
    for (group, told) in [
        ("echo", "2 cases on 2 meshes; "),
        ("more", "2 cases on 1 mesh, 1 scaling; "),
    ] {
        lab.write("scenarios/own/sized.yaml", &text(group));
        let list = lab.tell(&["list", "--jobs", "1"]).exits(0);
        assert!(list.err.contains(told), "{group}: {}", list.err);
        lab.run(&["--jobs", "1"]).exits(0).says(&["2 cases: 2 passed"]);
    }
}

#[test]
fn a_failure_on_a_mesh_that_was_used_before_says_so() {
    let lab = Gate::default().lab();
    scenario(&lab, "first", "  - {get: /x, at: gate, status: 200}\n");
    scenario(&lab, "second", "  - {get: /x, at: gate, status: 404}\n");
    lab.run(&["--jobs", "1", "--order", "written"]).exits(1);
    let hints = lab.failure("own/second").hints;
    let told = "this mesh had been used before, by own/first: `--share never` gives each case a new one";
    assert!(hints.iter().any(|hint| hint.starts_with(told)), "{hints:?}");
    lab.run(&["own/second"]).exits(1);
    let hints = lab.failure("own/second").hints;
    assert!(!hints.iter().any(|hint| hint.contains("used before")), "{hints:?}");
}

/// Checks that take a while: until the first is through, an Envoy is not live.
const CHECKED: &str = "
    health_checks:
    - {timeout: 1s, interval: 60s, unhealthy_threshold: 2, healthy_threshold: 1, http_health_check: {path: /healthz}}
    common_lb_config: {healthy_panic_threshold: {value: 0}}";

#[test]
fn a_mesh_is_ready_when_it_takes_connections_and_knows_who_is_well() {
    let lab = Gate {
        cluster: CHECKED,
        echoes: 2,
        ..Gate::default()
    }
    .lab();
    let numbers: Vec<String> = (1..=12).map(|number| number.to_string()).collect();
    let text = format!(
        "promise: Two that are well share the requests.\nmesh: gate\naxes: {{n: [{}]}}\nsteps:\n  - {{get: \"/x?n=${{n}}\", at: gate, \
         times: 10, status: 200, distinct: {{echo: 2}}}}\n",
        numbers.join(", ")
    );
    lab.write("scenarios/own/ready.yaml", &text);
    let _permit = Permit::two();
    let run = lab.run_command(&["--share", "never", "--jobs", "4"]);
    lab.tell_command(run).exits(0).says(&["12 cases: 12 passed"]);
}

#[test]
fn a_mesh_with_a_discovery_service_waits_for_those_who_check_as_well() {
    let lab = Gate {
        cluster: CHECKED,
        echoes: 2,
        ..Gate::default()
    }
    .lab();
    let mesh = "pods:\n  sds: {service: sds}\n  gate: {envoy: gate.yaml}\n  echo: {service: echo, envoy: echo.yaml, replicas: 2}\n";
    lab.write("scenarios/meshes/gate.yaml", mesh);
    scenario(
        &lab,
        "ready",
        "  - {get: /x, at: gate, times: 10, status: 200, distinct: {echo: 2}}\n",
    );
    lab.run(&[]).exits(0);
}

#[test]
fn connections_are_as_many_as_a_step_says() {
    let lab = Gate {
        echoes: 3,
        ..Gate::default()
    }
    .lab();
    let url = "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy";
    let config = std::fs::read_to_string(lab.project().join("envoy-configs/gate.yaml")).expect("it is there");
    let (before, rest) = config
        .split_once("      - name: envoy.filters.network.http_connection_manager")
        .expect("it has one");
    let (_, clusters) = rest.split_once("  clusters:\n").expect("it has some");
    let proxy = format!(
        "      - name: proxy\n        typed_config: {{\"@type\": {url}, stat_prefix: tcp, cluster: echo}}\n  clusters:\n"
    );
    lab.write("envoy-configs/gate.yaml", &format!("{before}{proxy}{clusters}"));
    let get = |more: &str| format!("  - {{get: /x, at: gate, times: 12, status: 200, {more}}}\n");
    scenario(&lab, "shared", &get("distinct: {echo: 1}"));
    scenario(&lab, "fresh", &get("connections: fresh, distinct: {echo: 3}"));
    scenario(&lab, "two", &get("connections: 2, distinct: {echo: 2}"));
    let load = "  - {load: some, get: /x, at: gate, rate: 100/s, connections: 3}\n  - {expect: some, for: 500ms, errors: 0, distinct: {echo: 3}}\n";
    scenario(&lab, "load", load);
    lab.run(&[]).exits(0).says(&["4 cases: 4 passed"]);
}
