//! What a proxy says in front of a connection, as scenarios write it.

use std::net::{IpAddr, SocketAddr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize,
    de::{Deserializer, Error as _},
};

use super::check::Check;
use crate::yaml::At;

/// A PROXY protocol header in front of everything else, as a proxy sends it:
/// <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ProxyProtocol {
    /// Its version: 1 is a line of text, 2 is binary.
    pub version: At<ProxyVersion>,
    /// Whom the proxy speaks for: `IP:PORT`.
    pub source: At<Endpoint>,
    /// Where that client went to, `IP:PORT`; by default, where the connection goes.
    pub destination: Option<At<Endpoint>>,
}

/// An address and a port: `192.0.2.7:4711`, `[2001:db8::7]:4711`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endpoint(pub SocketAddr);

/// An address without a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address(pub IpAddr);

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl<'de> Deserialize<'de> for Endpoint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(|_| {
            D::Error::custom(format!(
                "`{text}` is not an address with a port\nfor example `\"192.0.2.7:4711\"`, or `\"[2001:db8::7]:4711\"`"
            ))
        })
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(|_| {
            D::Error::custom(format!(
                "`{text}` is not an address\nany of 127.0.0.0/8 can be chosen, such as `127.0.0.9`"
            ))
        })
    }
}

impl JsonSchema for Endpoint {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Endpoint".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "description": "An address and a port.", "type": "string", "pattern": ":[0-9]+$" })
    }
}

impl JsonSchema for Address {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Address".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "description": "An address.", "type": "string", "pattern": r"^127(\.[0-9]+){3}$" })
    }
}

/// A version of the PROXY protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum ProxyVersion {
    /// A line of text.
    #[serde(rename = "1")]
    V1,
    /// Binary.
    #[serde(rename = "2")]
    V2,
}

impl JsonSchema for ProxyVersion {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ProxyVersion".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "description": "A version of the PROXY protocol.", "enum": [1, 2, "1", "2"] })
    }
}

/// What stands in front of the addresses in version 2.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

impl ProxyProtocol {
    /// The header on a connection to `to`.
    pub fn header(&self, to: SocketAddr) -> Vec<u8> {
        let (source, destination) = (
            self.source.value.0,
            self.destination.as_ref().map_or(to, |own| own.value.0),
        );
        let family = if source.is_ipv4() { "TCP4" } else { "TCP6" };
        let ports = [source.port(), destination.port()];
        match self.version.value {
            ProxyVersion::V1 => format!(
                "PROXY {family} {} {} {} {}\r\n",
                source.ip(),
                destination.ip(),
                ports[0],
                ports[1]
            )
            .into_bytes(),
            ProxyVersion::V2 => {
                let mut addresses = [octets(source.ip()), octets(destination.ip())].concat();
                addresses.extend(ports.iter().flat_map(|port| port.to_be_bytes()));
                // Version 2, on behalf of another; TCP over the family.
                let kind = [0x21, if source.is_ipv4() { 0x11 } else { 0x21 }];
                let length = u16::try_from(addresses.len()).unwrap_or(u16::MAX).to_be_bytes();
                [&SIGNATURE[..], &kind, &length, &addresses].concat()
            }
        }
    }

    pub(super) fn check(&self, check: &mut Check<'_>) {
        let is_ipv4 = self.source.value.0.is_ipv4();
        match &self.destination {
            Some(own) if own.value.0.is_ipv4() != is_ipv4 => {
                let help = "write both in the same";
                check.wrong(
                    own.place,
                    "`source` and `destination` are one in IPv4 and one in IPv6",
                    "not alike",
                    help,
                );
            }
            None if !is_ipv4 => {
                let help = "say `destination: \"[2001:db8::1]:443\"`, or another";
                check.wrong(
                    self.source.place,
                    "the connection goes to an address of IPv4, and `source` is one of IPv6",
                    "not alike",
                    help,
                );
            }
            _ => {}
        }
    }
}

fn octets(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Place;

    fn at<T>(value: T) -> At<T> {
        let place = Place {
            offset: 0,
            len: 0,
            line: 1,
            column: 1,
        };
        At { place, value }
    }

    #[test]
    fn headers_are_those_of_the_specification() {
        let to = "127.1.0.1:10000".parse().unwrap();
        let mut proxy = ProxyProtocol {
            version: at(ProxyVersion::V1),
            source: at(Endpoint("192.0.2.7:4711".parse().unwrap())),
            destination: None,
        };
        assert_eq!(proxy.header(to), b"PROXY TCP4 192.0.2.7 127.1.0.1 4711 10000\r\n");
        proxy.version = at(ProxyVersion::V2);
        let v2 = proxy.header(to);
        assert_eq!((v2.len(), &v2[12..16]), (28, &[0x21, 0x11, 0, 12][..]));
        assert_eq!(&v2[16..], [192, 0, 2, 7, 127, 1, 0, 1, 0x12, 0x67, 0x27, 0x10]);
        proxy.source = at(Endpoint("[2001:db8::7]:1".parse().unwrap()));
        proxy.destination = Some(at(Endpoint("[2001:db8::1]:2".parse().unwrap())));
        assert_eq!(&proxy.header(to)[12..16], [0x21, 0x21, 0, 36]);
        proxy.version = at(ProxyVersion::V1);
        assert_eq!(proxy.header(to), b"PROXY TCP6 2001:db8::7 2001:db8::1 1 2\r\n");
    }
}
