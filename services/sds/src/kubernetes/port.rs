//! The port at which a pod's Envoy takes requests.

use std::fmt;
use std::num::NonZeroU16;
use std::str::FromStr;

use crate::store::is_label;

/// How the port without a name is asked for.
const UNNAMED: &str = ":";

/// What takes the place of the port that an EndpointSlice has: Envoy's stands before the application's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EnvoyPort {
    /// This number for every pod.
    Number(NonZeroU16),
    /// The number that the slice gives for the port with this name, which is empty for the port without a name. A slice
    /// without it has no hosts.
    Name(String),
}

/// Text that is no port.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a number of 1 to 65535 is asked for, or the name of a port of the EndpointSlice (`:` for the one without a name), not {0:?}"
)]
pub struct InvalidPort(String);

impl Default for EnvoyPort {
    /// 10000, where Envoy takes what comes in.
    fn default() -> Self {
        const INBOUND: NonZeroU16 = NonZeroU16::MIN.saturating_add(9_999);
        Self::Number(INBOUND)
    }
}

impl FromStr for EnvoyPort {
    type Err = InvalidPort;

    fn from_str(text: &str) -> Result<Self, InvalidPort> {
        let invalid = || InvalidPort(text.to_owned());
        if text == UNNAMED {
            return Ok(Self::Name(String::new()));
        }
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            text.parse().map(Self::Number).map_err(|_| invalid())
        } else if is_label(text) {
            Ok(Self::Name(text.to_owned()))
        } else {
            Err(invalid())
        }
    }
}

impl fmt::Display for EnvoyPort {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(formatter),
            Self::Name(name) if name.is_empty() => UNNAMED.fmt(formatter),
            Self::Name(name) => name.fmt(formatter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_a_number_or_a_name() {
        assert_eq!(EnvoyPort::default().to_string(), "10000");
        for text in ["1", "65535", "envoy", "h2-in", ":"] {
            assert_eq!(text.parse::<EnvoyPort>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "0",
            "65536",
            "-1",
            "1.5",
            "Envoy",
            "::",
            ":http",
            "tcp://10.0.0.1:80",
        ] {
            text.parse::<EnvoyPort>().unwrap_err();
        }
    }
}
