//! What became of a load's requests over time, for reports.

use std::time::Duration;

use indexmap::IndexMap;
use meshkat_model::results::LoadSpan;

/// So many spans there are at the most. When there are more, each two become one.
const MOST: usize = 120;

/// How long a span is at first.
const FIRST: Duration = Duration::from_millis(250);

/// Spans of one length, by when requests were due. It does not grow with time: spans become longer.
#[derive(Debug)]
pub(crate) struct Timeline {
    every: Duration,
    spans: Vec<Span>,
}

#[derive(Debug, Clone, Default)]
struct Span {
    requests: u64,
    errors: IndexMap<String, u64>,
    max: Duration,
}

impl Default for Timeline {
    fn default() -> Self {
        Self {
            every: FIRST,
            spans: Vec::new(),
        }
    }
}

impl Timeline {
    /// A request that was due then has ended; `kind` is that of its error, if it is one, and the latency that of its answer.
    pub(crate) fn add(&mut self, due: Duration, kind: &str, latency: Option<Duration>) {
        let mut at = self.number(due);
        while at >= MOST {
            self.join();
            at = self.number(due);
        }
        if self.spans.len() <= at {
            self.spans.resize_with(at + 1, Span::default);
        }
        let span = &mut self.spans[at];
        span.requests += 1;
        span.max = span.max.max(latency.unwrap_or_default());
        if !kind.is_empty() {
            *span.errors.entry(kind.to_owned()).or_default() += 1;
        }
    }

    fn number(&self, due: Duration) -> usize {
        usize::try_from(due.as_nanos() / self.every.as_nanos()).unwrap_or(usize::MAX)
    }

    fn join(&mut self) {
        self.every *= 2;
        let pairs = self.spans.chunks(2).map(|pair| {
            let mut both = pair[0].clone();
            for other in &pair[1..] {
                both.requests += other.requests;
                both.max = both.max.max(other.max);
                for (kind, count) in &other.errors {
                    *both.errors.entry(kind.clone()).or_default() += count;
                }
            }
            both
        });
        self.spans = pairs.collect();
    }

    /// The length of a span, and each of them in order.
    pub(crate) fn told(&self) -> (Duration, Vec<LoadSpan>) {
        let spans = self.spans.iter().map(|span| LoadSpan {
            requests: span.requests,
            errors: span.errors.clone(),
            max_ms: span.max.as_secs_f64() * 1000.0,
        });
        (self.every, spans.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_become_longer_and_lose_nothing() {
        let mut timeline = Timeline::default();
        for second in 0..600_u64 {
            let kind = if (100..110).contains(&second) { "503" } else { "" };
            timeline.add(Duration::from_secs(second), kind, Some(Duration::from_millis(second)));
        }
        let (every, spans) = timeline.told();
        assert_eq!(every, Duration::from_secs(8));
        assert!(spans.len() <= MOST, "{}", spans.len());
        assert_eq!(spans.iter().map(|span| span.requests).sum::<u64>(), 600);
        let failed: Vec<(usize, u64)> = spans
            .iter()
            .enumerate()
            .filter_map(|(number, span)| Some((number, *span.errors.get("503")?)))
            .collect();
        assert_eq!(failed, [(12, 4), (13, 6)], "from 96 s to 112 s");
        assert_eq!(spans[0].max_ms, 7.0);
    }
}
