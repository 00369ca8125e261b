//! The discovery service of the one mesh that is up, as somebody from outside reaches it.

use std::{
    io::{Read as _, Write as _},
    net::{IpAddr, SocketAddr, TcpStream},
};

use crate::{lab::Lab, process::DEADLINE};

/// The discovery service, and the header of those who may change what it tells.
pub(crate) struct Sds {
    address: SocketAddr,
    authorization: String,
}

impl Sds {
    /// That of the one mesh that is up.
    #[track_caller]
    pub(crate) fn of(lab: &Lab) -> Self {
        Self {
            address: SocketAddr::new(address(lab, "sds"), 8080),
            authorization: lab.authorization(),
        }
    }

    /// Asks for something; the status of the answer.
    pub(crate) fn send(&self, method: &str, path: &str, body: &str) -> u16 {
        let mut stream = TcpStream::connect(self.address).expect("sds listens");
        stream.set_read_timeout(Some(DEADLINE)).expect("it can be set");
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: sds\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
             {authorization}\r\nconnection: close\r\n\r\n{body}",
            authorization = self.authorization,
        );
        stream.write_all(request.as_bytes()).expect("sds listens");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("sds answers");
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
        status.unwrap_or_else(|| panic!("no status in {answer}"))
    }
}

/// The address of a pod of the one mesh that is up.
#[track_caller]
pub(crate) fn address(lab: &Lab, pod: &str) -> IpAddr {
    let status = lab.tell(&["status"]).exits(0);
    let line = status
        .out
        .lines()
        .find(|line| line.split_whitespace().any(|word| word == pod));
    let address = line.and_then(|line| line.split_whitespace().find_map(|word| word.parse().ok()));
    address.unwrap_or_else(|| panic!("no {pod} in\n{}", status.out))
}
