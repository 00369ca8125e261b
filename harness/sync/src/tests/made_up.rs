//! Recordings in which something was changed.

use serde_json::{Value, json};

use super::{Answer, Clients, Kind, Nack, Pod, Recording, Status, lines, rejections};

/// The recording, with a word of the one service that the discovery service did not know: that it has no hosts.
fn synced() -> Recording {
    let mut seen = Recording::parse(include_str!("recorded/synced.json"));
    let all = seen.intended.iter_mut();
    for of in all.filter(|of| of.kind == "endpoints" && of.name.is_none()) {
        let resources = of.answer["resources"].as_array_mut().unwrap();
        resources.push(json!({"cluster_name": "echo", "endpoints": []}));
    }
    seen
}

/// The recording of one Envoy alone.
fn alone(name: &str) -> Recording {
    let mut seen = synced();
    seen.envoys.retain(|envoy, _| envoy == name);
    seen.clients.retain(|client| client["node"]["id"] == name);
    seen
}

/// The intended resources of a kind, as all of them are asked for.
fn intended<'a>(seen: &'a mut Recording, node_cluster: &str, kind: &str) -> &'a mut Vec<Value> {
    let mut questions = seen.intended.iter_mut();
    let all = questions.find(|of| of.node_cluster == node_cluster && of.kind == kind && of.name.is_none());
    all.unwrap().answer["resources"].as_array_mut().unwrap()
}

/// Replaces the one cluster's endpoint, of which there is one in its locality.
fn lb_endpoint(seen: &mut Recording, locality: usize) -> &mut Value {
    &mut intended(seen, "ads", "endpoints")[0]["endpoints"][locality]["lb_endpoints"][0]
}

#[test]
fn all_that_counts_of_an_endpoint_is_compared() {
    let mut seen = alone("ads");
    lb_endpoint(&mut seen, 0)["load_balancing_weight"] = json!(7);
    let second = lb_endpoint(&mut seen, 1);
    second["health_status"] = json!("DEGRADED");
    let locality = &mut intended(&mut seen, "ads", "endpoints")[0]["endpoints"][1];
    locality["priority"] = json!(1);
    locality["locality"]["zone"] = json!("c");
    insta::assert_snapshot!(seen.lines(), @"ads ads endpoints DIFFERS: `pet` (cluster `pets`) has pet-1 with weight 1, not 7, has pet-2 with health HEALTHY, not DEGRADED, has pet-2 with priority 0, not 1, has pet-2 with zone b, not c");
}

#[test]
fn endpoints_that_are_asked_for_by_a_further_name_are_compared() {
    for transport in ["ads", "delta-grpc", "rest"] {
        let mut seen = alone(transport);
        // All that there is leaves out the name that the Envoy asks for.
        let all = intended(&mut seen, transport, "endpoints");
        let of_pet = all.iter().position(|of| of["cluster_name"] == "pet").unwrap();
        let pet = all.remove(of_pet);
        let mut listed = pet.clone();
        listed["cluster_name"] = json!("pet.shop");
        all.push(listed);
        if transport != "rest" {
            seen.intended.push(super::Question {
                node_cluster: transport.to_owned(),
                kind: "endpoints".to_owned(),
                name: Some("pet".to_owned()),
                answer: json!({"version_info": "", "resources": [pet]}),
            });
        }
        assert_eq!(seen.rows()[0].status, Status::Synced, "{}", seen.lines());
    }
}

#[test]
fn what_is_the_same_to_envoy_does_not_differ() {
    let mut seen = alone("ads");
    let first = lb_endpoint(&mut seen, 0);
    first["health_status"] = json!("UNKNOWN");
    first.as_object_mut().unwrap().shift_remove("load_balancing_weight");
    let twice = first.clone();
    let endpoints = intended(&mut seen, "ads", "endpoints");
    endpoints[0]["endpoints"][0]["lb_endpoints"]
        .as_array_mut()
        .unwrap()
        .push(twice);
    assert_eq!(seen.rows()[0].status, Status::Synced, "{}", seen.lines());
}

#[test]
fn an_endpoint_that_stays_for_its_health_check_is_told_as_such() {
    let mut seen = alone("ads");
    intended(&mut seen, "ads", "endpoints")[0]["endpoints"]
        .as_array_mut()
        .unwrap()
        .pop();
    let clusters = &mut seen.envoys.get_mut("ads").unwrap().clusters["cluster_statuses"];
    let hosts = clusters
        .as_array_mut()
        .unwrap()
        .iter_mut()
        .find(|of| of["name"] == "pets")
        .unwrap();
    hosts["host_statuses"][1]["health_status"]["pending_dynamic_removal"] = json!(true);
    insta::assert_snapshot!(seen.lines(), @"ads ads endpoints DIFFERS: `pet` (cluster `pets`) keeps pet-2 while the health check passes");
}

#[test]
fn of_many_names_a_few_are_told_and_all_are_there() {
    let mut seen = alone("ads");
    let first = lb_endpoint(&mut seen, 0).clone();
    let endpoints = &mut intended(&mut seen, "ads", "endpoints")[0]["endpoints"][0]["lb_endpoints"];
    for last in 10..20 {
        let mut more = first.clone();
        more["endpoint"]["address"]["socket_address"]["address"] = json!(format!("10.0.0.{last}"));
        endpoints.as_array_mut().unwrap().push(more);
    }
    insta::assert_snapshot!(seen.lines(), @"ads ads endpoints DIFFERS: `pet` (cluster `pets`) lacks pet-10, pet-11, pet-12, pet-13, pet-14 and 5 more");
}

#[test]
fn resources_that_differ_are_told_by_field() {
    let mut seen = alone("delta-ads-all");
    let clusters = intended(&mut seen, "delta-ads-all", "clusters");
    clusters[0]["connect_timeout"] = json!("3s");
    let mut other = clusters[0].clone();
    other["name"] = json!("other");
    clusters.push(other);
    intended(&mut seen, "delta-ads-all", "listeners").clear();
    intended(&mut seen, "delta-ads-all", "routes")[0]["virtual_hosts"][0]["routes"][0]["match"]["prefix"] = json!("/x");
    insta::assert_snapshot!(seen.lines(), @r"
    delta-ads-all delta-ads clusters DIFFERS: `other` is missing: the Envoy has no such cluster; `pet` has 1s in `connect_timeout`, not 3s
    delta-ads-all delta-ads endpoints SYNCED: pet (2)
    delta-ads-all delta-ads listeners DIFFERS: `in` is one too many: sds does not intend it
    delta-ads-all delta-ads routes DIFFERS: `to-pet` has / in `virtual_hosts[0].routes[0].match.prefix`, not /x
    ");
}

#[test]
fn a_secret_is_not_compared() {
    let mut seen = alone("delta-ads-all");
    let secret = |text: &str| json!({"private_key": {"inline_string": text}});
    intended(&mut seen, "delta-ads-all", "clusters")[0]["transport_socket"] = secret("key");
    let dump = &mut seen.envoys.get_mut("delta-ads-all").unwrap().config_dump["configs"];
    let dump = dump
        .as_array_mut()
        .unwrap()
        .iter_mut()
        .find(|part| part.get("dynamic_active_clusters").is_some());
    dump.unwrap()["dynamic_active_clusters"][0]["cluster"]["transport_socket"] = secret("[redacted]");
    assert_eq!(seen.rows()[0].status, Status::Synced, "{}", seen.lines());
}

#[test]
fn what_is_sensitive_is_not_shown_wherever_it_is() {
    let bytes = json!({"inline_bytes": "W3JlZGFjdGVkXQ=="});
    for (live, wanted, expected) in [
        (
            json!({"private_key": bytes}),
            json!({"private_key": {"inline_string": "hunter2"}}),
            "`pet` has something else in `transport_socket.private_key.inline_string`",
        ),
        (
            json!({"auth_passwords": []}),
            json!({"auth_passwords": {"inline_string": "hunter2"}}),
            "`pet` has something else in `transport_socket.auth_passwords`",
        ),
        (
            Value::Null,
            json!({"users": {"inline_string": "hunter2"}}),
            "`pet` has nothing in `transport_socket`, not something else",
        ),
        (
            Value::Null,
            json!({"name": "tls"}),
            "`pet` has nothing in `transport_socket`, not {\"name\":\"tls\"}",
        ),
    ] {
        let mut seen = alone("delta-ads-all");
        intended(&mut seen, "delta-ads-all", "clusters")[0]["transport_socket"] = wanted;
        part(&mut seen, "delta-ads-all", ".ClustersConfigDump")["dynamic_active_clusters"][0]["cluster"]["transport_socket"] =
            live;
        let row = seen.rows().remove(0);
        assert_eq!(row.detail, expected);
        assert!(!format!("{row:?}").contains("hunter2"), "{row:?}");
    }
}

/// The part of a dump with this end of its name.
fn part<'a>(seen: &'a mut Recording, envoy: &str, name: &str) -> &'a mut Value {
    let configs = seen.envoys.get_mut(envoy).unwrap().config_dump["configs"].as_array_mut();
    let mut parts = configs.unwrap().iter_mut();
    parts
        .find(|part| part["@type"].as_str().unwrap().ends_with(name))
        .unwrap()
}

/// Puts another listener in use, which asks for the same routes and waits otherwise.
fn second_listener(seen: &mut Recording) {
    let listeners = &mut part(seen, "delta-ads-all", ".ListenersConfigDump")["dynamic_listeners"];
    let mut other = listeners[0].clone();
    other["name"] = json!("other");
    let listener = &mut other["active_state"]["listener"];
    listener["name"] = json!("other");
    let rds = &mut listener["filter_chains"][0]["filters"][0]["typed_config"]["rds"];
    rds["config_source"]["initial_fetch_timeout"] = json!("3s");
    listeners.as_array_mut().unwrap().push(other.clone());
    intended(seen, "delta-ads-all", "listeners").push(other["active_state"]["listener"].clone());
}

#[test]
fn routes_that_came_to_one_of_two_listeners_are_missing_in_the_other() {
    let mut seen = alone("delta-ads-all");
    second_listener(&mut seen);
    let told = seen.lines();
    let told = told.lines().last().unwrap();
    insta::assert_snapshot!(told, @"delta-ads-all delta-ads routes DIFFERS: `to-pet` came 1 of the 2 times that it is waited for (by the listener `in` and the listener `other`): what it did not come to is in use without it");
    // They came to both.
    let routes = &mut part(&mut seen, "delta-ads-all", ".RoutesConfigDump")["dynamic_route_configs"];
    let again = routes[0].clone();
    routes.as_array_mut().unwrap().push(again);
    assert!(
        seen.rows().iter().all(|row| row.status == Status::Synced),
        "{}",
        seen.lines()
    );
}

#[test]
fn routes_of_a_listener_that_drains_are_not_those_of_the_one_that_waited_in_vain() {
    let recorded = |attempts: u64, timeouts: u64, listener: &str, routes: &str| {
        let mut seen = alone("delta-ads-all");
        part(&mut seen, "delta-ads-all", ".ListenersConfigDump")["dynamic_listeners"][0]["active_state"]["last_updated"] =
            json!(listener);
        part(&mut seen, "delta-ads-all", ".RoutesConfigDump")["dynamic_route_configs"][0]["last_updated"] =
            json!(routes);
        let stats = seen.envoys.get_mut("delta-ads-all").unwrap().stats["stats"].as_array_mut();
        let counted = [
            ("update_attempt", attempts),
            ("update_success", 1),
            ("init_fetch_timeout", timeouts),
        ];
        let counted =
            counted.map(|(name, value)| json!({"name": format!("http.in.rds.to-pet.{name}"), "value": value}));
        stats.unwrap().extend(counted);
        seen
    };
    let (before, after) = ("2026-11-29T09:57:07Z", "2026-11-29T09:57:07.051Z");
    let told = recorded(4, 1, after, before).lines();
    insta::assert_snapshot!(told.lines().last().unwrap(), @"delta-ads-all delta-ads routes DIFFERS: `to-pet` did not come in time to the listener `in`, in use without it");
    for (what, seen) in [
        ("it never waited in vain", recorded(3, 0, after, before)),
        ("they came since", recorded(4, 1, before, after)),
        ("it asked once", recorded(3, 1, after, before)),
    ] {
        assert!(
            seen.rows().iter().all(|row| row.status == Status::Synced),
            "{what}: {}",
            seen.lines()
        );
    }
}

#[test]
fn what_is_in_use_without_what_nobody_has_is_told() {
    let mut seen = alone("delta-ads-all");
    intended(&mut seen, "delta-ads-all", "routes").clear();
    part(&mut seen, "delta-ads-all", ".RoutesConfigDump")["dynamic_route_configs"] = json!([]);
    let told = seen.lines();
    insta::assert_snapshot!(told.lines().last().unwrap(), @"delta-ads-all delta-ads routes LACKING: sds has no `to-pet`, and the listener `in` is in use without it");
    let row = seen.rows().pop().unwrap();
    assert_eq!(row.resources[0].lacked_by, ["the listener `in`"]);
    // As long as it is not in use, it lacks nothing.
    let listener = &mut part(&mut seen, "delta-ads-all", ".ListenersConfigDump")["dynamic_listeners"][0];
    listener["warming_state"] = listener["active_state"].take();
    assert_eq!(seen.rows().pop().unwrap().status, Status::Synced, "{}", seen.lines());
}

#[test]
fn secrets_are_told_as_everything_else() {
    let mut seen = alone("delta-ads-all");
    let tls = |name: &str| {
        let secret = json!({"name": name, "sds_config": {"ads": {}, "resource_api_version": "V3"}});
        json!({"name": "tls", "typed_config": {"common_tls_context": {"tls_certificate_sds_secret_configs": [secret]}}})
    };
    let clusters = part(&mut seen, "delta-ads-all", ".ClustersConfigDump");
    clusters["dynamic_active_clusters"][0]["cluster"]["transport_socket"] = tls("client");
    intended(&mut seen, "delta-ads-all", "clusters")[0]["transport_socket"] = tls("client");
    let secret = |key: &str| json!({"name": "client", "tls_certificate": {"private_key": {"inline_string": key}}});
    let version = json!("0123456789abcdef");
    seen.intended.push(super::Question {
        node_cluster: "delta-ads-all".to_owned(),
        kind: "secrets".to_owned(),
        name: None,
        answer: json!({"version_info": version, "resources": [secret("key")]}),
    });
    seen.clients[0]["types"]["secrets"] = json!({"names": ["client"], "version_intended": version,
        "version_sent": version, "version_acknowledged": version});
    let dump = |secrets: Value| {
        json!({"@type": "type.googleapis.com/envoy.admin.v3.SecretsConfigDump",
        "dynamic_active_secrets": secrets, "dynamic_warming_secrets": [{"name": "client"}]})
    };
    let configs = &mut seen.envoys.get_mut("delta-ads-all").unwrap().config_dump["configs"];
    configs.as_array_mut().unwrap().push(dump(json!([])));
    let row = |seen: &Recording| {
        let told = seen.lines();
        told.lines().find(|line| line.contains(" secrets ")).unwrap().to_owned()
    };
    insta::assert_snapshot!(row(&seen), @"delta-ads-all delta-ads secrets DIFFERS: `client` is missing: the Envoy has no such secret");
    let entry = json!({"name": "client", "version_info": version, "secret": secret("[redacted]")});
    *part(&mut seen, "delta-ads-all", ".SecretsConfigDump") = dump(json!([entry]));
    insta::assert_snapshot!(row(&seen), @"delta-ads-all delta-ads secrets SYNCED: client");
    // Where the Envoy has something in another form, there is nothing that it hides; what is intended is not shown either.
    let other = json!({"name": "client", "tls_certificate": {"private_key": {"inline_bytes": "aHVudGVyMg=="}}});
    seen.intended.last_mut().unwrap().answer["resources"] = json!([other]);
    insta::assert_snapshot!(row(&seen), @"delta-ads-all delta-ads secrets DIFFERS: `client` has something else in `tls_certificate.private_key.inline_bytes`");
    *part(&mut seen, "delta-ads-all", ".SecretsConfigDump") = dump(json!([]));
    seen.intended.last_mut().unwrap().answer["resources"] = json!([]);
    insta::assert_snapshot!(row(&seen), @"delta-ads-all delta-ads secrets LACKING: sds has no `client`, and the cluster `pet` is in use without it");
}

#[test]
fn a_type_that_is_not_served_is_told_whether_it_is_asked_for_on_a_stream_or_elsewhere() {
    let mut seen = alone("ads");
    seen.clients[0]["types"]["type.googleapis.com/envoy.service.runtime.v3.Runtime"] =
        json!({"names": ["layer"], "version_intended": "0123456789abcdef"});
    let layers = json!([{"name": "l", "rtds_layer": {"name": "layer", "rtds_config": {"ads": {}}}},
        {"name": "m", "rtds_layer": {"name": "other", "rtds_config": {"ads": {}}}}]);
    part(&mut seen, "ads", ".BootstrapConfigDump")["bootstrap"]["layered_runtime"]["layers"] = layers;
    let filter = json!({"name": "f", "config_discovery": {"config_source": {"api_config_source": {
        "api_type": "REST", "cluster_names": ["sds"]}}, "type_urls": ["x"]}});
    let listener = json!({"name": "in", "filter_chains": [{"filters": [filter]}]});
    part(&mut seen, "ads", ".ListenersConfigDump")["static_listeners"] = json!([{"listener": listener}]);
    let told: Vec<String> = seen.lines().lines().skip(1).map(str::to_owned).collect();
    insta::assert_snapshot!(told.join("\n"), @r"
    ads rest envoy.config.core.v3.TypedExtensionConfig NOT SERVED: sds does not serve this type, and the Envoy asks for it: `f`
    ads ads envoy.service.runtime.v3.Runtime NOT SERVED: sds does not serve this type, and the Envoy asks for it: `layer` and `other`
    ");
}

#[test]
fn what_is_asked_of_another_server_is_left_out() {
    let mut seen = alone("ads");
    let source = json!({"api_config_source": {"api_type": "GRPC", "grpc_services": [{"envoy_grpc": {"cluster_name": "agent"}}]}});
    let secret = json!({"name": "spiffe", "sds_config": source});
    let listener = json!({"name": "in", "transport_socket": {"typed_config": {"secret": secret}}});
    part(&mut seen, "ads", ".ListenersConfigDump")["static_listeners"] = json!([{"listener": listener}]);
    let agent = json!({"name": "agent", "host_statuses": [
        {"address": {"socket_address": {"address": "10.9.9.9", "port_value": 1}}}]});
    let clusters = &mut seen.envoys.get_mut("ads").unwrap().clusters["cluster_statuses"];
    clusters.as_array_mut().unwrap().push(agent);
    let pods: Vec<Pod> = seen
        .pods()
        .into_iter()
        .map(|mut pod| {
            if let Answer::Live(live) = pod.envoy {
                pod.envoy = Answer::Live(Box::new(live.asking(|address| address.to_string() == "127.0.0.1")));
            }
            pod
        })
        .collect();
    let rows = seen.rows_of(&pods);
    assert_eq!(rows.len(), 1, "{}", lines(&rows));
}

#[test]
fn a_nack_that_was_made_good_is_past() {
    let mut seen = alone("ads");
    let topic = &mut seen.clients[0]["types"]["endpoints"];
    topic["last_nack"] = json!({"version": "0123456789abcdef", "code": 13, "message": "no"});
    assert_eq!(seen.rows()[0].status, Status::Synced);
    let nack = seen.rows()[0].subscriptions[0].last_nack.clone();
    assert_eq!(
        nack.map(|Nack { message, .. }| message).as_deref(),
        Some("no"),
        "it is told all the same"
    );
}

#[test]
fn of_two_streams_for_the_same_the_younger_counts() {
    for name in ["grpc", "ads"] {
        let mut seen = alone(name);
        let mut older = seen.clients[0].clone();
        older["types"]["endpoints"]["version_acknowledged"] = json!("0123456789abcdef");
        seen.clients.insert(0, older);
        assert_eq!(seen.rows()[0].status, Status::Synced, "{}", seen.lines());
        seen.clients.rotate_left(1);
        assert_eq!(seen.rows()[0].status, Status::Stale, "{}", seen.lines());
    }
}

#[test]
fn the_worst_of_several_streams_is_told() {
    let mut seen = alone("grpc");
    assert_eq!(seen.clients.len(), 3, "one for each cluster");
    seen.clients[0]["types"]["endpoints"]["version_acknowledged"] = json!("0123456789abcdef");
    insta::assert_snapshot!(seen.lines(), @"grpc grpc endpoints STALE: d879ca8e8bc7f3f4 was sent, and 0123456789abcdef acknowledged");
    let sent = seen.clients[1]["types"]["endpoints"]["version_sent"].clone();
    seen.clients[1]["types"]["endpoints"]["version_acknowledged"] = Value::Null;
    seen.clients[1]["types"]["endpoints"]["last_nack"] = json!({"version": sent, "code": 13, "message": "no\n thanks"});
    insta::assert_snapshot!(seen.lines(), @"grpc grpc endpoints REJECTED: no thanks");
}

#[test]
fn an_envoy_that_says_it_has_no_stream_is_believed() {
    let mut seen = alone("ads");
    let stats = seen.envoys.get_mut("ads").unwrap().stats["stats"]
        .as_array_mut()
        .unwrap();
    let state = stats
        .iter_mut()
        .find(|stat| stat["name"] == "control_plane.connected_state");
    state.unwrap()["value"] = json!(0);
    insta::assert_snapshot!(seen.lines(), @"ads ads endpoints DISCONNECTED: has no stream to sds, as its Envoy says; sds still has one of it");
}

#[test]
fn an_envoy_that_does_not_answer_is_told_with_what_it_would_ask_for() {
    let seen = alone("rest");
    let silent = |name: &str, configuration: Value| Pod {
        name: name.to_owned(),
        envoy: Answer::Silent {
            why: "its Envoy has ended".to_owned(),
            configuration,
        },
        rejections: Default::default(),
    };
    let dump = &seen.envoys["rest"].config_dump["configs"];
    let configs = dump.as_array().unwrap();
    let clusters = configs.iter().find_map(|part| part.get("static_clusters")).unwrap();
    let clusters: Vec<&Value> = clusters.as_array().unwrap().iter().map(|of| &of["cluster"]).collect();
    let node = |id: &str| json!({"id": id, "cluster": "rest"});
    let pods = [
        silent("rest", Value::Null),
        silent(
            "never-came",
            json!({"node": node("never-came"), "static_resources": {"clusters": clusters}}),
        ),
        silent("asks-for-nothing", json!({"node": node("asks-for-nothing")})),
    ];
    insta::assert_snapshot!(lines(&seen.rows_of(&pods)), @r"
    rest rest endpoints UNREACHABLE: its Envoy has ended
    never-came rest endpoints UNREACHABLE: its Envoy has ended
    ");
}

#[test]
fn the_last_refusal_of_each_type_is_found_in_a_log() {
    let log = "[2026-11-24 05:35:51.169][1888][warning][config] [x.cc:132] REST config for /v3/discovery:endpoints rejected: one\n\
               {\"path\": \"/REST config for\"}\n\
               [x] REST config for /v3/discovery:endpoints rejected: two: rejected: three\n\
               [x] REST config for /v3/discovery:runtime rejected: four\n";
    let found = rejections(log);
    assert_eq!(found.len(), 1);
    assert_eq!(found[&Kind::Endpoints], "two: rejected: three");
}

#[test]
fn a_change_between_two_looks_is_seen() {
    let read = |seen: &Recording| seen.clients();
    let before = read(&synced());
    let mut seen = synced();
    assert!(before.intends_the_same(&read(&seen)));
    seen.clients.pop();
    assert!(before.intends_the_same(&read(&seen)), "who has gone says nothing");
    seen.clients[0]["types"]["clusters"]["version_intended"] = json!("0123456789abcdef");
    assert!(!before.intends_the_same(&read(&seen)));
    assert!(before.intends_the_same(&Clients::default()));
}

#[test]
fn what_is_due_and_was_not_sent_is_told() {
    let mut seen = alone("delta-ads");
    let topic = &mut seen.clients[0]["types"]["endpoints"];
    topic["version_intended"] = json!("0123456789abcdef");
    insta::assert_snapshot!(seen.lines(), @"delta-ads delta-ads endpoints NOT SENT: 0123456789abcdef is intended, and ff1745b66d6aa4ae sent");
    let topic = &mut seen.clients[0]["types"]["endpoints"];
    topic["version_sent"] = Value::Null;
    topic["version_acknowledged"] = Value::Null;
    insta::assert_snapshot!(seen.lines(), @"delta-ads delta-ads endpoints NOT SENT: 0123456789abcdef is intended, and nothing was sent");
}

#[test]
fn what_an_envoy_has_from_a_poll_needs_no_next_one_to_say_so() {
    let mut seen = alone("rest");
    let topic = &mut seen.clients[0]["types"]["endpoints"];
    topic["version_acknowledged"] = Value::Null;
    assert_eq!(seen.rows()[0].status, Status::Synced, "{}", seen.lines());
}

/// A newer `sds` tells each poll of a node, too; what it tells of them together is a version that nobody has.
#[test]
fn each_poll_is_judged_by_itself() {
    let mut seen = alone("rest");
    let version = |name: &str, seen: &Recording| {
        let mut intended = seen.intended.iter();
        let of = intended.find(|of| of.node_cluster == "rest" && of.name.as_deref() == Some(name));
        of.unwrap().answer["version_info"].clone()
    };
    let poll = |name: &str, seen: &Recording| {
        let version = version(name, seen);
        json!({"names": [name], "version_intended": version, "version_sent": version, "version_acknowledged": version,
            "last_nack": null})
    };
    let mut polls: Vec<Value> = ["echo", "pet", "petstore"]
        .iter()
        .map(|name| poll(name, &seen))
        .collect();
    let mut ended = polls[0].clone();
    ended["names"] = json!(["ended"]);
    ended["version_intended"] = json!("0123456789abcdef");
    polls.push(ended);
    polls[1]["version_sent"] = json!("fedcba9876543210");
    let together = &mut seen.clients[0]["types"]["endpoints"];
    *together = json!({"names": ["echo", "ended", "pet", "petstore"], "version_intended": "together", "polls": polls});
    insta::assert_snapshot!(seen.lines(), @"rest rest endpoints NOT SENT: d879ca8e8bc7f3f4 is intended, and fedcba9876543210 sent");
    assert_eq!(
        seen.rows()[0].subscriptions.len(),
        3,
        "what it does not ask for any more is left out"
    );
}

#[test]
fn what_was_polled_for_once_and_is_not_asked_for_any_more_has_no_row() {
    let mut seen = alone("rest");
    seen.clients[0]["types"]["routes"] = seen.clients[0]["types"]["endpoints"].clone();
    assert_eq!(seen.rows().len(), 1, "{}", seen.lines());
}

#[test]
fn of_an_envoy_of_which_nothing_is_known_the_youngest_client_says_who_it_is() {
    let mut seen = alone("ads");
    let mut older = seen.clients[0].clone();
    older["node"]["cluster"] = json!("other");
    seen.clients.insert(0, older);
    let mut pods = seen.pods();
    pods[0].envoy = Answer::Silent {
        why: "no answer in time".to_owned(),
        configuration: Value::Null,
    };
    assert_eq!(seen.rows_of(&pods)[0].node.cluster, "ads");
}
