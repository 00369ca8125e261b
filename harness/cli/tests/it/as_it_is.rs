//! Configurations as people have them: brought up as they are, or told at their place.

use std::fs;

use crate::lab::Lab;

const ADMIN: &str = "admin: {address: {socket_address: {address: 0.0.0.0, port_value: 8081}}}\n";
const USUAL: &str = "address: 0.0.0.0, port_value: 10000";

/// A listener at a socket that sends everything to the cluster `echo`; `more` are further fields of its connection manager.
fn listener(socket: &str, more: &str) -> String {
    format!(
        r#"  - address: {{socket_address: {{{socket}}}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: ingress_http
          {more}
          route_config:
            virtual_hosts:
            - {{name: all, domains: ["*"], routes: [{{match: {{prefix: /}}, route: {{cluster: echo, auto_host_rewrite: true}}}}]}}
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
"#
    )
}

/// The cluster `echo` of a kind, at a host.
fn cluster(kind: &str, host: &str) -> String {
    format!(
        "  - name: echo\n    type: {kind}\n    load_assignment: {{cluster_name: echo, endpoints: [{{lb_endpoints: [{{endpoint: \
         {{address: {{socket_address: {{address: {host}, port_value: 8080}}}}}}}}]}}]}}\n"
    )
}

fn config(head: &str, listeners: &[String], clusters: &str) -> String {
    let listeners = listeners.concat();
    format!("{head}static_resources:\n  listeners:\n{listeners}  clusters:\n{clusters}")
}

/// A lab with nothing but these configurations, each with a mesh and a scenario of its name.
fn lab(configs: &[(&str, String)], pods: &str, steps: &str) -> Lab {
    let lab = Lab::new();
    lab.remove_scenarios();
    for folder in ["envoy-configs", "scenarios/meshes"] {
        fs::remove_dir_all(lab.project().join(folder)).expect("the folder is the test's own");
    }
    for (name, text) in configs {
        let (name, file) = match name.split_once('.') {
            Some((stem, _)) => (stem, (*name).to_owned()),
            None => (*name, format!("{name}.yaml")),
        };
        lab.write(&format!("envoy-configs/{file}"), text);
        let mesh = format!("pods:\n  gate: {{envoy: {file}}}\n{pods}");
        lab.write(&format!("scenarios/meshes/{name}.yaml"), &mesh);
        let scenario = format!("promise: The configuration runs as it is.\nmesh: {name}\nsteps:\n{steps}");
        lab.write(&format!("scenarios/as/{name}.yaml"), &scenario);
    }
    lab
}

const ECHO: &str = "  echo: {service: echo}\n";
const REACHED: &str = "  - {get: /x, at: gate, within: 10s, status: 200, json: {host: \"${host}\"}}\n";

/// One for each way in which a configuration differs from those of this repository.
fn ten() -> Vec<(&'static str, String)> {
    let dns = cluster("STRICT_DNS", "echo");
    let node = "node: {id: a, cluster: b}\n";
    let log = r#"access_log: [{name: file, typed_config: {"@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: /var/log/nowhere/access.log}}]"#;
    let json = serde_json::json!({
        "admin": {"address": {"pipe": {"path": "/tmp/never"}}},
        "staticResources": {
            "listeners": [{
                "address": {"socketAddress": {"address": "0.0.0.0", "portValue": 10000}},
                "filterChains": [{"filters": [{"name": "http", "typedConfig": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
                    "statPrefix": "x",
                    "routeConfig": {"virtualHosts": [{"name": "all", "domains": ["*"], "routes": [
                        {"match": {"prefix": "/"}, "route": {"cluster": "echo", "autoHostRewrite": true}}]}]},
                    "httpFilters": [{"name": "router", "typedConfig": {
                        "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}]
                }}]}]
            }],
            "clusters": [{"name": "echo", "type": "LOGICAL_DNS", "loadAssignment": {"clusterName": "echo", "endpoints": [
                {"lbEndpoints": [{"endpoint": {"address": {"socketAddress": {"address": "echo", "portValue": 8080}}}}]}]}}]
        }
    });
    vec![
        ("no-node", config(ADMIN, &[listener(USUAL, "")], &dns)),
        ("no-admin", config(node, &[listener(USUAL, "")], &dns)),
        (
            "other-ports",
            config(
                &ADMIN.replace("8081", "9901"),
                &[listener("address: 0.0.0.0, port_value: 8000", "")],
                &dns,
            ),
        ),
        (
            "ipv6",
            config(
                &ADMIN.replace("0.0.0.0", "'::1'"),
                &[listener("address: '::', port_value: 10000, ipv4_compat: true", "")],
                &dns,
            ),
        ),
        (
            "texts",
            config(
                &ADMIN.replace("8081", "'9902'"),
                &[listener("address: 0.0.0.0, port_value: '8001'", "")],
                &dns.replace("8080", "'8080'"),
            ),
        ),
        (
            "several",
            config(
                ADMIN,
                &[
                    listener("address: 127.0.0.1, port_value: 9001", ""),
                    listener("address: 0.0.0.0, port_value: 9002", ""),
                ],
                &dns,
            ),
        ),
        (
            "low",
            config("", &[listener("address: 0.0.0.0, port_value: 80", "")], &dns),
        ),
        ("json.json", json.to_string()),
        ("logs", config("", &[listener(USUAL, log)], &dns)),
        (
            "qualified",
            config(
                "",
                &[listener(USUAL, "")],
                &cluster("STRICT_DNS", "echo.default.svc.cluster.local"),
            ),
        ),
    ]
}

#[test]
fn ten_configurations_are_brought_up_as_they_are() {
    let lab = lab(&ten(), ECHO, "");
    let steps = |host: &str| REACHED.replace("${host}", host);
    for (name, _) in ten() {
        let name = name.split('.').next().expect("there is a first");
        let host = if name == "qualified" {
            "echo.default.svc.cluster.local"
        } else {
            "echo"
        };
        let text = format!("promise: It runs as it is.\nmesh: {name}\nsteps:\n{}", steps(host));
        lab.write(&format!("scenarios/as/{name}.yaml"), &text);
    }
    let told = lab.tell(&["lint"]).exits(0);
    assert!(told.err.contains("nothing is wrong in 29 files"), "{}", told.err);
    lab.run(&["--jobs", "2"]).exits(0);
    let failed: Vec<_> = lab
        .verdicts()
        .into_iter()
        .filter(|(_, word)| *word != "passed")
        .collect();
    assert_eq!(failed, []);
    assert_eq!(lab.verdicts().len(), 10);
}

#[test]
fn a_file_is_what_stands_in_it() {
    let lab = lab(
        &[("gate", ten().remove(0).1)],
        ECHO,
        "  - {get: /x, at: gate, status: 200}\n",
    );
    lab.write("elsewhere.yaml", &ten()[2].1);
    lab.write("cds.yaml", "resources: []\n");
    lab.write("envoy-configs/lds.yaml", "resources:\n- {name: a}\n");
    // What lies beside a configuration is passed over, as long as nobody means it.
    lab.write(
        "envoy-configs/docker-compose.yaml",
        "services:\n  gate: {image: envoy}\n",
    );
    lab.tell(&["lint", "elsewhere.yaml", "cds.yaml"]).exits(0);
    let told = lab.tell(&["lint"]).exits(2);
    let told = told.says(&["lds.yaml:2:3", "this resource does not say what it is"]);
    assert_eq!(told.err.matches("lds.yaml").count(), 1, "{}", told.err);
    let compose = "envoy-configs/docker-compose.yaml";
    assert!(
        told.err
            .contains(&format!("warning: {compose} is no configuration of an Envoy")),
        "{}",
        told.err
    );
    lab.tell(&["lint", compose])
        .exits(2)
        .says(&["docker-compose.yaml", "there is no listener"]);
    lab.edit("scenarios/meshes/gate.yaml", "gate.yaml", "docker-compose.yaml");
    lab.tell(&["lint", "envoy-configs"])
        .exits(2)
        .says(&["docker-compose.yaml", "there is no listener"]);
}

#[test]
fn what_cannot_be_brought_up_is_told_at_its_place() {
    let dns = cluster("STRICT_DNS", "echo");
    let two = [listener(USUAL, ""), listener(&USUAL.replace("0.0.0.0", "'::'"), "")];
    let configs = [
        (
            "nobody",
            config(ADMIN, &[], &dns).replace("listeners:\n", "listeners: []\n"),
        ),
        ("twice", config(ADMIN, &two, &dns)),
        (
            "file",
            config("", &[listener(USUAL, "")], &dns).replace(
                "route: {cluster: echo, auto_host_rewrite: true}",
                "direct_response: {status: 200, body: {filename: not/there.txt}}",
            ),
        ),
    ];
    let lab = lab(&configs, ECHO, "  - {get: /x, at: gate, status: 200}\n");
    let told = lab.tell(&["lint", "envoy-configs"]).exits(2);
    let line = |file: &str, text: &str| lab.line_of(&format!("envoy-configs/{file}.yaml"), text);
    told.says(&[
        &format!("nobody.yaml:{}:", line("nobody", "listeners:")),
        "there is no listener",
        &format!("twice.yaml:{}:", line("twice", "'::'")),
        "another listener is at port 10000, too",
        &format!("file.yaml:{}:", line("file", "not/there.txt")),
        "there is no file `not/there.txt` beside the configuration",
    ]);
}

#[test]
fn a_host_that_nobody_is_called_is_told_before_anything_starts() {
    let config = |host: &str| config("", &[listener(USUAL, "")], &cluster("STRICT_DNS", host));
    let steps = "  - {get: /x, at: gate, status: 200}\n";
    for host in ["ecko", "echo-1.default.svc.cluster.local", "www.example.com", "echo-2"] {
        let lab = lab(
            &[("foreign", config(host))],
            "  echo: {service: echo, replicas: 1}\n",
            steps,
        );
        let place = format!("foreign.yaml:{}:", lab.line_of("envoy-configs/foreign.yaml", host));
        let what = format!("nobody in the mesh `foreign` is called `{host}`");
        for args in [
            &["lint"][..],
            &["lint", "envoy-configs/foreign.yaml"],
            &["run", "as/foreign"],
        ] {
            let told = lab.tell(args).exits(2).says(&[&place, &what]);
            assert_eq!(told.err.matches(&what).count(), 1, "{}", told.err);
        }
    }
    for host in [
        "echo",
        "ECHO.",
        "echo.shop",
        "echo.shop.svc",
        "echo-1",
        "echo-1.echo.shop.svc.cluster.local",
    ] {
        let lab = lab(
            &[("foreign", config(host))],
            "  echo: {service: echo, replicas: 1}\n",
            steps,
        );
        lab.tell(&["lint"]).exits(0);
    }
}

#[test]
fn an_overlay_is_judged_with_the_configurations_that_it_is_used_with() {
    let good = config("", &[listener(USUAL, "")], &cluster("STRICT_DNS", "echo"));
    let steps = "  - {get: /x, at: gate, status: 200}\n";
    let lab = lab(
        &[
            ("gate", good.clone()),
            (
                "other",
                good.replace("name: echo", "name: ecko")
                    .replace("cluster: echo", "cluster: ecko"),
            ),
        ],
        ECHO,
        steps,
    );
    // It fits `gate` alone, and nobody uses it with `other`.
    let overlay = "about: x\nchanges:\n- {at: 'static_resources.clusters[name=echo]', merge: {connect_timeout: 3s}}\n";
    lab.write("envoy-configs/overlays/slow.yaml", overlay);
    let told = lab.tell(&["lint"]).exits(0);
    assert_eq!(told.err.matches("warning: ").count(), 1, "{}", told.err);
    told.says(&["overlays/slow.yaml is an overlay that no scenario uses"]);
    let use_it = |mesh: &str| format!("promise: x\nmesh: {{use: {mesh}, overlays: slow}}\nsteps:\n{steps}");
    lab.write("scenarios/as/gate.yaml", &use_it("gate"));
    let told = lab.tell(&["lint"]).exits(0);
    assert!(!told.err.contains("warning"), "{}", told.err);
    lab.write("envoy-configs/overlays/slow.yaml", &overlay.replace("3s", "soon"));
    lab.tell(&["lint"])
        .exits(2)
        .says(&["slow.yaml:3:3", "Envoy refuses gate.yaml with it"]);
    let told = lab.tell(&["lint"]).exits(2).err;
    assert!(
        !told.contains("virtual_hosts"),
        "Envoy repeats the whole configuration: {told}"
    );
    // What is wrong with the configuration itself is told of that alone.
    lab.write("envoy-configs/overlays/slow.yaml", overlay);
    lab.edit("envoy-configs/gate.yaml", "stat_prefix", "stat_prefx");
    let told = lab.tell(&["lint"]).exits(2);
    let place = format!("gate.yaml:{}:", lab.line_of("envoy-configs/gate.yaml", "stat_prefx"));
    let told = told.says(&[&place]);
    assert!(told.err.ends_with("error: 1 problem in 1 file\n"), "{}", told.err);
}

#[test]
fn files_are_found_beside_the_configuration_from_any_folder() {
    let scripted = listener(USUAL, "").replace(
        "route: {cluster: echo, auto_host_rewrite: true}",
        "direct_response: {status: 200, body: {filename: texts/reply.txt}}",
    );
    let ads = "dynamic_resources: {cds_config: {resource_api_version: V3, path: /var/lib/envoy/xds/cds.yaml}, lds_config: {resource_api_version: V3, \
               path_config_source: {path: xds/lds.yaml}}}\n";
    let lab = lab(
        &[
            ("reply", config("", &[scripted], "")),
            ("xds", format!("node: {{id: a, cluster: b}}\n{ads}")),
        ],
        "  echo: {service: echo, replicas: 2}\n",
        "  - {get: /x, at: gate, status: 200}\n",
    );
    lab.write("envoy-configs/texts/reply.txt", "from a file\n");
    let indented = |text: &str| text.lines().skip(1).map(|line| format!("{line}\n")).collect::<String>();
    let kind = |kind: &str| format!("- '@type': type.googleapis.com/envoy.config.{kind}\n");
    let lds = listener("address: 0.0.0.0, port_value: 8000", "");
    let address = "  address: {socket_address: {address: 0.0.0.0, port_value: 8000}}\n";
    let lds = format!(
        "resources:\n{}  name: l\n{address}{}",
        kind("listener.v3.Listener"),
        indented(&lds)
            .replace("\n  ", "\n")
            .replacen("    filter", "  filter", 1)
    );
    lab.write("envoy-configs/xds/lds.yaml", &lds);
    let cds = cluster("STRICT_DNS", "echo")
        .replace("  - name", "  name")
        .replace("\n    ", "\n  ");
    lab.write(
        "envoy-configs/xds/cds.yaml",
        &format!("resources:\n{}{cds}", kind("cluster.v3.Cluster")),
    );
    lab.write(
        "scenarios/as/reply.yaml",
        "promise: x\nmesh: reply\nsteps:\n  - {get: /x, at: gate, within: 10s, status: 200, contains: from a file}\n",
    );
    let steps = "  - {get: /x, at: gate, within: 10s, status: 200}\n  - {get: /x, at: gate, times: 10, status: 200, distinct: {echo: 2}}\n  - {scale: {echo: 3}}\n  - {get: /x, at: gate, times: \
                 12, status: 200, distinct: {echo: 3}}\n";
    lab.write(
        "scenarios/as/xds.yaml",
        &format!("promise: x\nmesh: xds\nsteps:\n{steps}"),
    );
    lab.tell(&["lint"]).exits(0);
    let mut below = lab.run_command(&[]);
    below.current_dir(lab.project().join("scenarios/as"));
    let _permit = crate::permit::Permit::one();
    lab.tell_command(below).exits(0);
}

const FRONT: &str = "  front: {service: echo, replicas: 2}\n  echo: {service: echo, replicas: 2}\n";

#[test]
fn a_name_means_every_pod_of_its_group_and_follows_it() {
    let text = config(
        "",
        &[listener(USUAL, "")],
        &cluster("STRICT_DNS", "echo.shop.svc.cluster.local"),
    );
    let steps = "  - {get: /x, at: gate, within: 10s, status: 200}
  - {envoy: gate, endpoints: {echo: 2}}
  - {get: /x, at: gate, times: 20, status: 200, distinct: {echo: 2}, json: {host: echo.shop.svc.cluster.local}}
  - {scale: {echo: 4}}
  - {get: /x, at: gate, times: 40, status: 200, distinct: {echo: 4}}
  - {scale: {echo: 1}}
  - {get: /x, at: gate, times: 10, status: 200, distinct: {echo: 1}}
  - {scale: {echo: 0}}
  - {get: /x, at: gate, status: 503}
";
    let logical = config("", &[listener(USUAL, "")], &cluster("LOGICAL_DNS", "echo"));
    let lab = lab(&[("strict", text), ("logical", logical)], FRONT, steps);
    let steps = "  - {get: /x, at: gate, within: 10s, status: 200}\n  - {envoy: gate, endpoints: {echo: 1}}\n  - {get: /x, at: gate, times: 9, status: 200, json: {host: echo}}\n";
    lab.write(
        "scenarios/as/logical.yaml",
        &format!("promise: x\nmesh: logical\nsteps:\n{steps}"),
    );
    lab.run(&[]).exits(0);
}

#[test]
fn a_pod_without_an_envoy_is_found_by_discovery() {
    let eds = "  - name: echo
    type: EDS
    eds_cluster_config: {eds_config: {resource_api_version: V3, initial_fetch_timeout: 2s, api_config_source: {api_type: REST, transport_api_version: V3, cluster_names: [sds], refresh_delay: 0.1s, request_timeout: 1s}}}
";
    let clusters = format!(
        "{eds}{}",
        cluster("STRICT_DNS", "sds").replace("name: echo", "name: sds")
    );
    let steps = "  - {get: /x, at: gate, within: 10s, status: 200}
  - {get: /x, at: gate, times: 10, status: 200, distinct: {echo: 2}}
  - {register: {echo: [echo-2]}}
  - {envoy: gate, endpoints: {echo: [echo-2]}}
  - {get: /x, at: gate, times: 5, status: 200, served-by: echo-2}
";
    let pods = "  sds: {service: sds}\n  echo: {service: echo, replicas: 2}\n";
    let lab = lab(&[("bare", config("", &[listener(USUAL, "")], &clusters))], pods, steps);
    lab.tell(&["lint"]).exits(0);
    lab.run(&[]).exits(0);
}

#[test]
fn scalars_reach_envoy_as_it_reads_them() {
    let headers = "response_headers_to_add: [{header: {key: x-a, value: 1.10}}, {header: {key: x-b, value: 1e3}}, {header: {key: x-c, \
                   value: .inf}}, {header: {key: x-d, value: 2024-01-02}}, {header: {key: x-e, value: 9007199254740993}}]";
    let text = listener(USUAL, "").replace(
        "route: {cluster: echo, auto_host_rewrite: true}",
        &format!("direct_response: {{status: 200}}, {headers}"),
    );
    let steps = "  - {get: /, at: gate, within: 10s, status: 200, response-headers: {x-a: \"1.10\", x-b: \"1e3\", x-c: \".inf\", x-d: \"2024-01-02\", x-e: \
                 \"9007199254740993\"}}\n";
    let lab = lab(&[("scalars", config("", &[text], ""))], ECHO, steps);
    lab.tell(&["lint"]).exits(0);
    lab.run(&[]).exits(0);
}

#[test]
fn a_log_in_any_format_is_evidence() {
    let default = r#"access_log: [{name: s, typed_config: {"@type": type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog}}]"#;
    let own = r#"access_log: [{name: f, typed_config: {"@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: /tmp/own.log, log_format: {json_format: {http: {s: "%RESPONSE_CODE%"}, why: "%RESPONSE_FLAGS%", m: "%REQ(:METHOD)%", p: "%REQ(:PATH)%"}}}}]"#;
    let dead = cluster("STRICT_DNS", "echo").replace("8080", "8099");
    let configs = [
        ("text", config("", &[listener(USUAL, default)], &dead)),
        ("own", config("", &[listener(USUAL, own)], &dead)),
    ];
    let lab = lab(
        &configs,
        ECHO,
        "  - {get: /dead, at: gate, within: 10s, status: 503}\n  - {get: /dead, at: gate, status: 200}\n",
    );
    lab.run(&[]).exits(1);
    for name in ["text", "own"] {
        let failure = lab.failure(&format!("as/{name}"));
        let is_told =
            |hint: &String| hint.contains("GET /dead") && hint.contains("with 503") && hint.contains("flags UF");
        assert!(failure.hints.iter().any(is_told), "{name}: {:?}", failure.hints);
        let log = lab.report().join(format!("failures/as/{name}/gate/access.log"));
        let log = fs::read_to_string(log).expect("it is there");
        assert!(log.contains("UF"), "{name}: {log}");
    }
}

#[test]
fn what_several_versions_refuse_is_told_once_at_its_line() {
    crate::lab::fetch_envoys();
    let good = config("", &[listener(USUAL, "")], &cluster("STRICT_DNS", "echo"));
    for (from, to) in [
        ("type: STRICT_DNS", "type: STRICT_DNS\n    connect_timeout: -1s"),
        (
            "type: STRICT_DNS",
            "type: STRICT_DNS\n    outlier_detection: {max_ejection_percent: 200}",
        ),
        ("type: STRICT_DNS", "type: STRICT_DNS\n    lb_policy: ROUND"),
    ] {
        let lab = lab(
            &[("gate", good.replace(from, to))],
            ECHO,
            "  - {get: /x, at: gate, status: 200}\n",
        );
        let told = lab
            .tell(&["lint", "envoy-configs", "--envoy", "1.38", "--envoy", "1.40"])
            .exits(2);
        let (_, wrong) = to.split_once("\n    ").expect("it has two lines");
        let place = format!("gate.yaml:{}:", lab.line_of("envoy-configs/gate.yaml", wrong));
        let told = told.says(&[&place]);
        assert_eq!(told.err.matches("Envoy refuses").count(), 1, "{}", told.err);
        assert!(!told.err.contains("only with"), "{}", told.err);
    }
}
