//! What a load keeps of each of its requests, and windows of it.

use std::{collections::HashMap, time::Duration};

use hdrhistogram::Histogram;
use indexmap::IndexMap;
use meshkat_model::observation::{Latency, Response, Window, shorten};

/// From this status on an answer is an error.
const ERROR_FROM: u16 = 400;

/// Everything that became of a load's requests. Texts that come again are kept once.
#[derive(Debug, Default)]
pub(crate) struct Record {
    samples: Vec<Sample>,
    texts: Vec<String>,
    numbers: HashMap<String, u32>,
    /// Requests that were sent and have not ended, by the time at which they were due.
    open: std::collections::BTreeMap<(Duration, u64), ()>,
    /// When the first request that was not sent yet is due; none when no more will be sent.
    next: Option<Duration>,
}

/// A request that has ended.
#[derive(Debug, Clone, Copy)]
struct Sample {
    due: Duration,
    latency: Duration,
    /// 0 where there was no answer.
    status: u16,
    /// Who took part, joined by commas; a number into `texts`.
    served_by: u32,
    /// Why it is an error; a number into `texts`.
    failure: Option<u32>,
}

impl Record {
    /// A request is sent that was due at `due`; the one after it is due at `next`.
    pub(crate) fn sent(&mut self, due: Duration, number: u64, next: Duration) {
        self.open.insert((due, number), ());
        self.next = Some(next);
    }

    /// No more requests will be sent.
    pub(crate) fn over(&mut self) {
        self.next = None;
    }

    /// A request has ended `latency` after it was due.
    pub(crate) fn ended(&mut self, due: Duration, number: u64, latency: Duration, response: &Response) {
        self.open.remove(&(due, number));
        let (status, served_by, failure) = match &response.outcome {
            Ok(answer) if answer.status < ERROR_FROM => (answer.status, answer.served_by().join(","), None),
            Ok(answer) => {
                let body = shorten(answer.text.trim(), 600);
                (
                    answer.status,
                    answer.served_by().join(","),
                    Some(format!("{}: {body}", answer.status)),
                )
            }
            Err(none) => (0, String::new(), Some(none.message.clone())),
        };
        let served_by = self.number(served_by);
        let failure = failure.map(|text| self.number(text));
        self.samples.push(Sample {
            due,
            latency,
            status,
            served_by,
            failure,
        });
    }

    /// How many requests have ended.
    pub(crate) fn ended_count(&self) -> u64 {
        self.samples.len() as u64
    }

    /// Whether every request that was due before `until` was sent, however late this machine is, and has ended.
    pub(crate) fn is_complete(&self, until: Duration) -> bool {
        if self.next.is_some_and(|next| next < until) {
            return false;
        }
        self.open.first_key_value().is_none_or(|((due, _), ())| *due >= until)
    }

    /// The requests that were due from `from` to before `until` and have ended.
    pub(crate) fn window(&self, from: Duration, until: Duration) -> Window {
        let mut window = Window::default();
        // Three digits of precision, and every value fits: the histogram grows as it must.
        let mut latencies = Histogram::<u64>::new(3).ok();
        let mut served: HashMap<u32, u64> = HashMap::new();
        let mut failures: HashMap<u32, u64> = HashMap::new();
        for sample in self
            .samples
            .iter()
            .filter(|sample| sample.due >= from && sample.due < until)
        {
            window.requests += 1;
            if let Some(text) = sample.failure {
                window.errors += 1;
                *failures.entry(text).or_default() += 1;
            }
            if sample.status > 0 {
                *window.statuses.entry(sample.status).or_default() += 1;
                *served.entry(sample.served_by).or_default() += 1;
                window.latency.max = window.latency.max.max(sample.latency);
                let recorded = latencies
                    .as_mut()
                    .map(|all| all.record(u64::try_from(sample.latency.as_micros()).unwrap_or(u64::MAX)));
                debug_assert!(
                    matches!(recorded, None | Some(Ok(()))),
                    "a growing histogram takes every value"
                );
            }
        }
        for (text, count) in served {
            let mut pods = self.texts[text as usize].split(',').filter(|pod| !pod.is_empty());
            window.chains.add(pods.clone(), count);
            if let Some(first) = pods.next() {
                *window.answered_by.entry(first.to_owned()).or_default() += count;
                *window.served_by.entry(first.to_owned()).or_default() += count;
            }
            pods.for_each(|pod| *window.served_by.entry(pod.to_owned()).or_default() += count);
        }
        window.served_by.sort_unstable_keys();
        window.statuses.sort_unstable_keys();
        let mut failures: Vec<(u32, u64)> = failures.into_iter().collect();
        failures.sort_by_key(|(text, count)| (std::cmp::Reverse(*count), *text));
        window.failures = failures
            .into_iter()
            .map(|(text, count)| (self.texts[text as usize].clone(), count))
            .collect::<IndexMap<_, _>>();
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

    fn number(&mut self, text: String) -> u32 {
        if let Some(number) = self.numbers.get(&text) {
            return *number;
        }
        let number = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        self.texts.push(text.clone());
        self.numbers.insert(text, number);
        number
    }
}

#[cfg(test)]
mod tests {
    use meshkat_model::{
        observation::{Answer, NoAnswer},
        scenario::step::TransportError,
    };

    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn answer(status: u16, by: &str) -> Response {
        let headers = IndexMap::from([("x-served-by".to_owned(), by.to_owned())]);
        Response {
            outcome: Ok(Answer {
                status,
                headers,
                text: "gone".to_owned(),
            }),
            took: ms(1),
        }
    }

    #[test]
    fn a_window_has_what_was_due_in_it() {
        let mut record = Record::default();
        let lost = Response {
            outcome: Err(NoAnswer {
                kind: TransportError::Timeout,
                message: "nothing".to_owned(),
            }),
            took: ms(5),
        };
        for (number, due, response) in [
            (0, 0, answer(200, "a")),
            (1, 10, answer(503, "b")),
            (2, 20, lost),
            (3, 30, answer(200, "a")),
        ] {
            record.sent(ms(due), number, ms(due + 10));
            record.ended(ms(due), number, ms(due + 1), &response);
        }
        let window = record.window(ms(10), ms(31));
        assert_eq!((window.requests, window.errors), (3, 2));
        assert_eq!(window.statuses, IndexMap::from([(200, 1), (503, 1)]));
        assert_eq!(window.answered_by.get("a"), Some(&1));
        assert_eq!(window.failures.keys().collect::<Vec<_>>(), ["503: gone", "nothing"]);
        assert_eq!(window.latency.max, ms(31));
        assert_eq!(record.window(ms(100), ms(200)), Window::default());
    }

    #[test]
    fn a_window_is_complete_when_nothing_due_in_it_is_open() {
        let mut record = Record::default();
        record.sent(ms(10), 1, ms(20));
        assert!(!record.is_complete(ms(21)), "what was due at 20 ms was not sent yet");
        record.sent(ms(20), 2, ms(30));
        assert!(record.is_complete(ms(10)));
        assert!(!record.is_complete(ms(11)));
        record.ended(ms(10), 1, ms(1), &answer(200, "a"));
        assert!(record.is_complete(ms(20)) && !record.is_complete(ms(21)));
    }
}
