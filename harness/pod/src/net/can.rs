//! What `apply` can do here, found out by doing it where it touches nobody.

use std::{collections::BTreeMap, net::Ipv4Addr};

use serde::Serialize;

use super::{
    blackhole::{self, BlackHole},
    error::told,
    kernel::Kernel,
    netfilter,
    scratch::Scratch,
    shape::{self, Shape},
    unreachable,
    wanted::Fault,
};

/// What can be done, and why the rest cannot.
#[derive(Debug, Serialize)]
pub(crate) struct Can {
    /// Black holes and refusals.
    cut: bool,
    /// Latency and loss.
    shape: bool,
    /// For each that is false.
    reasons: BTreeMap<&'static str, String>,
    /// What is done otherwise than elsewhere.
    notes: Vec<String>,
}

/// What a note says where routes have to do.
pub(crate) const BY_ROUTE: &str = "this kernel has no nf_tables with reject: new connections fail with \"no route to host\", not \"connection refused\"";

/// Nobody's address: TEST-NET-1.
const NOBODY: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// Tries all of it on a link of its own, or for an address that nobody has, and takes it away again.
pub(crate) fn can() -> Can {
    let mut kernel = Kernel::new();
    let mut notes = Vec::new();
    let (cut, shape) = match Scratch::make(&mut kernel) {
        Ok(scratch) => {
            let cut = cut(&mut kernel, &scratch, &mut notes);
            let shape = shape(&mut kernel, &scratch);
            if let Err(refusal) = scratch.remove(&mut kernel) {
                notes.push(told("remove the link that it was tried on", &refusal));
            }
            (cut, shape)
        }
        Err(refusal) => {
            let why = told("make a link to try it on", &refusal);
            (Err(why.clone()), Err(why))
        }
    };
    let (can_cut, can_shape) = (cut.is_ok(), shape.is_ok());
    let reasons = [("cut", cut), ("shape", shape)]
        .into_iter()
        .filter_map(|(name, outcome)| Some((name, outcome.err()?)))
        .collect();
    Can {
        cut: can_cut,
        shape: can_shape,
        reasons,
        notes,
    }
}

fn cut(kernel: &mut Kernel, scratch: &Scratch, notes: &mut Vec<String>) -> Result<(), String> {
    let hole = BlackHole {
        interface: scratch.interface,
        address: NOBODY,
    };
    hole.open(kernel)
        .map_err(|refusal| told("add an entry to the neighbour table", &refusal))?;
    let open = blackhole::open_ones(kernel).map_err(|refusal| told("read the neighbour table", &refusal))?;
    if !open.contains(&hole) {
        return Err("the kernel did not keep an entry of the neighbour table".to_owned());
    }
    hole.close(kernel)
        .map_err(|refusal| told("remove an entry from the neighbour table", &refusal))?;

    // Not the table of `apply`, which may hold something.
    let table = c"meshkat-can";
    match netfilter::replace(kernel, table, &[NOBODY]) {
        Ok(()) => netfilter::replace(kernel, table, &[]).map_err(|refusal| told("remove a table", &refusal)),
        Err(refusal) if refusal.is_unsupported() => {
            notes.push(BY_ROUTE.to_owned());
            unreachable::try_out(kernel, NOBODY).map_err(|refusal| told("add an unreachable route", &refusal))
        }
        Err(refusal) => Err(told("add a table", &refusal)),
    }
}

fn shape(kernel: &mut Kernel, scratch: &Scratch) -> Result<(), String> {
    let fault = Fault::Latency { delay_ms: 1 };
    let shape = Shape { address: NOBODY, fault };
    shape::put(kernel, scratch.interface, &[shape]).map_err(|error| error.to_string())
}
