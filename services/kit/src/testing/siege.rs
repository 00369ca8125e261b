//! Clients of `sds` that mean it ill, of every kind, many at once. Bytes on sockets: no library would send them.
//!
//! Each does what its kind does until it is cut off, and then comes again.

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::WriteHalf;
use tokio::net::{TcpSocket, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;

/// Before one that was cut off comes again.
const AGAIN: Duration = Duration::from_millis(250);

/// Between two bytes of one that is slow.
const SLOW: Duration = Duration::from_millis(500);

/// What HTTP/2 begins with: the preface, and settings that say nothing.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// Settings with a window of 0 for streams: nothing may be sent.
const DEAF_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x06\x04\0\0\0\0\0\0\x04\0\0\0\0";

/// What one of them does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Connects, and nothing else.
    Idle,
    /// Connects, and says at once that it will send no more.
    HalfClosed,
    /// A head, byte by byte.
    SlowHead,
    /// A body, byte by byte.
    SlowBody,
    /// The beginning of HTTP/2, byte by byte.
    SlowPreface,
    /// One request after the other, and never an answer read to its end before the next.
    RequestFlood,
    /// Requests that are taken back at once.
    RapidReset,
    /// Settings that have to be acknowledged.
    SettingsFlood,
    /// Pings that have to be answered.
    PingFlood,
    /// A head that never ends.
    ContinuationFlood,
    /// A body of a gigabyte.
    HugeBody,
    /// A megabyte of header lines.
    HugeHead,
    /// Bytes that are nothing.
    Garbage,
    /// Asks again and again, and never reads.
    Deaf,
    /// The same over HTTP/2, with a window of 0.
    DeafStreams,
    /// A stream that wants 100,000 names.
    ManyNames,
    /// A message of 100 MB.
    HugeMessage,
    /// Opens as many streams as it may.
    ManyStreams,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 18] = [
        Self::Idle,
        Self::HalfClosed,
        Self::SlowHead,
        Self::SlowBody,
        Self::SlowPreface,
        Self::RequestFlood,
        Self::RapidReset,
        Self::SettingsFlood,
        Self::PingFlood,
        Self::ContinuationFlood,
        Self::HugeBody,
        Self::HugeHead,
        Self::Garbage,
        Self::Deaf,
        Self::DeafStreams,
        Self::ManyNames,
        Self::HugeMessage,
        Self::ManyStreams,
    ];

    /// Does it once. Ends when it is cut off.
    async fn act(self, stream: &mut TcpStream) -> io::Result<()> {
        match self {
            Self::Idle => quiet(stream).await,
            Self::HalfClosed => {
                stream.shutdown().await?;
                quiet(stream).await
            }
            Self::SlowHead => slowly(stream, b"GET /edsservice HTTP/1.1\r\nhost: localhost\r\nx-slow: ").await,
            Self::SlowBody => {
                let head = b"PUT /edsservice/slow HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
                             content-length: 1000000\r\n\r\n";
                stream.write_all(head).await?;
                stream.write_all(&[b' '; 65_536]).await?;
                slowly(stream, b"").await
            }
            Self::SlowPreface => slowly(stream, PREFACE).await,
            Self::RequestFlood => {
                let request = b"GET /edsservice HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(16);
                flood(stream, &request, true).await
            }
            Self::RapidReset => {
                stream.write_all(PREFACE).await?;
                let mut id = 1;
                numbered(stream, || {
                    let bytes = [headers(id, true), frame(3, 0, id, &8_u32.to_be_bytes())].concat();
                    id += 2;
                    bytes
                })
                .await
            }
            Self::SettingsFlood => {
                stream.write_all(PREFACE).await?;
                flood(stream, &frame(4, 0, 0, &[]).repeat(100), true).await
            }
            Self::PingFlood => {
                stream.write_all(PREFACE).await?;
                flood(stream, &frame(6, 0, 0, &[7; 8]).repeat(100), true).await
            }
            Self::ContinuationFlood => {
                stream.write_all(PREFACE).await?;
                let head = headers(1, false);
                // Without the end of its headers.
                let begun = frame(1, 0, 1, &head[9..]);
                stream.write_all(&begun).await?;
                let more = frame(9, 0, 1, &literal("x-filler", &"a".repeat(1000)));
                flood(stream, &more, true).await
            }
            Self::HugeBody => {
                let head =
                    b"PUT /xds/v3/endpoints/huge HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
                             content-length: 1000000000\r\n\r\n";
                stream.write_all(head).await?;
                flood(stream, &[b' '; 65_536], true).await
            }
            Self::HugeHead => {
                stream
                    .write_all(b"GET /edsservice HTTP/1.1\r\nhost: localhost\r\n")
                    .await?;
                flood(stream, format!("x-filler: {}\r\n", "a".repeat(1000)).as_bytes(), true).await
            }
            Self::Garbage => {
                let mut bytes = [0; 4096];
                bytes.fill_with(|| fastrand::u8(..));
                flood(stream, &bytes, true).await
            }
            Self::Deaf => {
                let request = b"GET /edsservice HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(16);
                flood(stream, &request, false).await
            }
            Self::DeafStreams => {
                stream.write_all(DEAF_PREFACE).await?;
                for stream_id in (1..200).step_by(2) {
                    stream.write_all(&headers(stream_id, true)).await?;
                }
                quiet(stream).await
            }
            Self::ManyNames => {
                stream.write_all(PREFACE).await?;
                let mut request = Vec::new();
                for number in 0..100_000 {
                    let name = format!("name-{number}");
                    // DiscoveryRequest.resource_names
                    request.push(3 << 3 | 2);
                    request.push(u8::try_from(name.len()).unwrap_or_default());
                    request.extend(name.as_bytes());
                }
                request.extend(type_url());
                call(stream, &request, request.len()).await
            }
            Self::HugeMessage => {
                stream.write_all(PREFACE).await?;
                call(stream, &[0; 1 << 20], 100 << 20).await
            }
            Self::ManyStreams => {
                stream.write_all(PREFACE).await?;
                let request = message(&type_url());
                for id in (1..1000).step_by(2) {
                    stream.write_all(&grpc_headers(id)).await?;
                    stream.write_all(&frame(0, 0, id, &request)).await?;
                }
                quiet(stream).await
            }
        }
    }
}

/// All of them, until this is dropped. They have a thread of their own: whoever else is a client here does not wait for it.
#[derive(Debug)]
pub struct Siege {
    clients: Option<Runtime>,
    connects: Arc<AtomicU64>,
}

impl Siege {
    /// Begins with so many clients, as many of each kind.
    pub fn begin(address: SocketAddr, clients: usize, kinds: &'static [Kind]) -> Self {
        let thread = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("siege")
            .enable_all()
            .build();
        let thread = thread.expect("a thread");
        let connects = Arc::<AtomicU64>::default();
        for kind in kinds.iter().copied().cycle().take(clients) {
            let connects = Arc::clone(&connects);
            thread.spawn(async move {
                loop {
                    if let Ok(mut stream) = connect(address, kind).await {
                        connects.fetch_add(1, Ordering::Relaxed);
                        // That it is cut off is what it waits for.
                        let _ = kind.act(&mut stream).await;
                    }
                    tokio::time::sleep(AGAIN).await;
                }
            });
        }
        Self {
            clients: Some(thread),
            connects,
        }
    }

    /// How often somebody connected.
    pub fn connects(&self) -> u64 {
        self.connects.load(Ordering::Relaxed)
    }

    /// Ends it, and waits until every socket is closed.
    pub async fn end(mut self) {
        if let Some(clients) = self.clients.take() {
            let ended = tokio::task::spawn_blocking(|| clients.shutdown_timeout(super::DEADLINE));
            ended.await.expect("it ends");
        }
    }
}

impl Drop for Siege {
    fn drop(&mut self) {
        if let Some(clients) = self.clients.take() {
            clients.shutdown_background();
        }
    }
}

async fn connect(address: SocketAddr, kind: Kind) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    if matches!(kind, Kind::Deaf | Kind::DeafStreams) {
        socket.set_recv_buffer_size(4096)?;
    }
    socket.connect(address).await
}

/// Reads whatever comes until there is no more.
async fn drain(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> io::Result<()> {
    let mut bytes = vec![0; 16_384];
    while stream.read(&mut bytes).await? > 0 {}
    Ok(())
}

/// Says nothing, and waits for the end.
async fn quiet(stream: &mut TcpStream) -> io::Result<()> {
    let mut byte = [0];
    // What has come stays unread.
    while stream.peek(&mut byte).await? > 0 {
        tokio::time::sleep(SLOW).await;
    }
    Ok(())
}

/// Sends a byte now and then, and for ever.
async fn slowly(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    for byte in bytes.iter().copied().chain(std::iter::repeat(b'x')) {
        stream.write_all(&[byte]).await?;
        tokio::time::sleep(SLOW).await;
    }
    Ok(())
}

/// Sends the same as fast as it is taken, and reads what comes, or does not.
async fn flood(stream: &mut TcpStream, bytes: &[u8], reads: bool) -> io::Result<()> {
    numbered_or(stream, || bytes.to_vec(), reads).await
}

async fn numbered(stream: &mut TcpStream, next: impl FnMut() -> Vec<u8>) -> io::Result<()> {
    numbered_or(stream, next, true).await
}

async fn send_for_ever(write: &mut WriteHalf<'_>, next: &mut impl FnMut() -> Vec<u8>) -> io::Result<()> {
    loop {
        write.write_all(&next()).await?;
        tokio::task::yield_now().await;
    }
}

async fn numbered_or(stream: &mut TcpStream, mut next: impl FnMut() -> Vec<u8>, reads: bool) -> io::Result<()> {
    let (mut read, mut write) = stream.split();
    let send = send_for_ever(&mut write, &mut next);
    let reading = async { if reads { drain(&mut read).await } else { pending().await } };
    tokio::select! {
        sent = send => sent,
        read = reading => read,
    }
}

/// How many bytes HTTP/2 lets a client send before it is told that some were read.
const WINDOW: usize = 65_535;

/// Begins a call with a message that says that it is so long, and goes on as fast as it is let.
async fn call(stream: &mut TcpStream, bytes: &[u8], length: usize) -> io::Result<()> {
    stream.write_all(&grpc_headers(1)).await?;
    let mut told = vec![0];
    told.extend(u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    told.extend(bytes);
    let (mut read, mut write) = stream.split();
    // Of the connection, and of the stream.
    let windows = [Semaphore::new(WINDOW), Semaphore::new(WINDOW)];
    let send = async {
        for piece in told.chunks(16_000) {
            for window in &windows {
                let size = u32::try_from(piece.len()).unwrap_or_default();
                window.acquire_many(size).await.map_err(io::Error::other)?.forget();
            }
            write.write_all(&frame(0, 0, 1, piece)).await?;
        }
        pending::<io::Result<()>>().await
    };
    let reading = async {
        loop {
            let mut head = [0; 9];
            read.read_exact(&mut head).await?;
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut payload = vec![0; length as usize];
            read.read_exact(&mut payload).await?;
            if let (8, Ok(more)) = (head[3], <[u8; 4]>::try_from(&*payload)) {
                let of_stream = usize::from(head[5..9] != [0; 4]);
                windows[of_stream].add_permits(u32::from_be_bytes(more) as usize);
            }
            if head[3] == 7 {
                return io::Result::Ok(());
            }
        }
    };
    tokio::select! {
        sent = send => sent,
        read = reading => read,
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or_default().to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A header line as HPACK writes what is in no table.
fn literal(name: &str, value: &str) -> Vec<u8> {
    let mut bytes = vec![0];
    for text in [name, value] {
        let length = text.len();
        match u8::try_from(length) {
            Ok(short) if short < 127 => bytes.push(short),
            _ => {
                bytes.push(127);
                let mut rest = length - 127;
                while rest >= 128 {
                    bytes.push((rest % 128) as u8 | 128);
                    rest /= 128;
                }
                bytes.push(rest as u8);
            }
        }
        bytes.extend(text.as_bytes());
    }
    bytes
}

fn head(lines: &[(&str, &str)]) -> Vec<u8> {
    lines.iter().flat_map(|(name, value)| literal(name, value)).collect()
}

/// A request for the registry, which has no body.
fn headers(stream: u32, ends: bool) -> Vec<u8> {
    let lines = head(&[
        (":method", "GET"),
        (":scheme", "http"),
        (":path", "/edsservice"),
        (":authority", "localhost"),
    ]);
    frame(1, 4 | u8::from(ends), stream, &lines)
}

fn grpc_headers(stream: u32) -> Vec<u8> {
    let lines = head(&[
        (":method", "POST"),
        (":scheme", "http"),
        (
            ":path",
            "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources",
        ),
        (":authority", "sds"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ]);
    frame(1, 4, stream, &lines)
}

/// `DiscoveryRequest.type_url`, of endpoints.
fn type_url() -> Vec<u8> {
    let url = b"type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment";
    let mut bytes = vec![4 << 3 | 2, u8::try_from(url.len()).unwrap_or_default()];
    bytes.extend(url);
    bytes
}

/// A message as gRPC frames it.
fn message(bytes: &[u8]) -> Vec<u8> {
    let mut framed = vec![0];
    framed.extend(u32::try_from(bytes.len()).unwrap_or_default().to_be_bytes());
    framed.extend(bytes);
    framed
}
