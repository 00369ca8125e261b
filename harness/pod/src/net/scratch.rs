//! A link of this namespace's own that leads nowhere, to try things on.

use std::{ffi::CString, process};

use netlink_bindings::rt_link::{Ifinfomsg, Request};

use super::kernel::{Kernel, Refusal};

/// A veth that is down, whose other end is in the same namespace.
pub(crate) struct Scratch {
    pub(crate) interface: i32,
}

impl Scratch {
    /// Makes it; [`Scratch::remove`] takes it away.
    pub(crate) fn make(kernel: &mut Kernel) -> Result<Self, Refusal> {
        // Two may try at the same time.
        let name = CString::new(format!("meshkat{}", process::id() % 100_000_000)).unwrap_or_default();
        let mut request = Request::new()
            .set_create()
            .set_excl()
            .op_newlink_do(&Ifinfomsg::default());
        request
            .encode()
            .push_ifname(&name)
            .nested_linkinfo()
            .push_kind(c"veth")
            .end_nested();
        kernel.order(&request)?;
        let mut request = Request::new().op_getlink_do(&Ifinfomsg::default());
        request.encode().push_ifname(&name);
        let interface = kernel.ask(&request, |(header, _)| header.ifi_index)?;
        Ok(Self { interface })
    }

    /// Takes it away, with all that was tried on it.
    pub(crate) fn remove(self, kernel: &mut Kernel) -> Result<(), Refusal> {
        let header = Ifinfomsg {
            ifi_index: self.interface,
            ..Ifinfomsg::default()
        };
        kernel.order(&Request::new().op_dellink_do(&header))
    }
}
