//! Who a connection is from: a chosen address, and what a proxy in front of it would say.

use super::target::Target;
use crate::{capability::Capability, scenario::check::Check};

impl Target {
    /// What of it a runtime has to be able to.
    pub(super) fn needs(&self) -> Vec<Capability> {
        self.source.iter().map(|_| Capability::SourceAddress).collect()
    }

    pub(super) fn check_source(&self, check: &mut Check<'_>) {
        if let Some(source) = self
            .source
            .as_ref()
            .filter(|source| !source.value.0.is_loopback() || source.value.0.is_ipv6())
        {
            let message = format!("nothing is sent from `{}` here", source.value);
            let help = "any address of 127.0.0.0/8 can be chosen, such as `source: 127.0.0.9`";
            check.wrong(source.place, message, "not an address of this machine", help);
        }
        if let Some(proxy) = &self.proxy_protocol {
            proxy.check(check);
        }
    }

    /// Whose the connection is said to be, as a sentence has it.
    pub(super) fn whose(&self) -> String {
        let source = self.source.as_ref();
        let source = source.map_or(String::new(), |source| format!(" from {}", source.value));
        let proxy = self.proxy_protocol.as_ref();
        let proxy = proxy.map_or(String::new(), |proxy| format!(" on behalf of {}", proxy.source.value));
        format!("{source}{proxy}")
    }
}
