//! The machine on which all runs, measured all the time.
//!
//! A thread of its own sets a timer again and again, and notes how late it goes off: whoever else waits on this machine for a
//! processor is as late, also an Envoy. Beside it stands what the kernel counts. What was seen in a time is asked for afterwards,
//! by whoever has to judge something that took place in it.

mod counters;
mod history;

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Instant,
};

use meshkat_model::{machine::Machine, verdict::Disturbance};

use counters::Counters;
use history::{History, TIMER};

/// What the kernel counts is read each so many times.
const OFTEN: u32 = 20;

/// The machine, measured for as long as this is there; one that was not started takes it for one at rest.
#[derive(Debug, Default)]
pub struct Watch {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    history: Mutex<History>,
    over: AtomicBool,
}

impl Shared {
    fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn measure(&self) {
        for number in 0_u32.. {
            if self.over.load(Ordering::Relaxed) {
                break;
            }
            let due = Instant::now() + TIMER;
            thread::sleep(TIMER);
            let now = Instant::now();
            let counted = (number % OFTEN == 0).then(Counters::now);
            let mut history = self.history();
            history.timer(now, now.saturating_duration_since(due));
            if let Some(counters) = counted {
                history.counted(now, counters);
            }
        }
    }
}

impl Watch {
    /// Begins to measure.
    pub fn start() -> Self {
        let shared = Arc::<Shared>::default();
        shared.history().counted(Instant::now(), Counters::now());
        let measured = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("machine".to_owned())
            .spawn(move || measured.measure());
        // Without a thread nothing is known of the machine, and no verdict is void for it.
        Self {
            shared,
            thread: thread.ok(),
        }
    }

    /// How the machine disturbed what took place from `from` until now.
    pub fn since(&self, from: Instant) -> Disturbance {
        self.shared.history().disturbance(from, Instant::now())
    }

    /// How the machine disturbed what took place in this time, which has passed.
    pub fn between(&self, from: Instant, until: Instant) -> Disturbance {
        self.shared.history().disturbance(from, until.max(from))
    }

    /// What was measured from `from` until now.
    pub fn measured_since(&self, from: Instant) -> Machine {
        self.shared.history().machine(from, Instant::now())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It has nothing that could fail.
            drop(thread.join());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_measured_for_as_long_as_somebody_asks() {
        let watch = Watch::start();
        let start = Instant::now();
        while watch.shared.history().timers() < 3 {
            thread::yield_now();
        }
        assert!(watch.measured_since(start).timer_delay_max_ms >= 0.0);
        let shared = Arc::clone(&watch.shared);
        drop(watch);
        assert_eq!(Arc::strong_count(&shared), 1, "the thread has ended");
    }
}
