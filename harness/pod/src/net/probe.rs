//! The proof of a repair: peers answer.

use std::{
    collections::BTreeSet,
    fmt, io,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use serde::Serialize;

use super::{kernel::Kernel, refuse};

/// Who answered and who did not.
#[derive(Debug, Serialize)]
pub(crate) struct Probed {
    answered: Vec<SocketAddr>,
    pub(crate) silent: Vec<Silent>,
}

/// A peer that did not answer, and the last that was told of it.
#[derive(Debug, Serialize)]
pub(crate) struct Silent {
    address: SocketAddr,
    kind: Kind,
    error: String,
}

/// In what way a peer does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    /// Nothing came back.
    TimedOut,
    /// There is no way to it, or nobody at its address.
    Unreachable,
    /// An `apply` refuses it here, so that it was not asked.
    RefusedHere,
    /// Something else.
    Failed,
}

impl fmt::Display for Silent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.address, self.error)
    }
}

/// How long an attempt is waited for before the next: shorter than the second after which the kernel would ask again.
const ATTEMPT: Duration = Duration::from_millis(250);
/// Between two attempts that failed at once.
const PAUSE: Duration = Duration::from_millis(20);

/// Connects to each address until it answers, all at the same time. An answer is an accepted connection or a reset.
pub(crate) fn probe(addresses: &[SocketAddr], within: Duration) -> Probed {
    let deadline = Instant::now() + within;
    let outcomes = thread::scope(|scope| {
        let probes = addresses
            .iter()
            .map(|address| scope.spawn(move || ask(*address, deadline)))
            .collect::<Vec<_>>();
        probes.into_iter().map(|probe| probe.join()).collect::<Vec<_>>()
    });
    let mut probed = Probed {
        answered: Vec::new(),
        silent: Vec::new(),
    };
    for (address, outcome) in addresses.iter().zip(outcomes) {
        match outcome {
            Ok(None) => probed.answered.push(*address),
            Ok(Some(silent)) => probed.silent.push(silent),
            Err(_) => probed.silent.push(Silent {
                address: *address,
                kind: Kind::Failed,
                error: "the probe itself failed".to_owned(),
            }),
        }
    }
    probed
}

/// None when it answered.
fn ask(address: SocketAddr, deadline: Instant) -> Option<Silent> {
    // What was told, if anything was: most attempts at an address where nobody is end before the kernel gives it up.
    let mut told = None;
    loop {
        // An attempt however late it is: somebody who answers at once has answered.
        let left = deadline.saturating_duration_since(Instant::now()).max(PAUSE);
        let error = match TcpStream::connect_timeout(&address, left.min(ATTEMPT)) {
            Ok(_) => return None,
            Err(error) => error,
        };
        let kind = match error.kind() {
            io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset => {
                // A reset that this pod sends to itself looks the same.
                if !refused_here(address) {
                    return None;
                }
                Kind::RefusedHere
            }
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Kind::TimedOut,
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => Kind::Unreachable,
            _ => Kind::Failed,
        };
        let silent = Silent {
            address,
            kind,
            error: match kind {
                Kind::TimedOut => "timed out".to_owned(),
                Kind::Unreachable => format!("unreachable ({error})"),
                Kind::RefusedHere => "refused by this pod itself: a fault is still applied".to_owned(),
                Kind::Failed => error.to_string(),
            },
        };
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return told.or(Some(silent));
        }
        if kind != Kind::TimedOut {
            told = Some(silent);
            thread::sleep(PAUSE.min(left));
        }
    }
}

/// Whether an `apply` refuses this peer here. Who may not know (CAP_NET_ADMIN) takes it that none does.
fn refused_here(address: SocketAddr) -> bool {
    let refused: BTreeSet<Ipv4Addr> = refuse::peers_of(&mut Kernel::new())
        .unwrap_or_default()
        .into_iter()
        .collect();
    matches!(address.ip(), IpAddr::V4(address) if refused.contains(&address))
}
