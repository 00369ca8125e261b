//! Many streams, each of a client that acknowledges what it is sent.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, channel::mpsc};
use http::uri::PathAndQuery;
use memchr::memmem;
use prost::Message as _;
use tokio::{sync::oneshot, task::JoinHandle};
use tonic::{
    Request, Streaming,
    client::Grpc,
    transport::{Channel, Endpoint},
};

use super::{codec::Raw, discovery::LIMIT, hosts, variant::Variant};
use crate::Error;

/// How many connections or streams are opened at a time.
const AT_A_TIME: usize = 32;
/// The longest response that is taken, in bytes.
const LONGEST: usize = 64 << 20;

/// Streams that are open until they are dropped.
#[derive(Debug)]
pub(super) struct Streams<V> {
    board: Arc<Board>,
    clients: Vec<Arc<Mutex<V>>>,
    tasks: Vec<JoinHandle<()>>,
}

/// What the streams have been sent in all.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Traffic {
    pub(super) responses: u64,
    pub(super) response_bytes: u64,
    pub(super) request_bytes: u64,
}

/// Where the streams tell how far they are.
#[derive(Debug, Default)]
struct Board {
    awaited: Mutex<Awaited>,
    failed: Mutex<Option<String>>,
    responses: AtomicU64,
    response_bytes: AtomicU64,
    request_bytes: AtomicU64,
}

/// The change that all streams are to be told of.
#[derive(Debug, Default)]
struct Awaited {
    /// Counts what was awaited.
    number: u64,
    finder: Option<Arc<memmem::Finder<'static>>>,
    left: usize,
    done: Option<oneshot::Sender<Instant>>,
}

impl<V: Variant> Streams<V> {
    /// Opens streams over so many connections, each subscribed to these names; each has had and acknowledged its first
    /// response, with the marker of change 0, when this returns.
    pub(super) async fn open(url: &str, count: usize, connections: usize, names: Arc<[String]>) -> Result<Self, Error> {
        let endpoint = Endpoint::from_shared(url.to_owned())?;
        let channels: Vec<Channel> = futures::stream::iter(0..connections)
            .map(|_| endpoint.connect())
            .buffer_unordered(AT_A_TIME)
            .try_collect()
            .await?;
        let mut streams = Self {
            board: Arc::default(),
            clients: (0..count).map(|_| Arc::default()).collect(),
            tasks: Vec::with_capacity(count),
        };
        let all = streams.awaiting(0);
        let mut opened = futures::stream::iter(0..count)
            .map(|index| {
                let channel = channels[index % connections].clone();
                let names = Arc::clone(&names);
                async move { (index, open::<V>(channel, index, &names).await) }
            })
            .buffer_unordered(AT_A_TIME);
        while let Some((index, stream)) = opened.next().await {
            let client = Client {
                board: Arc::clone(&streams.board),
                held: Arc::clone(&streams.clients[index]),
                stream: stream?,
                names: Arc::clone(&names),
            };
            streams.tasks.push(tokio::spawn(client.follow()));
        }
        drop(opened);
        streams.until(all).await?;
        Ok(streams)
    }

    /// Resolves with the moment at which the last stream was told of a change. To be called before the change is made.
    pub(super) fn awaiting(&self, change: u32) -> oneshot::Receiver<Instant> {
        let (done, all) = oneshot::channel();
        let mut awaited = lock(&self.board.awaited);
        *awaited = Awaited {
            number: awaited.number + 1,
            finder: Some(Arc::new(memmem::Finder::new(&hosts::marker(change)).into_owned())),
            left: self.clients.len(),
            done: Some(done),
        };
        all
    }

    /// Waits until all streams have what is awaited.
    pub(super) async fn until(&self, all: oneshot::Receiver<Instant>) -> Result<Instant, Error> {
        let waited = tokio::time::timeout(LIMIT, all).await;
        if let Some(error) = lock(&self.board.failed).take() {
            return Err(error.into());
        }
        match waited {
            Ok(Ok(at)) => Ok(at),
            _ => Err(format!(
                "{} streams were not told after {LIMIT:?}",
                lock(&self.board.awaited).left
            )
            .into()),
        }
    }

    /// How many streams do not hold all of these changes.
    pub(super) fn behind(&self, changes: &[u32]) -> usize {
        let finders: Vec<_> = changes.iter().map(|change| hosts::marker(*change)).collect();
        let is_behind = |client: &&Arc<Mutex<V>>| {
            let held = lock(client);
            let held = held.held();
            !finders.iter().all(|marker| {
                held.iter()
                    .any(|bytes| memmem::find(bytes, marker.as_bytes()).is_some())
            })
        };
        self.clients.iter().filter(is_behind).count()
    }

    pub(super) fn traffic(&self) -> Traffic {
        let board = &self.board;
        Traffic {
            responses: board.responses.load(Ordering::Relaxed),
            response_bytes: board.response_bytes.load(Ordering::Relaxed),
            request_bytes: board.request_bytes.load(Ordering::Relaxed),
        }
    }
}

impl<V> Drop for Streams<V> {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

struct Opened<V: Variant> {
    requests: mpsc::UnboundedSender<V::Request>,
    responses: Streaming<Bytes>,
}

async fn open<V: Variant>(channel: Channel, index: usize, names: &[String]) -> Result<Opened<V>, Error> {
    let (requests, sent) = mpsc::unbounded();
    requests.unbounded_send(V::subscribe(format!("bench-{index}"), names))?;
    let mut grpc = Grpc::new(channel).max_decoding_message_size(LONGEST);
    grpc.ready().await?;
    let path = PathAndQuery::from_static(V::METHOD);
    let responses = grpc.streaming(Request::new(sent), path, Raw::default()).await?;
    Ok(Opened {
        requests,
        responses: responses.into_inner(),
    })
}

struct Client<V: Variant> {
    board: Arc<Board>,
    held: Arc<Mutex<V>>,
    stream: Opened<V>,
    names: Arc<[String]>,
}

impl<V: Variant> Client<V> {
    async fn follow(mut self) {
        if let Err(error) = self.take_all().await {
            lock(&self.board.failed).get_or_insert(format!("a stream ended: {error}"));
            // Nobody need wait any longer.
            lock(&self.board.awaited).done = None;
        }
    }

    async fn take_all(&mut self) -> Result<(), Error> {
        let mut told = 0;
        loop {
            let response = self.stream.responses.message().await?;
            let response = response.ok_or("the service has no more to say")?;
            told = self.board.sent(&response, told);
            let request = lock(&self.held).take(response, &self.names)?;
            let bytes = request.encoded_len() as u64;
            self.board.request_bytes.fetch_add(bytes, Ordering::Relaxed);
            self.stream.requests.unbounded_send(request)?;
        }
    }
}

impl Board {
    /// A stream, which knows of the `told`th that was awaited already, was sent a response; gives which it knows of now.
    fn sent(&self, response: &Bytes, told: u64) -> u64 {
        self.responses.fetch_add(1, Ordering::Relaxed);
        self.response_bytes.fetch_add(response.len() as u64, Ordering::Relaxed);
        let (number, finder) = {
            let awaited = lock(&self.awaited);
            (awaited.number, awaited.finder.clone())
        };
        if number == told || finder.is_none_or(|finder| finder.find(response).is_none()) {
            return told;
        }
        let mut awaited = lock(&self.awaited);
        if awaited.number == number {
            awaited.left -= 1;
            if awaited.left == 0
                && let Some(done) = awaited.done.take()
            {
                // Who awaited it may have given up.
                let _ = done.send(Instant::now());
            }
        }
        number
    }
}

impl Traffic {
    /// What there was since an earlier look.
    pub(super) fn since(self, before: Self) -> Self {
        Self {
            responses: self.responses - before.responses,
            response_bytes: self.response_bytes - before.response_bytes,
            request_bytes: self.request_bytes - before.request_bytes,
        }
    }
}

/// Milliseconds.
pub(super) fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// What is behind these locks is changed in single steps.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
