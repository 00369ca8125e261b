//! Statistics as lines of text, over UDP and TCP.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use meshkat_kit::bind;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::collected::{Collected, Source};
use crate::metrics::{Key, Measure, Update};

/// How many TCP connections there are at once.
const MOST: usize = 256;

/// The longest line over TCP, in bytes. A connection with a longer one is closed.
const LONGEST: usize = 8 << 10;

/// Where statistics come.
#[derive(Debug)]
pub struct Statsd {
    udp: UdpSocket,
    tcp: TcpListener,
}

impl Statsd {
    /// Listens at an address, over UDP and TCP on the same port. Port 0 takes a free one.
    ///
    /// # Errors
    /// One of them cannot be had.
    pub async fn bind(at: SocketAddr) -> io::Result<Self> {
        let tcp = bind(at).await?;
        let at = tcp.local_addr()?;
        let udp = UdpSocket::bind(at).await;
        let udp = udp.map_err(|error| io::Error::new(error.kind(), format!("cannot listen on {at}: {error}")))?;
        Ok(Self { udp, tcp })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The system does not tell.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    pub(crate) async fn collect(self, collected: &Collected, stop: &CancellationToken) {
        let (room, tracker) = (Arc::new(Semaphore::new(MOST)), TaskTracker::new());
        let mut bytes = vec![0; 64 << 10];
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                received = self.udp.recv(&mut bytes) => if let Ok(length) = received {
                    take(collected, &bytes[..length]);
                },
                accepted = self.tcp.accept() => match accepted {
                    Ok((stream, _)) => if let Ok(place) = Arc::clone(&room).try_acquire_owned() {
                        let (collected, stop) = (collected.clone(), stop.clone());
                        tracker.spawn(async move {
                            let _place = place;
                            tokio::select! {
                                () = read(stream, &collected) => {}
                                () = stop.cancelled() => {}
                            }
                        });
                    },
                    // Almost always the process is out of file descriptors: trying again at once would only burn the processor.
                    Err(_) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
                },
            }
        }
        tracker.close();
        tracker.wait().await;
    }
}

async fn read(mut stream: TcpStream, collected: &Collected) {
    let mut bytes = Vec::with_capacity(LONGEST);
    loop {
        match stream.read_buf(&mut bytes).await {
            Ok(0) | Err(_) => return take(collected, &bytes),
            Ok(_) => {}
        }
        // What is no whole line yet waits for its rest.
        if let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n') {
            take(collected, &bytes[..end]);
            bytes.drain(..=end);
        }
        if bytes.len() >= LONGEST {
            tracing::debug!("a line of statistics is longer than {LONGEST} bytes");
            return;
        }
    }
}

fn take(collected: &Collected, lines: &[u8]) {
    let updates = lines.split(|byte| *byte == b'\n').filter_map(|line| {
        let line = std::str::from_utf8(line).ok()?.trim();
        parse(line)
    });
    let mut inner = collected.lock();
    for (key, update) in updates {
        inner.metrics.update(key, update);
    }
}

/// A line such as `name:1|c|@0.5|#tag:value`. What is none is passed over, as statsd does.
fn parse(line: &str) -> Option<(Key, Update)> {
    let mut parts = line.split('|');
    let (name, text) = parts.next()?.rsplit_once(':')?;
    let kind = parts.next()?;
    let (mut rate, mut tags) = (1.0, BTreeMap::new());
    for part in parts {
        if let Some(text) = part.strip_prefix('@') {
            rate = text.parse().ok().filter(|rate| *rate > 0.0 && *rate <= 1.0)?;
        } else if let Some(text) = part.strip_prefix('#') {
            let pairs = text.split(',').map(|tag| tag.split_once(':').unwrap_or((tag, "")));
            tags = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        }
    }
    let value: f64 = text.parse().ok().filter(|value: &f64| value.is_finite())?;
    let update = match kind {
        "c" => Update::Add(Measure::Counter { value: value / rate }),
        "g" if text.starts_with(['+', '-']) => Update::Add(Measure::Gauge { value }),
        "g" => Update::Set(Measure::Gauge { value }),
        "ms" | "h" | "d" => Update::Add(Measure::once(value, (1.0 / rate).round() as u64)),
        _ => return None,
    };
    // What the rate makes of it may be more than can be told.
    let (Update::Add(told) | Update::Set(told)) = update;
    if !told.is_finite() {
        return None;
    }
    let key = Key {
        name: name.to_owned(),
        source: Source::Statsd,
        tags,
    };
    (!name.is_empty()).then_some((key, update))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_name_a_value_and_a_kind() {
        let parsed =
            |line| parse(line).map(|(key, update)| (key.name, key.tags.into_iter().collect::<Vec<_>>(), update));
        let tag = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        for (line, name, tags, update) in [
            ("a.b:3|c", "a.b", vec![], Update::Add(Measure::Counter { value: 3.0 })),
            ("a:1|c|@0.5", "a", vec![], Update::Add(Measure::Counter { value: 2.0 })),
            ("a:7|g", "a", vec![], Update::Set(Measure::Gauge { value: 7.0 })),
            ("a:-7|g", "a", vec![], Update::Add(Measure::Gauge { value: -7.0 })),
            (
                "a:12|ms|#x:1,y",
                "a",
                vec![tag("x", "1"), tag("y", "")],
                Update::Add(Measure::once(12.0, 1)),
            ),
            ("a::b:1|h|@0.25", "a::b", vec![], Update::Add(Measure::once(1.0, 4))),
        ] {
            assert_eq!(parsed(line), Some((name.to_owned(), tags, update)), "{line}");
        }
        for line in [
            "",
            "a",
            "a:1",
            "a:x|c",
            "a:1|z",
            ":1|c",
            "a:1|c|@0",
            "a:1|c|@2",
            "a:inf|g",
            "a:NaN|c",
            "a:1|c|@1e-320",
            "d:1e308|h|@1e-300",
            "a:1e400|g",
        ] {
            assert_eq!(parsed(line), None, "{line}");
        }
    }
}
