//! What `apply` is asked for.

use std::{collections::BTreeSet, net::Ipv4Addr};

use serde::Deserialize;

use super::error::NetError;

/// The state that the network shall be in.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// The pods towards which this one has a fault; each once.
    pub(crate) peers: Vec<Peer>,
}

/// A pod on the same bridge, and what is done to all that is sent to it.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Peer {
    pub(crate) address: Ipv4Addr,
    pub(crate) fault: Fault,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Fault {
    /// What is sent vanishes, and nobody is told.
    BlackHole {},
    /// New connections are refused, and open ones are reset.
    Refuse {},
    /// What is sent leaves later.
    Latency {
        /// By how many milliseconds; 1 to [`Fault::LONGEST_MS`].
        delay_ms: u32,
    },
    /// Some packets are lost, at random.
    Loss {
        /// The share of them: more than 0, at most 1.
        share: f64,
    },
}

impl Fault {
    /// A minute: longer than any timeout that is tested, and short of what netem can count.
    pub(crate) const LONGEST_MS: u32 = 60_000;
}

impl Wanted {
    /// Reads and checks it.
    ///
    /// # Errors
    /// [`NetError::Input`], with the place.
    pub(crate) fn read(json: &str) -> Result<Self, NetError> {
        let mut reader = serde_json::Deserializer::from_str(json);
        let wanted: Self = serde_path_to_error::deserialize(&mut reader)
            .map_err(|error| NetError::Input(format!("failed to read what is wanted: {error}")))?;
        reader
            .end()
            .map_err(|error| NetError::Input(format!("failed to read what is wanted: {error}")))?;
        let mut seen = BTreeSet::new();
        for Peer { address, fault } in &wanted.peers {
            let wrong = |why: String| Err(NetError::Input(format!("failed to fault {address}: {why}")));
            if !seen.insert(address) {
                return wrong("it is named twice".to_owned());
            }
            match *fault {
                Fault::Latency { delay_ms } if !(1..=Fault::LONGEST_MS).contains(&delay_ms) => {
                    return wrong(format!("delay_ms is {delay_ms}, not 1 to {}", Fault::LONGEST_MS));
                }
                Fault::Loss { share } if !(share > 0.0 && share <= 1.0) => {
                    return wrong(format!("share is {share}, not more than 0 and at most 1"));
                }
                _ => {}
            }
        }
        Ok(wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::{Fault, Wanted};

    #[test]
    fn reads_all_kinds() {
        let wanted = Wanted::read(
            r#"{"peers":[{"address":"172.30.0.5","fault":{"kind":"black-hole"}},
            {"address":"172.30.0.6","fault":{"kind":"refuse"}},
            {"address":"172.30.0.7","fault":{"kind":"latency","delay_ms":50}},
            {"address":"172.30.0.8","fault":{"kind":"loss","share":0.2}}]}"#,
        )
        .unwrap();
        let faults = wanted.peers.iter().map(|peer| peer.fault).collect::<Vec<_>>();
        assert_eq!(
            faults,
            [
                Fault::BlackHole {},
                Fault::Refuse {},
                Fault::Latency { delay_ms: 50 },
                Fault::Loss { share: 0.2 }
            ]
        );
    }

    #[test]
    fn tells_what_is_wrong_and_where() {
        let peer = |fault: &str| format!(r#"{{"peers":[{{"address":"10.0.0.1","fault":{fault}}}]}}"#);
        for (json, said) in [
            (String::new(), "EOF"),
            ("{}".to_owned(), "missing field `peers`"),
            (r#"{"peers":[]} x"#.to_owned(), "trailing characters"),
            (r#"{"peers":[],"pears":[]}"#.to_owned(), "unknown field `pears`"),
            (peer(r#"{"kind":"flood"}"#), "peers[0].fault"),
            (
                peer(r#"{"kind":"black-hole","delay_ms":1}"#),
                "unknown field `delay_ms`",
            ),
            (peer(r#"{"kind":"latency","delay_ms":0}"#), "delay_ms is 0"),
            (peer(r#"{"kind":"latency","delay_ms":60001}"#), "not 1 to 60000"),
            (peer(r#"{"kind":"loss","share":0}"#), "share is 0"),
            (peer(r#"{"kind":"loss","share":1.5}"#), "share is 1.5"),
            (
                peer(r#"{"kind":"refuse"}"#).replace("10.0.0.1", "fe80::1"),
                "peers[0].address",
            ),
            (
                r#"{"peers":[{"address":"10.0.0.1","fault":{"kind":"refuse"}},
                    {"address":"10.0.0.1","fault":{"kind":"black-hole"}}]}"#
                    .to_owned(),
                "10.0.0.1: it is named twice",
            ),
        ] {
            let error = Wanted::read(&json).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{json}");
            assert!(error.to_string().contains(said), "{json}: {error}");
        }
    }
}
