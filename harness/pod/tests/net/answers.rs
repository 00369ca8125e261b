//! What `net` says and exits with, and that trying leaves nothing behind.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use crate::support::{A_WHILE, BINARY, Lab, Listening, SOON, Said, until, wanted};
use serde_json::json;

const REFUSE: &str = r#"{"kind":"refuse"}"#;

#[test]
fn input_that_makes_no_sense_changes_nothing() {
    let Some(lab) = Lab::new(2) else { return };
    let [a, b] = &lab.pods[..] else { return };
    a.must_apply(REFUSE, &[b]);
    for (wanted, said) in [
        ("[]".to_owned(), "failed to read what is wanted"),
        (
            r#"{"peers":[{"address":"10.77.0.2","fault":{"kind":"flood"}}]}"#.to_owned(),
            "unknown variant `flood`",
        ),
        (wanted(REFUSE, &[a]), "it is no other pod's address"),
        (
            wanted(REFUSE, &[b]).replace("10.77.0.2", "127.0.0.1"),
            "it is no other pod's address",
        ),
        (
            wanted(REFUSE, &[b]).replace("10.77.0.2", "10.77.0.255"),
            "it is no other pod's address",
        ),
        (
            wanted(REFUSE, &[b]).replace("10.77.0.2", "192.0.2.1"),
            "behind a gateway",
        ),
    ] {
        let outcome = a.net(&["apply", &wanted]);
        assert_eq!(outcome.code, 2, "{wanted}: {outcome:?}");
        assert!(outcome.stderr.contains(said), "{wanted}: {outcome:?}");
        assert_eq!(outcome.stderr.lines().count(), 1);
    }
    let probed = a.net(&["probe", "--within-ms", "1", "10.77.0.2:1"]);
    assert_eq!(probed.json["silent"][0]["kind"], "refused-here");
    a.must_apply(REFUSE, &[]);
    // Nobody listens: that is an answer.
    let probed = a.net(&["probe", "10.77.0.2:1"]);
    assert_eq!(
        (probed.code, probed.json),
        (0, json!({"answered": ["10.77.0.2:1"], "silent": []}))
    );
}

#[test]
fn without_the_capability_it_says_so() {
    let Some(lab) = Lab::new(2) else { return };
    let [a, b] = &lab.pods[..] else { return };
    let powerless = |arguments: &[&str]| -> Said {
        a.namespace
            .inside(|| {
                Command::new("setpriv")
                    .args(["--bounding-set", "-net_admin", BINARY, "net"])
                    .args(arguments)
                    .output()
                    .unwrap()
            })
            .into()
    };
    for (fault, peers) in [
        (r#"{"kind":"black-hole"}"#, vec![b]),
        (REFUSE, vec![b]),
        (REFUSE, vec![]),
    ] {
        let said = powerless(&["apply", &wanted(fault, &peers)]);
        assert_eq!(said.code, 1, "{said:?}");
        assert!(said.stderr.contains("needs CAP_NET_ADMIN"), "{said:?}");
        assert!(said.json.is_null(), "{said:?}");
    }
    let said = powerless(&["can"]);
    assert_eq!(said.code, 0);
    assert_eq!(said.json["cut"], false);
    assert_eq!(said.json["shape"], false);
    assert!(
        said.json["reasons"]["cut"]
            .as_str()
            .unwrap()
            .contains("needs CAP_NET_ADMIN")
    );
    let listening = b.listen();
    assert_eq!(powerless(&["probe", &listening.address.to_string()]).code, 0);
}

#[test]
fn trying_leaves_nothing_behind() {
    let Some(lab) = Lab::new(1) else { return };
    let pod = &lab.pods[0];
    let all = || {
        pod.namespace
            .sh("ip -o link; ip neigh; ip route show table all; tc qdisc show; nft list ruleset || true")
    };
    let before = all();
    let said = pod.net(&["can"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(said.json["cut"], true);
    assert_eq!(said.json["notes"], json!([]));
    match said.json["shape"].as_bool().unwrap() {
        true => assert_eq!(said.json["reasons"], json!({})),
        false => eprintln!("this kernel: {}", said.json["reasons"]["shape"]),
    }
    assert_eq!(all(), before);
}

#[test]
fn latency_and_loss_where_the_kernel_has_them() {
    let Some(lab) = Lab::new(3) else { return };
    let [a, b, c] = &lab.pods[..] else { return };
    let (at_b, at_c) = (b.listen(), c.listen());
    let latency = r#"{"kind":"latency","delay_ms":300}"#;
    let can = a.net(&["can"]).json;
    if can["shape"] == false {
        eprintln!("NOT SHOWN: {}", can["reasons"]["shape"]);
        let both = format!(
            r#"{{"peers":[{{"address":"{}","fault":{latency}}},{{"address":"{}","fault":{REFUSE}}}]}}"#,
            b.address, c.address
        );
        let said = a.net(&["apply", &both]);
        assert_eq!(
            (said.code, said.stderr.trim_end()),
            (1, can["reasons"]["shape"].as_str().unwrap())
        );
        assert_eq!(a.namespace.sh("tc qdisc show | grep -v noqueue || true"), "");
        // What can be done is done.
        assert!(a.connect_within(at_c.address, SOON).is_err());
        return;
    }
    let taken = |to: &Listening| {
        let started = Instant::now();
        drop(a.connect(to));
        started.elapsed()
    };
    // So that no question for an address is measured.
    let _ = (taken(&at_b), taken(&at_c));
    a.must_apply(latency, &[b]);
    assert!(taken(&at_b) >= Duration::from_millis(300));
    assert!(taken(&at_c) < Duration::from_millis(300));
    a.must_apply(r#"{"kind":"loss","share":1}"#, &[b]);
    assert!(a.connect_within(at_b.address, A_WHILE).is_err());
    let _ = taken(&at_c);
    a.must_apply(latency, &[]);
    assert!(taken(&at_b) < Duration::from_millis(300));
    assert_eq!(a.namespace.sh("tc qdisc show | grep -v noqueue || true"), "");
}

#[test]
fn a_probe_waits_for_who_comes_late() {
    let Some(lab) = Lab::new(2) else { return };
    let [a, b] = &lab.pods[..] else { return };
    b.namespace.sh("ip link set eth0 down");
    let address = "10.77.0.2:80";
    // Else it takes the kernel three seconds to give an address up.
    a.namespace
        .sh("echo 20 > /proc/sys/net/ipv4/neigh/eth0/retrans_time_ms");
    let probed = a.net(&["probe", "--within-ms", "2000", address]);
    assert_eq!(probed.code, 1, "{probed:?}");
    assert_eq!(probed.json["answered"], json!([]));
    assert_eq!(probed.json["silent"][0]["kind"], "unreachable", "{probed:?}");
    a.namespace
        .sh("echo 1000 > /proc/sys/net/ipv4/neigh/eth0/retrans_time_ms");
    std::thread::scope(|scope| {
        let probe = scope.spawn(|| a.net(&["probe", "--within-ms", "30000", address]));
        until("it is being asked", || {
            !a.namespace.sh("ss -Htn state syn-sent").is_empty()
        });
        b.namespace.sh("ip link set eth0 up");
        assert_eq!(probe.join().unwrap().code, 0);
    });
    for wrong in [vec!["probe"], vec!["probe", "10.77.0.2"], vec!["apply"]] {
        assert_eq!(a.net(&wrong).code, 2, "{wrong:?}");
    }
}
