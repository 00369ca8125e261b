//! Letting an Envoy finish what is in flight.

use std::time::{Duration, Instant};

use meshkat_envoy::admin::{Admin, AdminError, Stat};
use meshkat_model::mesh::Port;

use crate::Pod;

/// How long one question to an Envoy may take.
const ANSWER: Duration = Duration::from_secs(1);

/// How often to ask whether it is done.
const LOOK: Duration = Duration::from_millis(10);

/// What an Envoy has of its clients, listener by listener: requests in flight, open connections, and all requests so far.
const OF_CLIENTS: &str = r"^http\..*\.downstream_(rq_active|cx_active|rq_total)$";

/// How long nothing new may have come over connections that stay open. Who has taken a pod out of its cluster closes what it has
/// to it; until each of its workers has, one may still choose the pod.
const QUIET: Duration = Duration::from_millis(300);

/// The admin interface's own, which counts the very question.
const ADMIN: &str = "http.admin.";

/// Makes a pod's Envoy tell its clients to go away and refuse new ones, and waits until nothing is in flight, or the
/// grace is over. An Envoy that does not answer has nothing to finish.
///
/// SIGTERM alone would cut what is in flight: Envoy leaves it to who stops it to drain it first.
pub(crate) async fn drain(pod: &Pod, grace: Duration) {
    if !pod.has_running_envoy() {
        return;
    }
    match tokio::time::timeout(grace, finish(pod)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(pod = pod.name, %error, "cannot drain"),
        Err(_) => tracing::warn!(pod = pod.name, ?grace, "did not finish what was in flight in time"),
    }
}

async fn finish(pod: &Pod) -> Result<(), AdminError> {
    let admin = Admin::new(pod.socket(Port::Admin))?;
    // From here on every response closes its connection, for clients that would keep theirs.
    admin.post("/healthcheck/fail", ANSWER).await?;
    admin.post("/drain_listeners", ANSWER).await?;
    let mut quiet: Option<(u64, Instant)> = None;
    loop {
        let stats = admin.stats(Some(OF_CLIENTS), ANSWER).await?;
        let sum = |what: &str| -> u64 {
            let of_clients = stats
                .iter()
                .filter(|(name, _)| !name.starts_with(ADMIN) && name.ends_with(what));
            of_clients
                .map(|(_, stat)| if let Stat::Number(number) = stat { *number } else { 0 })
                .sum()
        };
        let all = sum(".downstream_rq_total");
        let since = match quiet {
            Some((before, since)) if before == all => since,
            _ => Instant::now(),
        };
        quiet = Some((all, since));
        if sum(".downstream_rq_active") == 0 && (sum(".downstream_cx_active") == 0 || since.elapsed() >= QUIET) {
            return Ok(());
        }
        tokio::time::sleep(LOOK).await;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::net::{Ipv4Addr, SocketAddr};
    use std::sync::{Arc, Mutex};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpSocket};

    use super::*;
    use crate::ContainerState;
    use crate::InstanceId;

    /// Of this machine, at a port that is free.
    const HERE: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

    /// A pod whose Envoy has its admin interface there.
    fn pod(admin: SocketAddr, envoy: ContainerState) -> Pod {
        Pod {
            name: "pet".to_owned(),
            group: "pet".to_owned(),
            address: admin.ip(),
            published: BTreeMap::from([(Port::Admin, admin)]),
            loopback: admin.ip(),
            ports: meshkat_model::mesh::PodPorts::default(),
            application: None,
            envoy: Some(envoy),
        }
    }

    fn running() -> ContainerState {
        ContainerState::Running {
            instance: InstanceId::process(1),
        }
    }

    /// An admin interface that has something in flight for as many questions as it is told, over a connection that may stay open; it
    /// notes what it is asked.
    async fn admin(busy: usize, open: bool) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
        let listener = TcpListener::bind(HERE).await.expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let asked = Arc::new(Mutex::new(Vec::<String>::new()));
        let notes = Arc::clone(&asked);
        tokio::spawn(async move {
            let mut stats = 0;
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = vec![0; 4096];
                let read = stream.read(&mut request).await.unwrap_or(0);
                let request = String::from_utf8_lossy(&request[..read]).into_owned();
                let line = request.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
                stats += usize::from(line.starts_with("GET /stats"));
                notes.lock().expect("nobody panics").push(line);
                let (active, total, open) = (u8::from(stats <= busy), stats.min(busy), u8::from(open));
                let body = format!(
                    r#"{{"stats":[{{"name":"http.admin.downstream_rq_active","value":1}},
                    {{"name":"http.admin.downstream_rq_total","value":{stats}}},
                    {{"name":"http.inbound.downstream_cx_active","value":{open}}},
                    {{"name":"http.inbound.downstream_rq_total","value":{total}}},
                    {{"name":"http.inbound.downstream_rq_active","value":{active}}}]}}"#
                );
                let length = body.len();
                let answer = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}");
                // A client that has gone away shows in what it asks next.
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        (address, asked)
    }

    #[tokio::test]
    async fn it_waits_until_nothing_is_in_flight() {
        let (address, asked) = admin(3, false).await;
        drain(&pod(address, running()), Duration::from_secs(30)).await;
        let asked = asked.lock().expect("nobody panics").clone();
        assert_eq!(asked[..2], ["POST /healthcheck/fail", "POST /drain_listeners"]);
        assert_eq!(asked.len(), 2 + 4, "three times busy, once not: {asked:?}");
        assert!(asked[2].starts_with("GET /stats?"));
    }

    #[tokio::test]
    async fn over_what_stays_open_nothing_new_may_come() {
        let (address, asked) = admin(3, true).await;
        let begun = Instant::now();
        drain(&pod(address, running()), Duration::from_secs(30)).await;
        assert!(begun.elapsed() >= QUIET);
        assert!(asked.lock().expect("nobody panics").len() > 2 + 4);
    }

    #[tokio::test]
    async fn it_does_not_wait_for_ever() {
        let (address, asked) = admin(usize::MAX, false).await;
        let begun = Instant::now();
        drain(&pod(address, running()), Duration::from_millis(200)).await;
        assert!(begun.elapsed() >= Duration::from_millis(200));
        assert!(asked.lock().expect("nobody panics").len() > 3);
    }

    #[tokio::test]
    async fn what_does_not_answer_is_not_waited_for() {
        // Bound, and nobody listens.
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(HERE.into()).expect("a port is free");
        let address = socket.local_addr().expect("it is bound");
        let begun = Instant::now();
        let grace = Duration::from_secs(60);
        let paused = ContainerState::Paused {
            instance: InstanceId::process(1),
            from_outside: false,
        };
        drain(&pod(address, running()), grace).await;
        drain(&pod(address, paused), grace).await;
        drain(&pod(address, ContainerState::NotStarted), grace).await;
        assert!(begun.elapsed() < grace);
    }
}
