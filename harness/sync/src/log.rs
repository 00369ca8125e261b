//! What an Envoy's log says of answers that it refused. Over REST there is no other place: a poll has no NACK.

use std::collections::BTreeMap;

use meshkat_discovery::Kind;

/// The last message of each type over REST, in a log that has the level `warning`.
pub fn rejections(log: &str) -> BTreeMap<Kind, String> {
    let mut found = BTreeMap::new();
    for line in log.lines() {
        let Some((_, rest)) = line.split_once("REST config for /v3/discovery:") else {
            continue;
        };
        let Some((kind, message)) = rest.split_once(" rejected: ") else {
            continue;
        };
        if let Some(kind) = Kind::ALL.into_iter().find(|known| known.name() == kind) {
            found.insert(kind, message.trim().to_owned());
        }
    }
    found
}
