//! Load: in an open loop each request is sent when it is due, whatever became of those before; in a closed one clients send one
//! request after the other.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use futures::future::join_all;
use meshkat_model::{
    observation::{BEHIND, Window},
    results::LoadSpan,
};
use tokio::sync::Notify;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    Client, Request,
    client::Permit,
    record::{Pin, Progress, Record},
    schedule::Schedule,
};

/// More requests than these are not kept open at once: beyond it the load would measure this machine. A request that is due
/// while so many are open counts as failed, and says so.
const MOST_OPEN: usize = 2000;

/// How long a load that is stopped may still take to send what was due before. A load that is as late as that is behind for good;
/// what is left then was not sent, and counts as failed.
const CATCH_UP: Duration = Duration::from_millis(500);

/// How long what is open may still take when a case has ended. Nobody judges it any more.
const GRACE: Duration = Duration::from_millis(500);

/// A client of a closed loop that has no answer waits for so long, from when it asked, before it asks again.
const BACK_OFF: Duration = Duration::from_millis(5);

/// So many requests are sent in a row before others have their turn: a load that is behind must not keep the machine from
/// seeing that its time is over.
const IN_A_ROW: usize = 32;

/// A load that runs until it is stopped or dropped. Dropped, it sends nothing more, and gives up what is open.
#[derive(Debug)]
pub struct Load {
    shared: Arc<Shared>,
    tasks: TaskTracker,
}

#[derive(Debug)]
struct Shared {
    start: Instant,
    record: Mutex<Record>,
    ended: Notify,
    /// Nothing falls due any more.
    stop: CancellationToken,
    /// Nothing is sent any more, also of what was due.
    over: AtomicBool,
    /// What is open is given up.
    cut: CancellationToken,
}

impl Shared {
    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing is sent from here on.
    fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
        self.stop.cancel();
    }
}

/// How a load sends.
#[derive(Debug, Clone, PartialEq)]
pub enum Pace {
    /// In an open loop: each request when it is due.
    Open(Schedule),
    /// In a closed loop: so many clients, each of which sends its next request when the one before has ended.
    Closed(usize),
}

impl Load {
    /// Starts sending `requests` in turn; the first one at once. There is at least one of them.
    pub fn start(client: &Client, requests: Vec<Request>, pace: Pace) -> Self {
        let (schedule, clients) = match pace {
            Pace::Open(schedule) => (Some(schedule), 0),
            Pace::Closed(clients) => (None, clients),
        };
        let shared = Arc::new(Shared {
            start: Instant::now(),
            record: Mutex::new(Record::new(schedule)),
            ended: Notify::new(),
            stop: CancellationToken::new(),
            over: AtomicBool::new(false),
            cut: CancellationToken::new(),
        });
        let tasks = TaskTracker::new();
        let sender = Sender {
            client: client.clone(),
            requests: requests.into_iter().map(Arc::new).collect(),
            shared: Arc::clone(&shared),
            tasks: tasks.clone(),
        };
        match clients {
            0 => drop(tasks.spawn(sender.run())),
            clients => {
                let sender = Arc::new(sender);
                (0..clients).for_each(|_| drop(tasks.spawn(Arc::clone(&sender).run_client())));
            }
        }
        Self { shared, tasks }
    }

    /// When the load began.
    pub fn started(&self) -> Instant {
        self.shared.start
    }

    /// Time since the load began.
    pub fn now(&self) -> Duration {
        self.shared.start.elapsed()
    }

    /// How many requests were sent so far.
    pub fn requests(&self) -> u64 {
        self.shared.record().sent_count()
    }

    /// How far it has come.
    pub fn progress(&self) -> Progress {
        self.shared.record().progress(self.now())
    }

    /// Until when requests fell due; none while they go on.
    pub fn stopped_at(&self) -> Option<Duration> {
        self.shared.record().over_at()
    }

    /// What became of its requests over time: how long a span is, and each of them in order.
    pub fn timeline(&self) -> (Duration, Vec<LoadSpan>) {
        self.shared.record().timeline()
    }

    /// What was due from here on, since the load began, can be asked for; none: the last seconds, all since the begin, and all since the
    /// last window that was asked for, can.
    pub fn hold(&self, from: Option<Duration>) {
        self.shared.record().hold(from);
    }

    /// The requests that were due from `from` to before `until`, both since the load began, once all of them have ended. `from` is the
    /// begin of the load, or the end of the window before, or at most some seconds ago.
    pub async fn window(&self, from: Duration, until: Duration) -> Window {
        let pin = self.shared.record().pin(from, until);
        // Let go whether or not somebody waits to the end.
        let pinned = Pinned {
            shared: &self.shared,
            pin,
        };
        loop {
            // Registered before the look, so that a request that ends in between is not missed.
            let ended = self.shared.ended.notified();
            let window = {
                let record = self.shared.record();
                let is_complete = self.now() >= until && record.is_complete(until);
                is_complete.then(|| record.window(pinned.pin))
            };
            if let Some(window) = window {
                self.shared.record().judged(until);
                return window;
            }
            let rest = until.saturating_sub(self.now());
            if rest.is_zero() {
                ended.await;
            } else {
                tokio::time::sleep_until((self.shared.start + until).into()).await;
            }
        }
    }

    /// From now on nothing falls due. What was due before is sent, as far as this machine gets to it in half a second; then this
    /// waits until what was sent has ended, which each request does within its timeout.
    pub async fn stop(&self) {
        let now = self.now();
        self.shared.record().over(Some(now), BEHIND);
        self.shared.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Ends the loads of a case: nothing more is sent by any of them, what is open may take half a second to end, and then it is
    /// given up. Waits for nothing that the other side does.
    pub async fn end_all<'a>(loads: impl IntoIterator<Item = &'a Self>) {
        let loads: Vec<&Self> = loads.into_iter().collect();
        // All of them before any is waited for.
        for load in &loads {
            load.shared.end();
            load.tasks.close();
        }
        let all_ended = || join_all(loads.iter().map(|load| load.tasks.wait()));
        if tokio::time::timeout(GRACE, all_ended()).await.is_err() {
            loads.iter().for_each(|load| load.shared.cut.cancel());
            all_ended().await;
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.shared.end();
        self.shared.cut.cancel();
    }
}

/// A window that somebody waits for.
struct Pinned<'a> {
    shared: &'a Shared,
    pin: Pin,
}

impl Drop for Pinned<'_> {
    fn drop(&mut self) {
        self.shared.record().let_go(self.pin);
    }
}

/// Who sends the requests of a load.
struct Sender {
    client: Client,
    /// Sent in turn.
    requests: Vec<Arc<Request>>,
    shared: Arc<Shared>,
    tasks: TaskTracker,
}

impl Sender {
    async fn run(self) {
        let start = self.shared.start;
        while !self.shared.stop.is_cancelled() {
            // What this machine was late with is sent at once, and its latency counts from when it was due.
            let due = self.shared.record().first_due_from(start.elapsed());
            if self.send_until(due, || self.shared.stop.is_cancelled()).await.is_err() {
                // What falls due from here on counts as failed, until somebody stops it.
                self.shared.ended.notify_waiters();
                self.shared.stop.cancelled().await;
                break;
            }
            let next = {
                let record = self.shared.record();
                record.due(record.next())
            };
            tokio::select! {
                biased;
                () = self.shared.stop.cancelled() => {}
                () = tokio::time::sleep_until((start + next).into()) => {}
            }
        }
        let stopped = self.shared.record().over_at().unwrap_or_else(|| start.elapsed());
        let due = self.shared.record().first_due_from(stopped);
        let last = start + stopped + CATCH_UP;
        let enough = || self.shared.over.load(Ordering::SeqCst) || Instant::now() > last;
        // That it may send no more is in the record.
        drop(self.send_until(due, enough).await);
        self.shared.record().over(Some(stopped), BEHIND);
        self.shared.ended.notify_waiters();
    }

    /// Sends all requests before this one that have not begun, unless it is `enough`.
    ///
    /// # Errors
    /// The case may send no more.
    async fn send_until(&self, due: usize, enough: impl Fn() -> bool) -> Result<(), Exhausted> {
        for sent in 1.. {
            if enough() || self.shared.record().next() >= due {
                break;
            }
            self.send()?;
            if sent % IN_A_ROW == 0 {
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }

    fn send(&self) -> Result<(), Exhausted> {
        let Some(permit) = self.client.count() else {
            let most = Client::MOST_KEPT;
            let why = format!("not sent: the loads of a case send up to {most} requests");
            self.shared.record().over(None, &why);
            return Err(Exhausted);
        };
        let (number, due) = {
            let mut record = self.shared.record();
            let number = record.begin(self.shared.start.elapsed());
            (number, record.due(number))
        };
        // The task that sends is one of them.
        let is_full = self.tasks.len() > MOST_OPEN;
        let open = match (is_full, permit) {
            (true, _) => Err(MOST_OPEN),
            (false, Permit::TooMany) => Err(Client::MOST_OPEN),
            (false, Permit::Send(open)) => Ok(open),
        };
        let open = match open {
            Ok(open) => open,
            Err(most) => {
                let why = format!("not sent: {most} requests are open");
                self.shared.record().failed(number, Duration::ZERO, &why);
                self.shared.ended.notify_waiters();
                return Ok(());
            }
        };
        self.shared.record().sent();
        let Some(request) = self.request(number) else {
            return Err(Exhausted);
        };
        let (client, shared) = (self.client.clone(), Arc::clone(&self.shared));
        self.tasks.spawn(async move {
            let delay = shared.start.elapsed().saturating_sub(due);
            shared.record().leaves(number, delay);
            let response = tokio::select! {
                biased;
                () = shared.cut.cancelled() => None,
                response = client.send_for_load(&request) => Some(response),
            };
            drop(open);
            let latency = shared.start.elapsed().saturating_sub(due);
            match response {
                Some(response) => shared.record().ended(number, latency, &response),
                None => shared.record().failed(number, latency, "given up: the case had ended"),
            }
            shared.ended.notify_waiters();
        });
        Ok(())
    }
}

impl Sender {
    /// The request of this number.
    fn request(&self, number: usize) -> Option<Arc<Request>> {
        let at = number.checked_rem(self.requests.len())?;
        self.requests.get(at).cloned()
    }

    /// One of the clients of a closed loop.
    async fn run_client(self: Arc<Self>) {
        let shared = &self.shared;
        while !shared.stop.is_cancelled() {
            let permit = self.client.count();
            let (number, due) = {
                let mut record = shared.record();
                let number = record.begin(shared.start.elapsed());
                (number, record.due(number))
            };
            let (Some(request), Some(permit)) = (self.request(number), permit) else {
                // Told once by each client.
                let most = Client::MOST_KEPT;
                let why = format!("not sent: the loads of a case send up to {most} requests");
                shared.record().failed(number, Duration::ZERO, &why);
                break;
            };
            let open = match permit {
                Permit::Send(open) => open,
                Permit::TooMany => {
                    let most = Client::MOST_OPEN;
                    shared
                        .record()
                        .failed(number, Duration::ZERO, &format!("not sent: {most} requests are open"));
                    shared.ended.notify_waiters();
                    tokio::time::sleep(BACK_OFF).await;
                    continue;
                }
            };
            shared.record().sent();
            let response = tokio::select! {
                biased;
                () = shared.cut.cancelled() => None,
                response = self.client.send_for_load(&request) => Some(response),
            };
            drop(open);
            let latency = shared.start.elapsed().saturating_sub(due);
            let is_lost = response.as_ref().is_none_or(|response| response.outcome.is_err());
            match response {
                Some(response) => shared.record().ended(number, latency, &response),
                None => shared.record().failed(number, latency, "given up: the case had ended"),
            }
            shared.ended.notify_waiters();
            if is_lost && latency < BACK_OFF {
                // Nobody is there: a client that asks again at once would do nothing but that.
                tokio::time::sleep(BACK_OFF - latency).await;
            }
        }
        let now = shared.start.elapsed();
        shared.record().over(Some(now), BEHIND);
        shared.ended.notify_waiters();
    }
}

/// The loads of a case may send no more.
#[derive(Debug)]
struct Exhausted;

#[cfg(test)]
mod tests;
