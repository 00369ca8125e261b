//! Making the network be as it is wanted.

use std::{collections::BTreeMap, fmt, net::Ipv4Addr};

use serde::Serialize;

use super::{
    blackhole::{self, BlackHole},
    can::BY_ROUTE,
    error::{NetError, told},
    kernel::{Kernel, Refusal},
    refuse::{self, How},
    routes::Routes,
    shape::{self, Shape},
    sockets::{self, Broken},
    wanted::{Fault, Peer, Wanted},
};

/// What was done.
#[derive(Debug, Serialize)]
pub(crate) struct Applied {
    /// Towards how many peers there is a fault.
    applied: usize,
    /// What is otherwise than on most kernels.
    notes: Vec<String>,
}

/// The wanted state, by what brings it about.
#[derive(Debug, Default)]
struct Sorted {
    holes: Vec<BlackHole>,
    refused: Vec<Ipv4Addr>,
    /// By the index of the interface.
    shapes: BTreeMap<i32, Vec<Shape>>,
}

/// Makes the network of this namespace be as `json` says, and reads back that it is. `netfilter`: nf_tables may be used.
///
/// # Errors
/// Input that makes no sense: nothing was changed. What the kernel refuses: all else was done, for a repair repairs what it
/// can.
pub(crate) fn apply(json: &str, netfilter: bool) -> Result<Applied, NetError> {
    let wanted = Wanted::read(json)?;
    let mut kernel = Kernel::new();
    let sorted = sort(&mut kernel, &wanted.peers)?;
    let mut work = Work {
        kernel,
        notes: Vec::new(),
        errors: Vec::new(),
    };
    work.shapes(&sorted.shapes);
    work.cuts(sorted.holes, &sorted.refused, netfilter);
    if work.errors.is_empty() {
        Ok(Applied {
            applied: wanted.peers.len(),
            notes: work.notes,
        })
    } else {
        Err(NetError::Kernel(work.errors))
    }
}

fn sort(kernel: &mut Kernel, peers: &[Peer]) -> Result<Sorted, NetError> {
    let mut sorted = Sorted::default();
    if peers.is_empty() {
        return Ok(sorted);
    }
    let routes = Routes::read(kernel).map_err(|refusal| NetError::refused("read the routes", &refusal))?;
    for Peer { address, fault } in peers {
        let (address, fault) = (*address, *fault);
        let interface = routes.interface_to(address)?;
        match fault {
            Fault::BlackHole {} => sorted.holes.push(BlackHole { interface, address }),
            Fault::Refuse {} => sorted.refused.push(address),
            Fault::Latency { .. } | Fault::Loss { .. } => {
                sorted
                    .shapes
                    .entry(interface)
                    .or_default()
                    .push(Shape { address, fault });
            }
        }
    }
    sorted.holes.sort_unstable();
    sorted.refused.sort_unstable();
    Ok(sorted)
}

/// What goes on past a failure, and remembers it.
struct Work {
    kernel: Kernel,
    notes: Vec<String>,
    errors: Vec<String>,
}

impl Work {
    /// Does one thing; `what` completes "failed to".
    fn step<T>(&mut self, what: impl fmt::Display, step: impl FnOnce(&mut Kernel) -> Result<T, Refusal>) -> Option<T> {
        match step(&mut self.kernel) {
            Ok(done) => Some(done),
            Err(refusal) => {
                self.errors.push(told(what, &refusal));
                None
            }
        }
    }

    /// Replaces all shapes.
    fn shapes(&mut self, wanted: &BTreeMap<i32, Vec<Shape>>) {
        for interface in self.step("read the disciplines", shape::shaped).unwrap_or_default() {
            self.step("remove an htb", |kernel| shape::clear(kernel, interface));
        }
        for (interface, shapes) in wanted {
            if let Err(error) = shape::put(&mut self.kernel, *interface, shapes) {
                self.errors.push(error.to_string());
            }
        }
    }

    /// Replaces all black holes and refusals. The new are there before the old are gone, so that nothing passes in between.
    fn cuts(&mut self, holes: Vec<BlackHole>, refused: &[Ipv4Addr], netfilter: bool) {
        let before = self
            .step("read the neighbour table", blackhole::open_ones)
            .unwrap_or_default();
        for hole in holes.iter().filter(|hole| !before.contains(hole)) {
            self.step(format_args!("black-hole {}", hole.address), |kernel| hole.open(kernel));
        }
        let how = self.step("refuse connections", |kernel| {
            refuse::replace(kernel, refused, netfilter)
        });
        for hole in before.iter().filter(|hole| !holes.contains(hole)) {
            self.step(format_args!("undo the black hole to {}", hole.address), |kernel| {
                hole.close(kernel)
            });
        }
        if how.is_some() {
            self.break_connections(refused);
        }
        if how == Some(How::Route) && !refused.is_empty() {
            self.notes.push(BY_ROUTE.to_owned());
        }
        self.read_back(&holes, refused);
    }

    fn break_connections(&mut self, refused: &[Ipv4Addr]) {
        if refused.is_empty() {
            return;
        }
        let broken = self.step("break connections", |kernel| sockets::break_all(kernel, refused));
        let note = "this kernel cannot break connections (CONFIG_INET_DIAG_DESTROY): open ones end when they next send, or \
            with their own timeouts";
        if broken == Some(Broken::CannotBeDone) && !self.notes.iter().any(|told| told == note) {
            self.notes.push(note.to_owned());
        }
    }

    /// Proves it, unless something failed anyway.
    fn read_back(&mut self, holes: &[BlackHole], refused: &[Ipv4Addr]) {
        if !self.errors.is_empty() {
            return;
        }
        let found = self.step("read the neighbour table", blackhole::open_ones);
        if found.is_some_and(|found| found != holes) {
            self.errors
                .push("the neighbour table is not what was made of it".to_owned());
        }
        let found = self.step("read who is refused", refuse::peers_of);
        if found.is_some_and(|found| found != refused) {
            self.errors.push("others are refused than should be".to_owned());
        }
    }
}
