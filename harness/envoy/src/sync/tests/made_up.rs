//! Recordings in which something was changed.

use serde_json::{Value, json};

use super::{Answer, Clients, Kind, Nack, Pod, Recording, Status, lines, rejections};

fn synced() -> Recording {
    Recording::parse(include_str!("recorded/synced.json"))
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
               [x] REST config for /v3/discovery:secrets rejected: four\n";
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
