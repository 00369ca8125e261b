//! Who listens where.

use std::net::SocketAddr;

use serde::Deserialize;

/// Reads the JSON of `/listeners?format=json`: the name of each listener, and its first address if that is one of IP.
///
/// # Errors
/// What is not JSON of this shape.
pub(super) fn parse(body: &[u8]) -> Result<Vec<(String, SocketAddr)>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Answer {
        #[serde(default)]
        listener_statuses: Vec<Listener>,
    }
    #[derive(Deserialize)]
    struct Listener {
        name: String,
        local_address: Address,
    }
    #[derive(Deserialize)]
    struct Address {
        socket_address: Option<Socket>,
    }
    #[derive(Deserialize)]
    struct Socket {
        address: String,
        port_value: u16,
    }
    let answer: Answer = serde_json::from_slice(body)?;
    let listeners = answer.listener_statuses.into_iter().filter_map(|listener| {
        let socket = listener.local_address.socket_address?;
        Some((
            listener.name,
            SocketAddr::new(socket.address.parse().ok()?, socket.port_value),
        ))
    });
    Ok(listeners.collect())
}

#[cfg(test)]
mod tests {
    #[test]
    fn listeners_are_read_with_their_addresses() {
        // As Envoy 1.40 answers.
        let body = br#"{"listener_statuses":[{"name":"edge","local_address":{"socket_address":{"address":"127.64.0.2","port_value":10000}}},
            {"name":"pipe","local_address":{"pipe":{"path":"/tmp/x"}}}]}"#;
        let found = super::parse(body).expect("it is read");
        assert_eq!(
            found,
            [("edge".to_owned(), "127.64.0.2:10000".parse().expect("an address"))]
        );
        assert_eq!(super::parse(b"{}").expect("none listens"), []);
    }
}
