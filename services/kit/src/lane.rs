//! Who works for whom: threads for those who have shown that they mean well, another for those of whom nothing is known yet,
//! and a last one for those who take more than their share.
//!
//! A thread takes its tasks in turn, whoever they are for. A thousand connections that ask without end are a thousand turns to
//! wait for, for each thing that somebody else asks. So those who have shown what they are here for have threads that they do
//! not share with strangers, and strangers one that they do not share with those who ask without end.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::rt::Executor;
use rustix::time::{ClockId, clock_gettime};
use tokio::runtime::{Builder, Handle, Runtime};

/// How long a look is at what a connection takes.
const WINDOW: Duration = Duration::from_secs(1);

/// How much of a processor's time one may take in that which means well.
const MUCH: Duration = Duration::from_millis(200);
/// How much a stranger may: some times what it takes to come, to ask for thousands of things, and to acknowledge.
const LITTLE: Duration = Duration::from_millis(20);
/// How much one may of whom nothing is known at all: some times what it takes to come and to ask for a few things, which is 0.2 ms
/// where nothing is optimised.
const VERY_LITTLE: Duration = Duration::from_millis(1);

/// For how long one that took more is among those who did.
const PENALTY: Duration = Duration::from_secs(10);

/// The threads that others have than those who mean well, and how far each gives way, as `nice` counts it.
const OTHERS: [(&str, i32); 3] = [("newcomers", 5), ("strangers", 10), ("greedy", 19)];

/// Whether a connection has shown that it means well, and how much it takes.
#[derive(Debug)]
pub(crate) struct Standing {
    begun: Instant,
    proven: AtomicBool,
    /// Whether it took more than a newcomer does.
    stays: AtomicBool,
    /// When the look began, and what was taken since, in microseconds.
    window: AtomicU64,
    taken: AtomicU64,
    /// Until when it is among those who take too much, in microseconds.
    penalty: AtomicU64,
}

/// The threads.
#[derive(Debug)]
pub(crate) struct Lanes {
    proven: Handle,
    /// As in [`OTHERS`]; none where all are alike.
    others: Vec<Handle>,
}

/// The threads of everybody else. They end when this is dropped, and wait for nothing.
#[derive(Debug)]
pub(crate) struct Others(Vec<Runtime>);

/// Which threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lane {
    Proven,
    Newcomers,
    Strangers,
    Greedy,
}

impl Standing {
    pub(crate) fn new() -> Self {
        Self {
            begun: Instant::now(),
            proven: AtomicBool::new(false),
            stays: AtomicBool::new(false),
            window: AtomicU64::new(0),
            taken: AtomicU64::new(0),
            penalty: AtomicU64::new(0),
        }
    }

    pub(crate) fn prove(&self) {
        if !self.proven.swap(true, Ordering::AcqRel) {
            // What it took to come is forgiven.
            self.taken.store(0, Ordering::Relaxed);
            self.penalty.store(0, Ordering::Release);
        }
    }

    fn now(&self) -> u64 {
        micros(self.begun.elapsed())
    }

    fn lane(&self) -> Lane {
        if self.now() < self.penalty.load(Ordering::Acquire) {
            Lane::Greedy
        } else if self.proven.load(Ordering::Acquire) {
            Lane::Proven
        } else if self.stays.load(Ordering::Relaxed) {
            Lane::Strangers
        } else {
            Lane::Newcomers
        }
    }

    fn took(&self, time: Duration) {
        let now = self.now();
        if now.saturating_sub(self.window.load(Ordering::Relaxed)) > micros(WINDOW) {
            self.window.store(now, Ordering::Relaxed);
            self.taken.store(0, Ordering::Relaxed);
        }
        let taken = self.taken.fetch_add(micros(time), Ordering::Relaxed) + micros(time);
        let most = if self.proven.load(Ordering::Acquire) {
            MUCH
        } else {
            LITTLE
        };
        if taken > micros(VERY_LITTLE) {
            self.stays.store(true, Ordering::Relaxed);
        }
        if taken > micros(most) {
            self.penalty.store(now + micros(PENALTY), Ordering::Release);
        }
    }
}

/// Lets this thread give way to others. Where that cannot be had, they share the processors as equals.
fn give_way(how_far: i32) {
    // Linux has this for a thread; elsewhere it would be the whole process.
    #[cfg(target_os = "linux")]
    {
        let _given = rustix::process::setpriority_process(Some(rustix::thread::gettid()), how_far);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = how_far;
}

/// What this thread has had of a processor. Where others want it too, more time passes: that is not what a connection takes.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

impl Lanes {
    /// The threads of this runtime for all.
    pub(crate) fn one() -> Arc<Self> {
        Arc::new(Self {
            proven: Handle::current(),
            others: Vec::new(),
        })
    }

    /// The threads of this runtime for those who mean well, and others for everybody else.
    ///
    /// # Errors
    /// A thread cannot be had.
    pub(crate) fn apart() -> io::Result<(Arc<Self>, Others)> {
        let thread = |name: &str, gives_way: i32| {
            Builder::new_multi_thread()
                .worker_threads(1)
                .thread_name(name)
                .on_thread_start(move || give_way(gives_way))
                .enable_all()
                .build()
        };
        let others = OTHERS.map(|(name, gives_way)| thread(name, gives_way));
        let others = others.into_iter().collect::<io::Result<Vec<Runtime>>>()?;
        let lanes = Self {
            proven: Handle::current(),
            others: others.iter().map(|thread| thread.handle().clone()).collect(),
        };
        Ok((Arc::new(lanes), Others(others)))
    }

    /// Does the work of a connection, where it belongs at each moment.
    pub(crate) fn spawn(self: &Arc<Self>, standing: &Arc<Standing>, work: impl Future<Output = ()> + Send + 'static) {
        if self.others.is_empty() {
            drop(self.proven.spawn(work));
            return;
        }
        self.put(Task {
            work: Some(Box::pin(work)),
            standing: Arc::clone(standing),
            lanes: Arc::clone(self),
            here: standing.lane(),
        });
    }

    fn put(&self, task: Task) {
        let other = match task.here {
            Lane::Proven => None,
            Lane::Newcomers => self.others.first(),
            Lane::Strangers => self.others.get(1),
            Lane::Greedy => self.others.get(2),
        };
        drop(other.unwrap_or(&self.proven).spawn(task));
    }
}

impl Drop for Others {
    fn drop(&mut self) {
        for thread in self.0.drain(..) {
            thread.shutdown_background();
        }
    }
}

/// What the streams of an HTTP/2 connection are worked on with.
#[derive(Clone)]
pub(crate) struct OfConnection {
    lanes: Arc<Lanes>,
    standing: Arc<Standing>,
    refused: Refused,
}

/// Whether the stream that was just accepted is refused. hyper asks for the answer to a stream and then has it worked on, one
/// directly after the other; work on what is refused would take memory for as long as it waits for its turn.
#[derive(Debug, Clone, Default)]
pub(crate) struct Refused(Arc<AtomicBool>);

impl Refused {
    /// The stream that was just accepted is.
    pub(crate) fn refuse(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

impl OfConnection {
    pub(crate) fn new(lanes: &Arc<Lanes>, standing: &Arc<Standing>) -> Self {
        Self {
            lanes: Arc::clone(lanes),
            standing: Arc::clone(standing),
            refused: Refused::default(),
        }
    }

    /// Who tells it what is refused.
    pub(crate) fn refused(&self) -> Refused {
        self.refused.clone()
    }
}

impl<F> Executor<F> for OfConnection
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, work: F) {
        if self.refused.take() {
            // h2 resets a stream that nobody answers.
            return;
        }
        self.lanes.spawn(&self.standing, async move {
            work.await;
        });
    }
}

/// Work that goes to other threads when it belongs there.
struct Task {
    work: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    standing: Arc<Standing>,
    lanes: Arc<Lanes>,
    here: Lane,
}

impl Task {
    /// Whether it went elsewhere.
    fn moves(&mut self) -> bool {
        let there = self.standing.lane();
        if there == self.here {
            return false;
        }
        self.lanes.put(Self {
            work: self.work.take(),
            standing: Arc::clone(&self.standing),
            lanes: Arc::clone(&self.lanes),
            here: there,
        });
        true
    }
}

impl Future for Task {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.moves() {
            return Poll::Ready(());
        }
        let Some(work) = &mut self.work else {
            return Poll::Ready(());
        };
        let before = processor_time();
        let polled = work.as_mut().poll(context);
        self.standing.took(processor_time().saturating_sub(before));
        // At once: the next thing that it waits for is not to be waited for among strangers.
        if polled.is_pending() && self.moves() {
            return Poll::Ready(());
        }
        polled
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::{mpsc, oneshot};

    use super::*;

    fn thread() -> String {
        std::thread::current().name().unwrap_or_default().to_owned()
    }

    #[tokio::test]
    async fn work_goes_where_it_belongs_and_is_done_once() {
        let (lanes, _others) = Lanes::apart().unwrap();
        let standing = Arc::new(Standing::new());
        let (go, mut goes) = mpsc::channel::<()>(1);
        let (tell, mut told) = mpsc::channel(1);
        lanes.spawn(&standing, async move {
            while let Some(()) = goes.recv().await {
                tell.send(thread()).await.unwrap();
            }
        });
        // It may be told so in the middle of its work, which it ends where it is.
        let mut comes_to = async |lane: &str| {
            for tries in 1..=1000 {
                go.send(()).await.unwrap();
                if told.recv().await.unwrap() == lane {
                    return tries;
                }
            }
            panic!("it never came to {lane}");
        };
        comes_to("newcomers").await;
        standing.took(VERY_LITTLE * 2);
        comes_to("strangers").await;
        standing.took(LITTLE * 2);
        comes_to("greedy").await;
        standing.prove();
        let here = thread();
        comes_to(&here).await;
        // And stays there.
        for _ in 0..3 {
            assert_eq!(comes_to(&here).await, 1);
        }
        // Who takes all there is is no better than a stranger who does.
        standing.took(MUCH * 2);
        comes_to("greedy").await;
        drop(go);
        assert_eq!(told.recv().await, None);
    }

    #[tokio::test]
    async fn where_all_are_alike_there_is_one_lane() {
        let (done, is_done) = oneshot::channel();
        Lanes::one().spawn(&Arc::new(Standing::new()), async { done.send(thread()).unwrap() });
        assert_eq!(is_done.await.unwrap(), thread());
    }
}
