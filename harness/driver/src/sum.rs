//! What a part of a load comes to. It takes as much memory for ten requests as for ten million.

use std::{sync::Arc, time::Duration};

use hdrhistogram::Histogram;
use indexmap::IndexMap;
use meshkat_model::{
    machine::IN_TIME,
    observation::{BEHIND, ErrorWindow, Latency, Queued, Window},
};

use crate::sample::{Outcome, Sample};

/// Why no request begins any more.
#[derive(Debug)]
pub(crate) struct Over {
    /// Until when requests were due; none is for ever.
    pub(crate) at: Option<Duration>,
    /// What is told of those that were due and were not sent.
    pub(crate) why: Arc<str>,
}

/// Requests that have ended, summed up.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sum {
    /// How many had each outcome, by its number.
    counts: Vec<u64>,
    latency: Times,
    queue: Times,
    late: u64,
    send_delay: u32,
    /// When the first and the last failed one was due.
    failed: Option<(Duration, Duration)>,
}

/// Times in microseconds. Three digits of precision, and every value fits: the histogram grows as it must.
#[derive(Debug, Clone, Default)]
struct Times {
    all: Option<Histogram<u64>>,
    max: u32,
}

impl Times {
    fn add(&mut self, time: u32) {
        self.max = self.max.max(time);
        if self.all.is_none() {
            self.all = Histogram::new(3).ok();
        }
        let recorded = self.all.as_mut().map(|all| all.record(u64::from(time)));
        debug_assert!(
            matches!(recorded, None | Some(Ok(()))),
            "a growing histogram takes every value"
        );
    }

    /// So much of 1 was not longer. The histogram rounds up by up to a thousandth; no quantile is above the maximum.
    fn quantile(&self, share: f64) -> Duration {
        let at = self.all.as_ref().map_or(0, |all| all.value_at_quantile(share));
        Duration::from_micros(at.min(u64::from(self.max)))
    }

    fn max(&self) -> Duration {
        Duration::from_micros(u64::from(self.max))
    }
}

impl Sum {
    /// Adds a request that has ended.
    pub(crate) fn add(&mut self, sample: &Sample, outcome: &Outcome) {
        let number = sample.outcome as usize;
        if self.counts.len() <= number {
            self.counts.resize(number + 1, 0);
        }
        self.counts[number] += 1;
        if outcome.status > 0 {
            self.latency.add(sample.latency);
            self.queue.add(sample.queue);
        }
        if Duration::from_micros(u64::from(sample.late)) > IN_TIME {
            self.late += 1;
            self.send_delay = self.send_delay.max(sample.late);
        }
        if outcome.failure.is_some() {
            let due = sample.due();
            let (first, last) = self.failed.unwrap_or((due, due));
            self.failed = Some((first.min(due), last.max(due)));
        }
    }

    /// What is told of it. `unsent` is how many were due and were not sent, and why.
    pub(crate) fn window(&self, outcomes: &[Arc<Outcome>], unsent: Option<(u64, &str)>) -> Window {
        let mut window = Window {
            late: self.late,
            send_delay: Duration::from_micros(u64::from(self.send_delay)),
            ..Window::default()
        };
        let mut failures: IndexMap<&str, u64> = IndexMap::new();
        for (outcome, count) in outcomes.iter().zip(&self.counts).filter(|(_, count)| **count > 0) {
            window.requests += count;
            if let Some(text) = &outcome.failure {
                window.errors += count;
                *failures.entry(text).or_default() += count;
            }
            if outcome.status > 0 {
                *window.statuses.entry(outcome.status).or_default() += count;
                let mut pods = outcome.served_by.split(',').filter(|pod| !pod.is_empty());
                window.chains.add(pods.clone(), *count);
                if let Some(first) = pods.next() {
                    *window.answered_by.entry(first.to_owned()).or_default() += count;
                    *window.served_by.entry(first.to_owned()).or_default() += count;
                }
                pods.for_each(|pod| *window.served_by.entry(pod.to_owned()).or_default() += count);
            }
        }
        if let Some((count, why)) = unsent {
            window.requests += count;
            window.errors += count;
            *failures.entry(why).or_default() += count;
            if why == BEHIND {
                window.unsent = count;
                window.late += count;
            }
        }
        window.served_by.sort_unstable_keys();
        window.statuses.sort_unstable_keys();
        failures.sort_by(|_, one, _, other| other.cmp(one));
        window.failures = failures
            .into_iter()
            .map(|(text, count)| (text.to_owned(), count))
            .collect();
        window.error_window = self.failed.map(|(first, last)| ErrorWindow { first, last });
        window.latency = Latency {
            p50: self.latency.quantile(0.5),
            p95: self.latency.quantile(0.95),
            p99: self.latency.quantile(0.99),
            max: self.latency.max(),
        };
        window.queue = Queued {
            p50: self.queue.quantile(0.5),
            p99: self.queue.quantile(0.99),
            max: self.queue.max(),
        };
        window
    }
}
