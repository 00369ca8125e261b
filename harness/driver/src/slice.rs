//! A part of what a load has seen, and what is told of it.

use std::{sync::Arc, time::Duration};

use hdrhistogram::Histogram;
use indexmap::IndexMap;
use meshkat_model::observation::{BEHIND, Latency, Window};

use crate::sample::{Outcome, Sample};

/// Why no request begins any more.
#[derive(Debug)]
pub(crate) struct Over {
    /// Until when requests were due; none is for ever.
    pub(crate) at: Option<Duration>,
    /// What is told of those that were due and were not sent.
    pub(crate) why: Arc<str>,
}

/// The requests of a window. A copy, so that nobody waits while it is summed up.
#[derive(Debug)]
pub(crate) struct Slice {
    pub(crate) samples: Vec<Sample>,
    pub(crate) outcomes: Vec<Arc<Outcome>>,
    /// How much later than they were due those were sent that were late.
    pub(crate) late: Vec<Duration>,
    /// How many were due and were not sent, and why.
    pub(crate) unsent: Option<(u64, Arc<str>)>,
}

impl Slice {
    /// What is told of it.
    pub(crate) fn window(&self) -> Window {
        let mut window = Window {
            late: self.late.len() as u64,
            send_delay: self.late.iter().max().copied().unwrap_or_default(),
            ..Window::default()
        };
        // Three digits of precision, and every value fits: the histogram grows as it must.
        let mut latencies = Histogram::<u64>::new(3).ok();
        let mut counts = vec![0_u64; self.outcomes.len()];
        for sample in &self.samples {
            let number = sample.outcome as usize;
            counts[number] += 1;
            if self.outcomes[number].status > 0 {
                let latency = u64::from(sample.latency);
                window.latency.max = window.latency.max.max(Duration::from_micros(latency));
                let recorded = latencies.as_mut().map(|all| all.record(latency));
                debug_assert!(
                    matches!(recorded, None | Some(Ok(()))),
                    "a growing histogram takes every value"
                );
            }
        }
        let mut failures: IndexMap<&str, u64> = IndexMap::new();
        for (outcome, count) in self.outcomes.iter().zip(counts).filter(|(_, count)| *count > 0) {
            window.requests += count;
            if let Some(text) = &outcome.failure {
                window.errors += count;
                *failures.entry(text).or_default() += count;
            }
            if outcome.status > 0 {
                *window.statuses.entry(outcome.status).or_default() += count;
                let mut pods = outcome.served_by.split(',').filter(|pod| !pod.is_empty());
                window.chains.add(pods.clone(), count);
                if let Some(first) = pods.next() {
                    *window.answered_by.entry(first.to_owned()).or_default() += count;
                    *window.served_by.entry(first.to_owned()).or_default() += count;
                }
                pods.for_each(|pod| *window.served_by.entry(pod.to_owned()).or_default() += count);
            }
        }
        if let Some((count, why)) = &self.unsent {
            window.requests += count;
            window.errors += count;
            *failures.entry(why).or_default() += count;
            if **why == *BEHIND {
                window.unsent = *count;
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
        if let Some(latencies) = latencies.filter(|latencies| !latencies.is_empty()) {
            // The histogram rounds up by up to a thousandth; no quantile is above the maximum.
            let max = window.latency.max;
            let quantile = |share| Duration::from_micros(latencies.value_at_quantile(share)).min(max);
            window.latency = Latency {
                p50: quantile(0.5),
                p95: quantile(0.95),
                p99: quantile(0.99),
                max,
            };
        }
        window
    }
}
