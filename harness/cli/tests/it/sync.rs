//! `meshkat sync` on real Envoys, fed over REST as the project's configurations have it.

use serde_json::{Value, json};

use crate::{lab::Lab, permit::Permit, process::until, sds::Sds};

/// An endpoint that Envoy refuses, and `sds` takes: it is a resource, and no host of the registry.
const REFUSED: &str = r#"{"cluster_name": "pet", "endpoints": [{"lb_endpoints": [
    {"endpoint": {"address": {"socket_address": {"address": "no-address", "port_value": 1}}}}]}]}"#;

/// A mesh of one pod of each kind, all of it in sync.
fn in_sync() -> (Lab, Permit, Sds) {
    let lab = Lab::new();
    let permit = Permit::one();
    lab.tell(&["up", "neighbours", "--detach"]).exits(0);
    let sds = Sds::of(&lab);
    lab.tell(&["sync", "--within", "60"])
        .exits(0)
        .says(&["all 2 in sync; 2 Envoys ask for nothing"]);
    (lab, permit, sds)
}

fn hosts(ips: &[&str]) -> String {
    let host = |ip: &&str| json!({"ip_address": ip, "port": 10000});
    json!({"hosts": ips.iter().map(host).collect::<Vec<_>>()}).to_string()
}

/// The line of a pod in the table.
fn line(out: &str, pod: &str) -> String {
    let line = out.lines().find(|line| line.contains(pod));
    line.unwrap_or_else(|| panic!("no {pod} in\n{out}")).to_owned()
}

#[test]
fn a_change_is_followed_and_told_of() {
    let (lab, _permit, sds) = in_sync();
    let seen = lab.tell(&["sync"]).exits(0);
    let ingress = line(&seen.out, "ingress");
    for part in ["rest", "endpoints", "SYNCED", "echo (1), pet (1) and petstore (1)"] {
        assert!(ingress.contains(part), "`{part}` is not in {ingress}");
    }
    assert!(line(&seen.out, "petstore-1").contains("pet (1)"));
    assert!(!seen.out.contains("pet-1 "), "it asks for nothing: {}", seen.out);

    assert_eq!(
        sds.send("PUT", "/edsservice/pet", &hosts(&["10.0.0.1", "10.0.0.2"])),
        200
    );
    lab.tell(&["sync", "--within", "60"]).exits(0);
    let seen = lab.tell(&["sync", "petstore", "--format", "json"]).exits(0);
    let rows: Vec<Value> = serde_json::from_str(&seen.out).expect("it is JSON");
    let [row] = rows.as_slice() else {
        panic!("one row, and not {rows:?}")
    };
    let version = row["subscriptions"][0]["version_intended"].clone();
    assert!(version.is_string(), "{row}");
    for (at, expected) in [
        ("/pod", json!("petstore-1")),
        ("/node/cluster", json!("petstore")),
        ("/transport", json!("rest")),
        ("/type", json!("endpoints")),
        ("/status", json!("SYNCED")),
        ("/rejection", json!(null)),
        ("/subscriptions/0/names", json!(["pet"])),
        ("/subscriptions/0/version_sent", version.clone()),
        ("/subscriptions/0/last_nack", json!(null)),
        ("/resources/0/name", json!("pet")),
        ("/resources/0/endpoints", json!(2)),
        ("/resources/0/version_live", version),
        ("/resources/0/differences", json!([])),
    ] {
        assert_eq!(row.pointer(at), Some(&expected), "{at} of {row}");
    }

    // Each change is polled within 0.4 s; that one is looked at before it was polled takes a few tries.
    let mut round = 0;
    until("a change that is not followed yet is seen", || {
        round += 1;
        let ip = format!("10.0.1.{}", round % 200 + 1);
        sds.send("PUT", "/edsservice/pet", &hosts(&[&ip, "10.0.0.2"]));
        let seen = lab.tell(&["sync", "petstore-1"]);
        let told = seen.out.contains("NOT SENT");
        assert!(
            !told || seen.out.contains(&format!("`pet` lacks {ip}:10000, has ")),
            "{}",
            seen.out
        );
        told
    });
    lab.tell(&["down"]).exits(0);
}

#[test]
fn what_envoy_refuses_is_told_with_what_it_says() {
    let (lab, _permit, sds) = in_sync();
    let place = "/xds/v3/endpoints/pet?node_cluster=petstore";
    assert_eq!(sds.send("PUT", place, REFUSED), 201);
    let mut seen = lab.tell(&["sync"]);
    until("it is refused", || {
        seen = lab.tell(&["sync"]);
        seen.out.contains("REJECTED")
    });
    let seen = seen.exits(1).says(&["1 of 2 in sync: 1 REJECTED"]);
    let petstore = line(&seen.out, "petstore-1");
    for part in [
        "malformed IP address: no-address",
        "`pet` lacks no-address:1, has pet-1 too many",
    ] {
        assert!(petstore.contains(part), "`{part}` is not in {petstore}");
    }
    assert!(line(&seen.out, "ingress").contains("SYNCED"), "{}", seen.out);
    let seen = lab.tell(&["sync", "petstore-1", "--format", "json"]).exits(1);
    let rows: Value = serde_json::from_str(&seen.out).expect("it is JSON");
    let whole = rows[0]["rejection"].as_str().unwrap_or_default();
    assert!(whole.ends_with("'STRICT_DNS' or 'LOGICAL_DNS'"), "{rows}");
    lab.tell(&["sync", "ingress"]).exits(0).says(&["all 1 in sync"]);

    assert_eq!(sds.send("DELETE", place, ""), 204);
    lab.tell(&["sync", "--within", "60"]).exits(0);
    // That something was refused before does not make a refusal of what comes later.
    assert_eq!(sds.send("DELETE", "/edsservice/pet", ""), 204);
    let mut seen = lab.tell(&["sync"]);
    until("both have heard that pet is not registered any more", || {
        seen = lab.tell(&["sync"]);
        seen.err.contains("0 of 2 in sync: 2 DIFFERS")
    });
    for pod in ["ingress", "petstore-1"] {
        let told = line(&seen.out, pod);
        assert!(
            told.contains("`pet` keeps pet-1, and sds does not know the service"),
            "{told}"
        );
    }
    lab.tell(&["down"]).exits(0);
}

#[test]
fn who_does_not_answer_is_told_as_such() {
    let (lab, _permit, _) = in_sync();
    lab.tell(&["fault", "pause", "ingress/envoy"]).exits(0);
    let seen = lab.tell(&["sync"]).exits(1).says(&["1 of 2 in sync: 1 UNREACHABLE"]);
    let ingress = line(&seen.out, "ingress");
    assert!(
        ingress.contains("UNREACHABLE") && ingress.contains("no answer in time"),
        "{ingress}"
    );
    lab.tell(&["fault", "resume", "ingress/envoy"]).exits(0);
    lab.tell(&["sync", "--within", "60"]).exits(0);

    lab.tell(&["fault", "kill", "petstore-1/envoy"]).exits(0);
    lab.tell(&["fault", "kill", "pet-1/envoy"]).exits(0);
    let mut seen = lab.tell(&["sync"]);
    until("its end is seen", || {
        seen = lab.tell(&["sync"]);
        line(&seen.out, "petstore-1").contains("its Envoy has ended")
    });
    seen.exits(1)
        .says(&["1 of 2 in sync: 1 UNREACHABLE; 2 Envoys ask for nothing"]);

    lab.tell(&["fault", "pause", "sds"]).exits(0);
    let told = lab.tell(&["sync"]).exits(3);
    let told = told.says(&[
        "failed to ask sds at 127.",
        "no answer in time",
        "the Envoys keep what they have",
    ]);
    assert_eq!(told.out, "");
    lab.tell(&["fault", "resume", "sds"]).exits(0);
    lab.tell(&["sync", "ingress", "--within", "60"]).exits(0);
    lab.tell(&["fault", "kill", "sds"]).exits(0);
    let mut told = lab.tell(&["sync"]);
    until("nobody listens any more", || {
        told = lab.tell(&["sync"]);
        told.err.contains("Connection refused")
    });
    told.exits(3).says(&["failed to ask sds at 127."]);
    lab.tell(&["down"]).exits(0);
}

#[test]
fn what_cannot_be_looked_at_is_told_before_anybody_is_asked() {
    let lab = Lab::new();
    lab.tell(&["sync"])
        .exits(4)
        .says(&["no mesh runs", "`meshkat up` starts one"]);
    let _permit = Permit::one();
    lab.tell(&["up", "neighbours", "--detach"]).exits(0);
    lab.tell(&["sync", "petsotre-1"])
        .exits(2)
        .says(&["there is no pod `petsotre-1`", "did you mean `petstore-1`?"]);
    lab.tell(&["sync", "sds"])
        .exits(2)
        .says(&["the pod `sds` has no Envoy"]);
    lab.tell(&["sync", "pet", "echo"])
        .exits(4)
        .says(&["none of the Envoys asks the discovery service for anything"]);
    lab.tell(&["sync", "--mesh", "17"])
        .exits(4)
        .says(&["no mesh `17` runs"]);
    lab.tell(&["sync", "--within", "601"]).exits(2);
    lab.tell(&["down"]).exits(0);
}
