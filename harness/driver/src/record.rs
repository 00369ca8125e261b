//! What a load keeps of each of its requests.

use std::{collections::HashMap, sync::Arc, time::Duration};

use meshkat_model::{observation::Response, shorten::shorten};

use crate::{
    sample::{Outcome, Sample},
    slice::{Over, Slice},
};

/// From this status on an answer is an error.
const ERROR_FROM: u16 = 400;

/// A request that is due so late is never sent; a clock can still be set to it.
const NEVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// How many different answers of a load are told apart: by status, by who answered, and by the text of an error.
const MOST_OUTCOMES: usize = 1_000;

/// Everything that became of a load's requests, in eight bytes each. Request number `n` is due `n / rate` seconds after the load
/// began. Texts that come again are kept once.
#[derive(Debug)]
pub(crate) struct Record {
    rate: f64,
    /// By number; as many as were begun.
    samples: Vec<Sample>,
    /// The requests before this one have all ended.
    ended_below: usize,
    outcomes: Vec<Arc<Outcome>>,
    numbers: HashMap<Arc<Outcome>, u32>,
    over: Option<Over>,
    sent: u64,
    /// The requests that were sent late, and how much. On a machine that keeps up there are none.
    late: Vec<(usize, Duration)>,
}

/// It has not ended.
const OPEN: u32 = u32::MAX;

/// How far a load has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Requests that were due.
    pub due: u64,
    /// Of these, the ones that were sent.
    pub sent: u64,
    /// Of these, the ones that have not ended.
    pub open: u64,
}

impl Record {
    /// Of a load of `rate` requests a second.
    pub(crate) fn new(rate: f64) -> Self {
        Self {
            rate,
            samples: Vec::new(),
            ended_below: 0,
            outcomes: Vec::new(),
            numbers: HashMap::new(),
            over: None,
            sent: 0,
            late: Vec::new(),
        }
    }

    /// When a request is due.
    pub(crate) fn due(&self, number: usize) -> Duration {
        let due = Duration::try_from_secs_f64(number as f64 / self.rate);
        due.map_or(NEVER, |due| due.min(NEVER))
    }

    /// The number of the first request that is due at `time` or later.
    pub(crate) fn first_due_from(&self, time: Duration) -> usize {
        let mut number = (time.as_secs_f64() * self.rate).ceil() as usize;
        // What was rounded in between.
        while number > 0 && self.due(number - 1) >= time {
            number -= 1;
        }
        while self.due(number) < time {
            number += 1;
        }
        number
    }

    /// The next request begins; gives its number.
    pub(crate) fn begin(&mut self) -> usize {
        self.samples.push(Sample {
            latency: 0,
            outcome: OPEN,
        });
        self.samples.len() - 1
    }

    /// The number of the request that begins next.
    pub(crate) fn next(&self) -> usize {
        self.samples.len()
    }

    /// A request was sent.
    pub(crate) fn sent(&mut self) {
        self.sent += 1;
    }

    /// A request was sent so much later than it was due.
    pub(crate) fn sent_late(&mut self, number: usize, delay: Duration) {
        self.late.push((number, delay));
    }

    /// No request begins any more. Those that are due until `at`, or for ever, and have not begun count as failed, for the reason
    /// `why`. The first reason stays.
    pub(crate) fn over(&mut self, at: Option<Duration>, why: &str) {
        let over = self.over.get_or_insert_with(|| Over {
            at: None,
            why: why.into(),
        });
        over.at = over.at.or(at);
    }

    /// Until when requests were due, once it is known.
    pub(crate) fn over_at(&self) -> Option<Duration> {
        self.over.as_ref().and_then(|over| over.at)
    }

    /// A request has ended `latency` after it was due.
    pub(crate) fn ended(&mut self, number: usize, latency: Duration, response: &Response) {
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
        self.settle(
            number,
            latency,
            Outcome {
                status,
                served_by,
                failure,
            },
        );
    }

    /// A request has ended without an answer, for a reason of this machine's.
    pub(crate) fn failed(&mut self, number: usize, latency: Duration, why: &str) {
        self.settle(
            number,
            latency,
            Outcome {
                status: 0,
                served_by: String::new(),
                failure: Some(why.to_owned()),
            },
        );
    }

    fn settle(&mut self, number: usize, latency: Duration, outcome: Outcome) {
        let outcome = self.number(outcome);
        let latency = u32::try_from(latency.as_micros()).unwrap_or(u32::MAX);
        if let Some(sample) = self.samples.get_mut(number) {
            *sample = Sample { latency, outcome };
        }
        while self
            .samples
            .get(self.ended_below)
            .is_some_and(|sample| sample.outcome != OPEN)
        {
            self.ended_below += 1;
        }
    }

    /// How many requests were sent so far.
    pub(crate) fn sent_count(&self) -> u64 {
        self.sent
    }

    /// How far it has come `now`.
    pub(crate) fn progress(&self, now: Duration) -> Progress {
        let until = self.over_at().map_or(now, |at| at.min(now));
        let open = self.samples[self.ended_below..].iter();
        Progress {
            due: self.first_due_from(until) as u64,
            sent: self.sent,
            open: open.filter(|sample| sample.outcome == OPEN).count() as u64,
        }
    }

    /// Whether every request that was due before `until` has begun, however late this machine is, and has ended.
    pub(crate) fn is_complete(&self, until: Duration) -> bool {
        let first = self.first_due_from(until);
        self.ended_below >= first || (self.over.is_some() && self.ended_below == self.samples.len())
    }

    /// The requests that were due from `from` to before `until` and have ended.
    pub(crate) fn slice(&self, from: Duration, until: Duration) -> Slice {
        let (first, end) = (self.first_due_from(from), self.first_due_from(until));
        let begun = self.samples.len();
        let samples = self.samples.get(first..end.min(begun)).unwrap_or_default();
        let unsent = self.over.as_ref().map(|over| {
            let due = over.at.map_or(end, |at| self.first_due_from(at).min(end));
            (due.saturating_sub(first.max(begun)) as u64, Arc::clone(&over.why))
        });
        let late = self.late.iter().filter(|(number, _)| (first..end).contains(number));
        Slice {
            late: late.map(|(_, delay)| *delay).collect(),
            samples: samples
                .iter()
                .filter(|sample| sample.outcome != OPEN)
                .copied()
                .collect(),
            outcomes: self.outcomes.clone(),
            unsent: unsent.filter(|(count, _)| *count > 0),
        }
    }

    fn number(&mut self, outcome: Outcome) -> u32 {
        if let Some(number) = self.numbers.get(&outcome) {
            return *number;
        }
        let outcome = match self.outcomes.len() < MOST_OUTCOMES {
            true => outcome,
            // An error whatever it was: who answered is not known any more.
            false => {
                let failure = format!(
                    "{}: more than {MOST_OUTCOMES} different answers, of which this is one",
                    outcome.status
                );
                let last = Outcome {
                    status: outcome.status,
                    served_by: String::new(),
                    failure: Some(failure),
                };
                if let Some(number) = self.numbers.get(&last) {
                    return *number;
                }
                last
            }
        };
        let number = u32::try_from(self.outcomes.len()).unwrap_or(OPEN - 1);
        let outcome = Arc::new(outcome);
        self.outcomes.push(Arc::clone(&outcome));
        self.numbers.insert(outcome, number);
        number
    }
}

#[cfg(test)]
mod tests {
    use indexmap::IndexMap;
    use meshkat_model::observation::{Answer, NoAnswer, NoAnswerKind, Window};

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
                ..Answer::default()
            }),
            took: ms(1),
        }
    }

    /// A request each 10 ms; these have ended, each a millisecond later than the one before.
    fn record(responses: &[Response]) -> Record {
        let mut record = Record::new(100.0);
        for (more, response) in responses.iter().enumerate() {
            let number = record.begin();
            record.sent();
            record.ended(number, ms(10 * more as u64 + 1), response);
        }
        record
    }

    fn window(record: &Record, from: u64, until: u64) -> Window {
        record.slice(ms(from), ms(until)).window()
    }

    #[test]
    fn a_window_has_what_was_due_in_it() {
        let lost = Response {
            outcome: Err(NoAnswer {
                kind: Some(NoAnswerKind::Timeout),
                message: "nothing".to_owned(),
            }),
            took: ms(5),
        };
        let record = record(&[answer(200, "a"), answer(503, "b"), lost, answer(200, "a")]);
        let seen = window(&record, 10, 31);
        assert_eq!((seen.requests, seen.errors), (3, 2));
        assert_eq!(seen.statuses, IndexMap::from([(200, 1), (503, 1)]));
        assert_eq!(seen.answered_by.get("a"), Some(&1));
        assert_eq!(seen.failures.keys().collect::<Vec<_>>(), ["503: gone", "nothing"]);
        assert_eq!(seen.latency.max, ms(31));
        assert_eq!(window(&record, 100, 200), Window::default());
    }

    #[test]
    fn a_window_is_complete_when_nothing_due_in_it_is_open() {
        let mut record = Record::new(100.0);
        let first = record.begin();
        assert!(record.is_complete(ms(0)));
        assert!(!record.is_complete(ms(1)));
        record.ended(first, ms(1), &answer(200, "a"));
        assert!(record.is_complete(ms(10)));
        assert!(!record.is_complete(ms(11)), "what was due at 10 ms was not sent yet");
        let (second, third) = (record.begin(), record.begin());
        record.ended(third, ms(1), &answer(200, "a"));
        assert!(!record.is_complete(ms(30)), "the second is open");
        record.ended(second, ms(1), &answer(200, "a"));
        assert!(record.is_complete(ms(30)) && !record.is_complete(ms(31)));
    }

    #[test]
    fn every_request_is_due_in_one_of_two_windows_side_by_side() {
        for rate in [0.3, 1.0, 3.0, 7.0, 33.3, 999.9, 5000.0] {
            let record = Record::new(rate);
            for number in [0, 1, 2, 3, 10, 99, 12_345] {
                let due = record.due(number);
                assert_eq!(record.first_due_from(due), number, "{rate}/s");
                assert_eq!(
                    record.first_due_from(due + Duration::from_nanos(1)),
                    number + 1,
                    "{rate}/s"
                );
            }
        }
    }

    #[test]
    fn what_was_due_and_not_sent_is_told_and_counts_as_failed() {
        let mut record = record(&[answer(200, "a"), answer(200, "a")]);
        assert_eq!(window(&record, 0, 20).errors, 0);
        record.over(Some(ms(95)), "not sent: it ended");
        assert!(record.is_complete(ms(10_000)), "there is nothing to wait for");
        let seen = window(&record, 0, 10_000);
        assert_eq!((seen.requests, seen.errors), (10, 8), "ten were due until 95 ms");
        assert_eq!(seen.failures, IndexMap::from([("not sent: it ended".to_owned(), 8)]));
        assert_eq!(seen.statuses, IndexMap::from([(200, 2)]));
        let seen = window(&record, 50, 80);
        assert_eq!((seen.requests, seen.errors), (3, 3));
        assert_eq!(
            record.progress(ms(500)),
            Progress {
                due: 10,
                sent: 2,
                open: 0
            }
        );
    }

    #[test]
    fn a_load_that_may_send_no_more_fails_for_as_long_as_it_is_due() {
        let mut record = record(&[answer(200, "a")]);
        record.over(None, "not sent: too many");
        assert_eq!(window(&record, 0, 1000).errors, 99);
        record.over(Some(ms(500)), "not sent: it ended");
        let seen = window(&record, 0, 1000);
        assert_eq!(seen.failures, IndexMap::from([("not sent: too many".to_owned(), 49)]));
    }

    #[test]
    fn texts_without_end_are_not_kept_and_who_answered_is_never_made_up() {
        let mut record = Record::new(1000.0);
        for more in 0..3 * MOST_OUTCOMES {
            let number = record.begin();
            let mut response = answer(if more % 2 == 0 { 200 } else { 503 }, &format!("pod-{more}"));
            if let Ok(answer) = &mut response.outcome {
                answer.text = format!("error number {more}");
            }
            record.ended(number, ms(1), &response);
        }
        assert!(record.outcomes.len() <= MOST_OUTCOMES + 2, "{}", record.outcomes.len());
        let seen = window(&record, 0, 1_000_000);
        assert_eq!(seen.requests, 3 * MOST_OUTCOMES as u64);
        // Half were errors; of the rest, those that are not told apart are.
        assert_eq!(seen.errors, 1500 + 1000);
        assert_eq!(seen.served_by.len(), MOST_OUTCOMES);
        assert_eq!(seen.statuses, IndexMap::from([(200, 1500), (503, 1500)]));
    }

    #[test]
    fn a_million_requests_take_eight_bytes_each() {
        assert_eq!(size_of::<Sample>(), 8);
        let mut record = Record::new(5000.0);
        for _ in 0..1_000_000 {
            let number = record.begin();
            record.ended(number, ms(3), &answer(200, "a"));
        }
        let seen = window(&record, 0, 200_000);
        assert_eq!((seen.requests, seen.errors), (1_000_000, 0));
        assert_eq!(seen.latency.p99, ms(3));
    }
}
