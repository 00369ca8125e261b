//! Black holes and refusals, as real sockets see them.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{TcpStream, UdpSocket},
    process::Command,
    time::Instant,
};

use crate::support::{A_WHILE, Lab, Listening, Pair, Pod, SOON, until, wanted};
use serde_json::json;

const BLACK_HOLE: &str = r#"{"kind":"black-hole"}"#;
const REFUSE: &str = r#"{"kind":"refuse"}"#;

fn three() -> Option<(Lab, [Pod; 3])> {
    let mut lab = Lab::new(3)?;
    let pods = std::mem::take(&mut lab.pods).try_into().ok()?;
    Some((lab, pods))
}

/// What is said on one side is heard on the other, both ways.
fn talks(Pair { client, server }: &mut Pair) {
    client.write_all(b"ping").unwrap();
    hears(server, b"ping");
    server.write_all(b"pong").unwrap();
    hears(client, b"pong");
}

fn hears(to: &mut TcpStream, said: &[u8]) {
    let mut heard = vec![0; said.len()];
    to.read_exact(&mut heard).unwrap();
    assert_eq!(heard, said);
}

fn hears_nothing(to: &mut TcpStream) {
    to.set_read_timeout(Some(A_WHILE)).unwrap();
    let error = to.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    to.set_read_timeout(Some(SOON)).unwrap();
}

fn breaks(stream: &mut TcpStream) -> ErrorKind {
    stream.read(&mut [0]).unwrap_err().kind()
}

fn refused_at_once(from: &Pod, to: &Listening, kind: ErrorKind) {
    let started = Instant::now();
    let error = from.connect_within(to.address, SOON).unwrap_err();
    assert_eq!(error.kind(), kind);
    assert!(started.elapsed() < SOON / 4, "not at once: {:?}", started.elapsed());
}

fn times_out(from: &Pod, to: &Listening) {
    let error = from.connect_within(to.address, A_WHILE).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
}

fn answers_probe(from: &Pod, to: &[&Listening]) {
    let addresses = to.iter().map(|to| to.address.to_string()).collect::<Vec<_>>();
    let mut arguments = vec!["probe", "--within-ms", "20000"];
    arguments.extend(addresses.iter().map(String::as_str));
    let said = from.net(&arguments);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(said.json, json!({"answered": addresses, "silent": []}));
}

/// Nothing that `apply` makes is there.
fn untouched(pod: &Pod) {
    let made = pod
        .namespace
        .sh("ip neigh show nud permanent; ip route show proto 109; tc qdisc show | grep -v noqueue || true");
    assert_eq!(made, "");
}

#[test]
fn a_black_hole_swallows_and_gives_back() {
    let Some((_lab, [a, b, c])) = three() else { return };
    let (at_a, at_b, at_c) = (a.listen(), b.listen(), c.listen());
    let mut pair = a.connect(&at_b);
    let mut other = a.connect(&at_c);
    talks(&mut pair);

    a.must_apply(BLACK_HOLE, &[&b]);
    b.must_apply(BLACK_HOLE, &[&a]);
    pair.client.write_all(b"meanwhile").unwrap();
    hears_nothing(&mut pair.server);
    pair.server.write_all(b"likewise").unwrap();
    hears_nothing(&mut pair.client);
    times_out(&a, &at_b);
    times_out(&b, &at_a);
    talks(&mut other);
    talks(&mut b.connect(&at_c));
    talks(&mut c.connect(&at_b));

    a.must_apply(BLACK_HOLE, &[]);
    b.must_apply(BLACK_HOLE, &[]);
    answers_probe(&a, &[&at_b, &at_c]);
    answers_probe(&b, &[&at_a]);
    hears(&mut pair.server, b"meanwhile");
    hears(&mut pair.client, b"likewise");
    talks(&mut pair);
    untouched(&a);
    untouched(&b);
}

#[test]
fn a_refusal_resets_and_refuses() {
    let Some((_lab, [a, b, c])) = three() else { return };
    let (at_a, at_b, at_c) = (a.listen(), b.listen(), c.listen());
    let mut pair = a.connect(&at_b);
    let mut other = a.connect(&at_c);
    let mut towards = c.connect(&at_a);
    talks(&mut pair);

    // One side is enough for what is open: it gets its own end broken, and the other a reset.
    a.must_apply(REFUSE, &[&b]);
    assert_eq!(breaks(&mut pair.client), ErrorKind::ConnectionAborted);
    assert_eq!(breaks(&mut pair.server), ErrorKind::ConnectionReset);
    refused_at_once(&a, &at_b, ErrorKind::ConnectionRefused);
    // The other does not hear of what is refused here.
    times_out(&b, &at_a);
    b.must_apply(REFUSE, &[&a]);
    refused_at_once(&b, &at_a, ErrorKind::ConnectionRefused);

    talks(&mut other);
    talks(&mut towards);
    talks(&mut a.connect(&at_c));
    talks(&mut c.connect(&at_a));
    talks(&mut c.connect(&at_b));
    refuses_no_more_than_it_says(&a);

    let probed = a.net(&[
        "probe",
        "--within-ms",
        "1",
        &at_b.address.to_string(),
        &at_c.address.to_string(),
    ]);
    assert_eq!(probed.code, 1);
    assert_eq!(probed.json["answered"], json!([at_c.address]));
    assert_eq!(probed.json["silent"][0]["kind"], "refused-here");

    a.must_apply(REFUSE, &[]);
    let probed = a.net(&["probe", "--within-ms", "300", &at_b.address.to_string()]);
    assert_eq!(probed.code, 1, "the other side still refuses: {probed:?}");
    assert_eq!(probed.json["silent"][0]["kind"], "timed-out");
    assert!(
        probed.stderr.contains(&format!("{}: timed out", at_b.address)),
        "{probed:?}"
    );
    b.must_apply(REFUSE, &[]);
    answers_probe(&a, &[&at_b]);
    answers_probe(&b, &[&at_a]);
    // What nobody accepted meanwhile is in the queue too.
    talks(&mut c.connect(&c.listen()));
    untouched(&a);
    untouched(&b);
}

/// As `nft` reads it, where there is one.
fn refuses_no_more_than_it_says(pod: &Pod) {
    let list = || Command::new("nft").args(["list", "ruleset"]).output();
    let Ok(listed) = pod.namespace.inside(list) else {
        eprintln!("NOT SHOWN: no nft to read the table with");
        return;
    };
    // It has had more than one way to write them.
    let table = String::from_utf8(listed.stdout)
        .unwrap()
        .replace("tcp flags & rst == 0x0", "tcp flags ! rst")
        .replace("reject with icmp port-unreachable", "reject");
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(
        words(&table),
        words(
            "table ip meshkat {
                set refused { type ipv4_addr elements = { 10.77.0.2 } }
                chain output {
                    type filter hook output priority filter; policy accept;
                    ip daddr @refused tcp flags ! rst reject with tcp reset
                    ip daddr @refused meta l4proto != tcp reject
                }
            }"
        )
    );
}

#[test]
fn a_refusal_finds_every_socket() {
    let Some((_lab, [a, b, _])) = three() else { return };
    // A listener for both families has IPv6 sockets.
    let at_b = b.listen_on("[::]:0");
    let mut pair = a.connect(&at_b);
    // Not accepted by its application yet.
    let mut waiting = a.connect_within(at_b.address, SOON).unwrap();
    // Sent meanwhile, and not read.
    pair.server.write_all(b"unread").unwrap();
    // On its way.
    a.must_apply(BLACK_HOLE, &[&b]);
    let coming = a.namespace.inside(|| {
        let address = at_b.address;
        std::thread::spawn(move || TcpStream::connect_timeout(&address, SOON))
    });
    let a_sends = || a.namespace.sh("ss -Htn state syn-sent");
    until("a connection is on its way", || !a_sends().is_empty());

    b.must_apply(REFUSE, &[&a]);
    assert_eq!(breaks(&mut pair.server), ErrorKind::ConnectionAborted);
    waiting.set_read_timeout(Some(SOON)).unwrap();
    let mut all = Vec::new();
    assert_eq!(
        waiting.read_to_end(&mut all).unwrap_err().kind(),
        ErrorKind::ConnectionReset
    );
    a.must_apply(REFUSE, &[&b]);
    let error = coming.join().unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionAborted);

    // What is no TCP is refused as well.
    let socket = a.namespace.inside(|| UdpSocket::bind("0.0.0.0:0").unwrap());
    socket.connect(at_b.address).unwrap();
    // Whether the call itself fails is the kernel's affair; the answer is there.
    drop(socket.send(b"?"));
    assert_eq!(
        socket.take_error().unwrap().unwrap().kind(),
        ErrorKind::ConnectionRefused
    );
}

#[test]
fn a_refusal_by_routes_where_there_is_no_netfilter() {
    let Some((_lab, [a, b, c])) = three() else { return };
    let (at_a, at_b, at_c) = (a.listen(), b.listen(), c.listen());
    let mut pair = a.connect(&at_b);
    for _ in 0..2 {
        let said = a.net(&["apply", "--without-netfilter", &wanted(REFUSE, &[&b])]);
        assert_eq!(said.code, 0, "{said:?}");
        assert_eq!(said.json["applied"], 1);
        assert!(
            said.json["notes"][0].as_str().unwrap().contains("no route to host"),
            "{said:?}"
        );
    }
    assert_eq!(breaks(&mut pair.client), ErrorKind::ConnectionAborted);
    assert_eq!(breaks(&mut pair.server), ErrorKind::ConnectionReset);
    refused_at_once(&a, &at_b, ErrorKind::HostUnreachable);
    talks(&mut a.connect(&at_c));
    talks(&mut c.connect(&at_a));
    let probed = a.net(&["probe", "--within-ms", "50", &at_b.address.to_string()]);
    assert_eq!(
        (probed.code, &probed.json["silent"][0]["kind"]),
        (1, &json!("unreachable"))
    );

    // The next one finds it, whichever way it goes itself.
    a.must_apply(REFUSE, &[&b]);
    refused_at_once(&a, &at_b, ErrorKind::ConnectionRefused);
    untouched(&a);
    let said = a.net(&["apply", "--without-netfilter", &wanted(REFUSE, &[&c])]);
    assert_eq!(said.code, 1, "a table refuses still, and may not be touched: {said:?}");
    a.must_apply(REFUSE, &[]);
    answers_probe(&a, &[&at_b, &at_c]);
    untouched(&a);
}

#[test]
fn each_apply_replaces_the_one_before() {
    let Some((_lab, [a, b, c])) = three() else { return };
    let (at_b, at_c) = (b.listen(), c.listen());
    for _ in 0..2 {
        for _ in 0..2 {
            a.must_apply(BLACK_HOLE, &[&b]);
            times_out(&a, &at_b);
            talks(&mut a.connect(&at_c));
        }
        for _ in 0..2 {
            a.must_apply(REFUSE, &[&b]);
            refused_at_once(&a, &at_b, ErrorKind::ConnectionRefused);
            talks(&mut a.connect(&at_c));
        }
        a.must_apply(REFUSE, &[&c, &b]);
        refused_at_once(&a, &at_b, ErrorKind::ConnectionRefused);
        refused_at_once(&a, &at_c, ErrorKind::ConnectionRefused);
        let both = format!(
            r#"{{"peers":[{{"address":"{}","fault":{BLACK_HOLE}}},{{"address":"{}","fault":{REFUSE}}}]}}"#,
            c.address, b.address
        );
        assert_eq!(a.net(&["apply", &both]).json, json!({"applied": 2, "notes": []}));
        refused_at_once(&a, &at_b, ErrorKind::ConnectionRefused);
        times_out(&a, &at_c);
    }
    // Somebody else's entry is not ours to remove.
    a.namespace
        .sh("ip neigh add 10.77.0.99 dev eth0 lladdr 02:00:00:00:00:99 nud permanent");
    for _ in 0..2 {
        a.must_apply(BLACK_HOLE, &[]);
    }
    assert!(
        a.namespace
            .sh("ip neigh del 10.77.0.99 dev eth0; echo gone")
            .contains("gone")
    );
    answers_probe(&a, &[&at_b, &at_c]);
    untouched(&a);
}

#[test]
fn many_peers_at_once() {
    let Some((_lab, [a, b, c])) = three() else { return };
    let (at_b, at_c) = (b.listen(), c.listen());
    for fault in [BLACK_HOLE, REFUSE] {
        let mut peers = (100..220)
            .map(|last| json!({"address": format!("10.77.0.{last}"), "fault": serde_json::from_str::<serde_json::Value>(fault).unwrap()}))
            .collect::<Vec<_>>();
        peers[60]["address"] = json!(b.address);
        let said = a.net(&["apply", &json!({ "peers": peers }).to_string()]);
        assert_eq!(said.json, json!({"applied": 120, "notes": []}), "{said:?}");
        assert!(a.connect_within(at_b.address, A_WHILE).is_err());
        talks(&mut a.connect(&at_c));
    }
    a.must_apply(REFUSE, &[]);
    answers_probe(&a, &[&at_b]);
    untouched(&a);
}
