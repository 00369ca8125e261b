//! Steady load: open loop, each request sent when it is due, whatever became of those before.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use meshkat_model::{
    observation::{NoAnswer, Response, Window},
    scenario::step::TransportError,
};
use tokio::{sync::Notify, time::MissedTickBehavior};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{Client, Request, record::Record};

/// More requests than these are not kept open at once: beyond it the load would measure this machine. A request that is due
/// while so many are open counts as failed, and says so.
const MOST_OPEN: usize = 2000;

/// A load that runs until it is stopped or dropped.
#[derive(Debug)]
pub struct Load {
    shared: Arc<Shared>,
    cancel: CancellationToken,
    tasks: TaskTracker,
}

#[derive(Debug)]
struct Shared {
    start: Instant,
    record: Mutex<Record>,
    ended: Notify,
}

impl Shared {
    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Load {
    /// Starts sending `request` at `rate` requests a second; the first one at once.
    pub fn start(client: &Client, request: Request, rate: f64) -> Self {
        let shared = Arc::new(Shared {
            start: Instant::now(),
            record: Mutex::default(),
            ended: Notify::new(),
        });
        let cancel = CancellationToken::new();
        let tasks = TaskTracker::new();
        let pacing = pace(
            client.clone(),
            Arc::new(request),
            rate,
            Arc::clone(&shared),
            cancel.clone(),
            tasks.clone(),
        );
        tasks.spawn(pacing);
        Self { shared, cancel, tasks }
    }

    /// Time since the load began.
    pub fn now(&self) -> Duration {
        self.shared.start.elapsed()
    }

    /// How many requests have ended so far.
    pub fn requests(&self) -> u64 {
        self.shared.record().ended_count()
    }

    /// The requests that were due from `from` to before `until`, both since the load began, once all of them have ended.
    pub async fn window(&self, from: Duration, until: Duration) -> Window {
        loop {
            // Registered before the look, so that a request that ends in between is not missed.
            let ended = self.shared.ended.notified();
            {
                let record = self.shared.record();
                if self.now() >= until && record.is_complete(until) {
                    return record.window(from, until);
                }
            }
            let rest = until.saturating_sub(self.now());
            if rest.is_zero() {
                ended.await;
            } else {
                tokio::time::sleep_until((self.shared.start + until).into()).await;
            }
        }
    }

    /// Sends no more, and waits until what was sent has ended.
    pub async fn stop(&self) {
        self.cancel.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

async fn pace(
    client: Client,
    request: Arc<Request>,
    rate: f64,
    shared: Arc<Shared>,
    cancel: CancellationToken,
    tasks: TaskTracker,
) {
    let period = Duration::from_secs_f64(1.0 / rate);
    let mut ticks = tokio::time::interval_at(shared.start.into(), period);
    // What this machine was late with is sent at once, and its latency counts from when it was due.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for number in 0_u64.. {
        tokio::select! {
            biased;
            () = cancel.cancelled() => {
                shared.record().over();
                shared.ended.notify_waiters();
                return;
            }
            _ = ticks.tick() => {}
        }
        let due = Duration::from_secs_f64(number as f64 / rate);
        let next = Duration::from_secs_f64((number + 1) as f64 / rate);
        shared.record().sent(due, number, next);
        if tasks.len() > MOST_OPEN {
            let message = format!("not sent: {MOST_OPEN} requests are open");
            let outcome = Err(NoAnswer {
                kind: TransportError::Any,
                message,
            });
            shared.record().ended(
                due,
                number,
                Duration::ZERO,
                &Response {
                    outcome,
                    took: Duration::ZERO,
                },
            );
            shared.ended.notify_waiters();
            continue;
        }
        let (client, request, shared) = (client.clone(), Arc::clone(&request), Arc::clone(&shared));
        tasks.spawn(async move {
            let response = client.send(&request).await;
            let latency = shared.start.elapsed().saturating_sub(due);
            shared.record().ended(due, number, latency, &response);
            shared.ended.notify_waiters();
        });
    }
}
