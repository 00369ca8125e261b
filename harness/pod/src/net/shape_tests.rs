//! Held against what `tc` (iproute2 6) sends, as `strace` shows it.

use std::{
    fs::{self, File},
    os::fd::AsFd as _,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use netlink_bindings::traits::NetlinkRequest;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::{super::scratch::Scratch, *};

/// A message to interface 7: the header, the kind, and the options as `tc` sends them.
#[cfg(target_endian = "little")]
fn sent(handle: u32, parent: u32, info: u32, kind: &str, options: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 0, 0];
    for word in [7, handle, parent, info] {
        bytes.extend(word.to_ne_bytes());
    }
    let mut attribute = |number: u16, value: &[u8]| {
        bytes.extend((value.len() as u16 + 4).to_ne_bytes());
        bytes.extend(number.to_ne_bytes());
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    };
    attribute(1, format!("{kind}\0").as_bytes());
    // `tc` leaves out that the options are nested; the kernel does not mind either way.
    attribute(2 | 0x8000, options);
    bytes
}

/// `NLM_F_CREATE | NLM_F_EXCL`; the request and the acknowledgement are the socket's.
const CREATE: u16 = 0x600;

#[test]
#[cfg(target_endian = "little")]
fn the_root_is_as_tc_sends_it() {
    let request = root(7);
    let options = b"\x18\x00\x02\x00\x03\x00\x00\x00\x0a\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00";
    assert_eq!(request.payload(), sent(1_835_335_680, 4_294_967_295, 0, "htb", options));
    assert_eq!(request.flags(), CREATE);
}

#[test]
#[cfg(target_endian = "little")]
fn a_class_is_as_tc_sends_it_without_tables_and_their_cells() {
    let request = class(7, 1);
    // The alignment of the cells is 0, not -1.
    let options = b"\x30\x00\x01\x00\x03\x01\x00\x00\x00\x00\x00\x00\x80\x75\x84\xdf\x03\x01\x00\x00\x00\x00\x00\x00\
        \x80\x75\x84\xdf\x07\x11\x00\x00\x07\x11\x00\x00\x60\xea\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00";
    assert_eq!(request.payload(), sent(1_835_335_681, 1_835_335_680, 0, "htb", options));
    assert_eq!(request.flags(), CREATE);
}

#[test]
#[cfg(target_endian = "little")]
fn a_netem_is_as_tc_sends_it() {
    let delay = leaf(7, 1, Fault::Latency { delay_ms: 50 });
    let options = b"\xc2\xeb\x0b\x00\x10\x27\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00";
    assert_eq!(delay.payload(), sent(65_536, 1_835_335_681, 0, "netem", options));
    assert_eq!(delay.flags(), CREATE);
    let loss = leaf(7, 1, Fault::Loss { share: 0.2 });
    let options = b"\x00\x00\x00\x00\x10\x27\x00\x00\x33\x33\x33\x33\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00";
    assert_eq!(loss.payload(), sent(65_536, 1_835_335_681, 0, "netem", options));
}

#[test]
#[cfg(target_endian = "little")]
fn a_filter_is_as_tc_sends_it() {
    let request = filter(7, 1, Ipv4Addr::new(172, 30, 0, 7));
    let options = b"\x08\x00\x01\x00\x01\x00\x65\x6d\x24\x00\x05\x00\x01\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\
        \x00\x00\x00\x00\xff\xff\xff\xff\xac\x1e\x00\x07\x10\x00\x00\x00\x00\x00\x00\x00";
    assert_eq!(request.payload(), sent(0, 1_835_335_680, 65_544, "u32", options));
    assert_eq!(request.flags(), CREATE);
}

#[test]
fn all_or_nothing_is_a_number_too() {
    let options = |fault| {
        let request = leaf(7, 1, fault);
        let payload = request.payload().to_vec();
        TcNetemQopt::new_from_zeroed(&payload[payload.len() - TcNetemQopt::len()..])
    };
    assert_eq!(options(Fault::Loss { share: 1.0 }).loss, u32::MAX);
    let longest = options(Fault::Latency {
        delay_ms: Fault::LONGEST_MS,
    });
    assert_eq!(u64::from(longest.latency) * TICK_NS, 60_000_000_000);
}

/// All but netem, which this kernel may not have: the htb, its class and the filter are as they are asked for.
#[test]
fn the_kernel_takes_what_leads_to_a_netem() {
    // The namespace is gone with the process that holds it, at the latest after a minute.
    let holder = Command::new("unshare").args(["--net", "sleep", "60"]).spawn();
    let Ok(mut holder) = holder else {
        eprintln!("SKIPPED: no unshare");
        return;
    };
    let path = format!("/proc/{}/ns/net", holder.id());
    let deadline = Instant::now() + Duration::from_secs(30);
    while fs::read_link(&path).ok() == fs::read_link("/proc/self/ns/net").ok() {
        if let Some(status) = holder.try_wait().unwrap() {
            eprintln!("SKIPPED: cannot make a network namespace: {status}");
            return;
        }
        assert!(Instant::now() < deadline);
        thread::park_timeout(Duration::from_millis(1));
    }
    let namespace = File::open(path).unwrap();
    let told = thread::spawn(move || {
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
        let mut kernel = Kernel::new();
        let interface = Scratch::make(&mut kernel).unwrap().interface;
        kernel.order(&root(interface)).unwrap();
        for minor in 1..=2 {
            kernel.order(&class(interface, minor)).unwrap();
            let address = Ipv4Addr::new(172, 30, 0, minor as u8);
            kernel.order(&filter(interface, minor, address)).unwrap();
        }
        assert_eq!(shaped(&mut kernel).unwrap(), [interface]);
        let show = |what: &str| {
            let line = format!(
                "name=$(ip -o link | sed -n 's/^{interface}: \\([^@:]*\\).*/\\1/p'); exec tc -s {what} show dev $name"
            );
            let output = Command::new("sh").args(["-c", &line]).output().unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        let told = (show("qdisc"), show("class"), show("filter"));
        clear(&mut kernel, interface).unwrap();
        assert!(shaped(&mut kernel).unwrap().is_empty());
        told
    })
    .join();
    holder.kill().unwrap();
    holder.wait().unwrap();
    let (discipline, class, filter) = told.unwrap();
    assert!(
        discipline.contains("htb 6d65: root") && discipline.contains("default 0"),
        "{discipline}"
    );
    assert!(
        class.contains("htb 6d65:1 root") && class.contains("rate 30Gbit ceil 30Gbit"),
        "{class}"
    );
    for minor in 1..=2 {
        assert!(filter.contains(&format!("flowid 6d65:{minor}")), "{filter}");
        assert!(
            filter.contains(&format!("match ac1e000{minor}/ffffffff at 16")),
            "{filter}"
        );
    }
}
