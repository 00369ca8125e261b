//! Delay and loss towards single peers: an htb at the root of the interface, with a class, a netem and a filter for each.
//!
//! An htb sends what no filter names straight on, unshaped, so that other peers are left alone. Its classes need a rate: one
//! that no bridge reaches.

use std::{fmt, net::Ipv4Addr};

use netlink_bindings::tc::{
    OpNewqdiscDo, OpNewtclassDo, OpNewtfilterDo, Request, TcHtbGlob, TcHtbOpt, TcNetemQopt, TcRatespec, TcU32Key,
    TcU32Sel, Tcmsg,
};

use super::{
    error,
    kernel::{Kernel, Refusal},
    wanted::Fault,
};

/// The handle of our htb (`6d65:`), by which it is told from others.
const ROOT: u32 = 0x6d65 << 16;
/// `TC_H_ROOT`: the place of an interface's first discipline.
const AT_THE_ROOT: u32 = u32::MAX;
/// Packets that wait at most, for one peer: more than a lab sends in the longest delay.
const LIMIT: u32 = 10_000;
/// The kernel counts time in these: 64 nanoseconds (/proc/net/psched).
const TICK_NS: u64 = 64;
/// 30 gigabits, in bytes a second; and what an htb wants to know besides, as `tc` sends it for a burst of 1 MB.
const RATE: u32 = 3_750_000_000;
const BURST_TICKS: u32 = 4359;
const QUANTUM: u32 = 60_000;
/// Of the filters; and the `ETH_P_IP` that they look at, in network order.
const FILTER_INFO: u32 = 1 << 16 | (libc::ETH_P_IP as u16).to_be() as u32;

/// A peer and what is done to all that is sent to it: latency or loss.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Shape {
    pub(crate) address: Ipv4Addr,
    pub(crate) fault: Fault,
}

/// Why there is no such shape.
#[derive(Debug)]
pub(crate) enum ShapeError {
    /// The kernel has no netem.
    NoNetem,
    /// The kernel has no htb.
    NoHtb,
    /// The kernel did not do it; completes "failed to".
    Refused(&'static str, Refusal),
}

impl fmt::Display for ShapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoNetem => f.write_str("this kernel has no netem (CONFIG_NET_SCH_NETEM)"),
            Self::NoHtb => f.write_str("this kernel has no htb (CONFIG_NET_SCH_HTB)"),
            Self::Refused(what, refusal) => f.write_str(&error::told(what, refusal)),
        }
    }
}

/// The interfaces that have our shapes.
pub(crate) fn shaped(kernel: &mut Kernel) -> Result<Vec<i32>, Refusal> {
    kernel.list(&Request::new().op_getqdisc_dump(&Tcmsg::default()), |(header, _)| {
        (header.handle == ROOT && header.parent == AT_THE_ROOT).then_some(header.ifindex)
    })
}

/// Takes all our shapes off an interface that has some.
pub(crate) fn clear(kernel: &mut Kernel, interface: i32) -> Result<(), Refusal> {
    kernel.order(&Request::new().op_delqdisc_do(&message(interface, ROOT, AT_THE_ROOT)))
}

/// Puts shapes on an interface that has none. What fails leaves none behind.
pub(crate) fn put(kernel: &mut Kernel, interface: i32, shapes: &[Shape]) -> Result<(), ShapeError> {
    kernel.order(&root(interface)).map_err(|refusal| match refusal {
        refusal if refusal.is(libc::ENOENT) => ShapeError::NoHtb,
        refusal => ShapeError::Refused("put an htb at the root of the interface", refusal),
    })?;
    let put = (1..).zip(shapes).try_for_each(|(minor, shape)| {
        kernel
            .order(&class(interface, minor))
            .map_err(|refusal| ShapeError::Refused("add a class to an htb", refusal))?;
        kernel
            .order(&leaf(interface, minor, shape.fault))
            .map_err(|refusal| match refusal {
                refusal if refusal.is(libc::ENOENT) => ShapeError::NoNetem,
                refusal => ShapeError::Refused("add a netem to a class", refusal),
            })?;
        kernel
            .order(&filter(interface, minor, shape.address))
            .map_err(|refusal| ShapeError::Refused("add a filter to an htb", refusal))
    });
    if put.is_err() {
        // The first error is the one to tell.
        let _ = clear(kernel, interface);
    }
    put
}

fn message(interface: i32, handle: u32, parent: u32) -> Tcmsg {
    Tcmsg {
        ifindex: interface,
        handle,
        parent,
        ..Tcmsg::default()
    }
}

fn new() -> Request<'static> {
    Request::new().set_create().set_excl()
}

/// `tc qdisc add dev … root handle 6d65: htb default 0`
fn root(interface: i32) -> OpNewqdiscDo<'static> {
    let mut request = new().op_newqdisc_do(&message(interface, ROOT, AT_THE_ROOT));
    let init = TcHtbGlob {
        version: 3,
        rate2quantum: 10,
        ..TcHtbGlob::default()
    };
    request.encode().nested_options_htb().push_init(init).end_nested();
    request
}

/// `tc class add dev … parent 6d65: classid 6d65:<minor> htb rate 30gbit burst 1mb cburst 1mb quantum 60000`, without what
/// `tc` sends for kernels of before 2013: tables, and how their cells are aligned. (That field is one that the library has
/// in a wrong place; the others of its `TcRatespec` after the second, up to the rate, are not to be used either.)
fn class(interface: i32, minor: u16) -> OpNewtclassDo<'static> {
    let mut request = new().op_newtclass_do(&message(interface, ROOT | u32::from(minor), ROOT));
    let rate = TcRatespec {
        cell_log: 3,
        linklayer: 1,
        rate: RATE,
        ..TcRatespec::default()
    };
    let options = TcHtbOpt {
        rate: rate.clone(),
        ceil: rate,
        buffer: BURST_TICKS,
        cbuffer: BURST_TICKS,
        quantum: QUANTUM,
        ..TcHtbOpt::default()
    };
    request.encode().nested_options_htb().push_parms(options).end_nested();
    request
}

/// `tc qdisc add dev … parent 6d65:<minor> handle <minor>: netem delay …ms limit 10000`, or `loss …%`.
fn leaf(interface: i32, minor: u16, fault: Fault) -> OpNewqdiscDo<'static> {
    let handle = u32::from(minor) << 16;
    let mut request = new().op_newqdisc_do(&message(interface, handle, ROOT | u32::from(minor)));
    let mut options = TcNetemQopt {
        limit: LIMIT,
        ..TcNetemQopt::default()
    };
    match fault {
        // At most a minute: a billion ticks.
        Fault::Latency { delay_ms } => options.latency = (u64::from(delay_ms) * 1_000_000 / TICK_NS) as u32,
        Fault::Loss { share } => options.loss = (share * f64::from(u32::MAX)).round() as u32,
        Fault::BlackHole {} | Fault::Refuse {} => {}
    }
    request.encode().nested_options_netem(&options).end_nested();
    request
}

/// `tc filter add dev … parent 6d65: protocol ip prio 1 u32 match ip dst <address>/32 flowid 6d65:<minor>`
fn filter(interface: i32, minor: u16, address: Ipv4Addr) -> OpNewtfilterDo<'static> {
    let header = Tcmsg {
        info: FILTER_INFO,
        ..message(interface, 0, ROOT)
    };
    let mut request = new().op_newtfilter_do(&header);
    let mut key = TcU32Key {
        // Where an IPv4 header has its destination.
        off: 16,
        ..TcU32Key::default()
    };
    key.set_mask(u32::MAX);
    key.set_val(address.to_bits());
    let selector = TcU32Sel {
        // The last word: no other filter is asked.
        flags: 1,
        nkeys: 1,
        keys: key,
        ..TcU32Sel::default()
    };
    request
        .encode()
        .nested_options_u32()
        .push_classid(ROOT | u32::from(minor))
        .push_sel(selector)
        .end_nested();
    request
}

#[cfg(test)]
#[path = "shape_tests.rs"]
mod tests;
