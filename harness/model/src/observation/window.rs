//! Windows of loads, and who served.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use indexmap::IndexMap;
use serde_json::{Value, json};

use crate::{expression::Variables, shorten::shorten};

/// Requests fail because a machine stood still when they were due meanwhile, or were open, or came while connections were made again.
const AROUND: f64 = 4.0;

/// How much longer than a machine stood still it takes until what fell due meanwhile is done, at the most: a mesh that is asked for more
/// than half of what it can do on its machine is not judged by it.
const BACKLOG: f64 = 2.0;

/// Answers that a time limit on the way makes where somebody was late: a request, a connection, an answer.
pub(super) const LATE: [u16; 3] = [408, 503, 504];

/// Who served requests: for each list of pods that took part in an answer, the one that answered first, how many answers
/// there were. An answer in which no pod took part is in none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Served(pub BTreeMap<Vec<String>, u64>);

impl Served {
    /// Counts `number` answers in which these took part.
    pub fn add<'a>(&mut self, chain: impl IntoIterator<Item = &'a str>, number: u64) {
        let chain: Vec<String> = chain.into_iter().map(str::to_owned).collect();
        if !chain.is_empty() {
            *self.0.entry(chain).or_default() += number;
        }
    }

    /// Everybody who took part.
    pub fn pods(&self) -> BTreeSet<&str> {
        self.0.keys().flatten().map(String::as_str).collect()
    }
}

/// What became of a load's requests that fell due within a window.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Window {
    /// How many were due.
    pub requests: u64,
    /// Without an answer, or with a status of 400 or more.
    pub errors: u64,
    /// Answers by status.
    pub statuses: IndexMap<u16, u64>,
    /// Answers by the pods that took part.
    pub served_by: IndexMap<String, u64>,
    /// The pods that answered themselves, without those that they asked.
    pub answered_by: IndexMap<String, u64>,
    /// Answers by all who took part in each.
    pub chains: Served,
    /// Different failures in words, with how often each came.
    pub failures: IndexMap<String, u64>,
    /// Latencies of all that were answered, measured from when the request was due.
    pub latency: Latency,
    /// How many were sent later than [`IN_TIME`](crate::machine::IN_TIME) after they were due, or not at all, because the machine
    /// was behind.
    pub late: u64,
    /// Of these, the ones that were not sent at all. They count as errors, with [`BEHIND`].
    pub unsent: u64,
    /// How much later than it was due the latest one was sent.
    pub send_delay: Duration,
    /// How long requests that were answered waited from when they were due until they went over a connection.
    pub queue: Queued,
    /// When the first and the last request that failed were due; none where none has failed. Of requests that were never sent it
    /// does not tell.
    pub error_window: Option<ErrorWindow>,
    /// The longest time in which no answer came.
    pub gap: Duration,
}

/// Times since a load began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorWindow {
    /// When the first request that failed was due.
    pub first: Duration,
    /// When the last one was.
    pub last: Duration,
}

impl ErrorWindow {
    /// From the first to the last.
    pub fn length(self) -> Duration {
        self.last.saturating_sub(self.first)
    }
}

/// Quantiles of how long requests waited before they went over a connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Queued {
    /// Half waited no longer.
    pub p50: Duration,
    /// 99 of 100 waited no longer.
    pub p99: Duration,
    /// None waited longer.
    pub max: Duration,
}

/// What is told of a request that was due before a load was stopped, and for which this machine was too slow.
pub const BEHIND: &str = "not sent: this machine was too far behind when the load was stopped";

/// Quantiles of a latency.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Latency {
    /// Half are within.
    pub p50: Duration,
    /// 95 of 100 are within.
    pub p95: Duration,
    /// 99 of 100 are within.
    pub p99: Duration,
    /// All are within.
    pub max: Duration,
}

impl Window {
    /// The same without what time limits may have made that ran out because nobody had a processor for `still` in this window of
    /// `time`: answers that they make, or answers that are missing. None where there are none of these, or more than were due in
    /// [`AROUND`] times as long.
    pub fn without_limits(&self, still: Duration, time: Duration) -> Option<Self> {
        let answered: u64 = self.statuses.values().sum();
        let late: u64 = LATE.iter().filter_map(|status| self.statuses.get(status)).sum();
        let wrong = late + self.requests.saturating_sub(answered);
        let share = still.as_secs_f64() * AROUND / time.as_secs_f64().max(1e-3);
        if wrong == 0 || wrong as f64 > self.requests as f64 * share {
            return None;
        }
        let mut less = self.clone();
        less.requests -= wrong;
        less.errors = less.errors.saturating_sub(wrong);
        less.statuses.retain(|status, _| !LATE.contains(status));
        if less.errors == 0 {
            less.error_window = None;
        }
        less.gap = less.gap.saturating_sub(still.mul_f64(AROUND));
        Some(less)
    }

    /// Whether any was answered: else nothing is known of latencies.
    pub fn has_answers(&self) -> bool {
        self.statuses.values().any(|answers| *answers > 0)
    }

    /// What expressions know of it. Where nothing was answered, latencies are null.
    pub fn variables(&self) -> Variables {
        let ms = |time: Duration| json!(time.as_secs_f64() * 1000.0);
        let answered = |time: Duration| match self.has_answers() {
            true => ms(time),
            false => Value::Null,
        };
        let statuses: IndexMap<String, u64> = self
            .statuses
            .iter()
            .map(|(status, n)| (status.to_string(), *n))
            .collect();
        Variables::from([
            ("requests".to_owned(), json!(self.requests)),
            ("errors".to_owned(), json!(self.errors)),
            ("statuses".to_owned(), json!(statuses)),
            ("served_by".to_owned(), json!(self.served_by)),
            ("failures".to_owned(), json!(self.failures)),
            ("p50_ms".to_owned(), answered(self.latency.p50)),
            ("p95_ms".to_owned(), answered(self.latency.p95)),
            ("p99_ms".to_owned(), answered(self.latency.p99)),
            ("max_ms".to_owned(), answered(self.latency.max)),
            ("queue_p50_ms".to_owned(), ms(self.queue.p50)),
            ("queue_p99_ms".to_owned(), ms(self.queue.p99)),
            ("queue_max_ms".to_owned(), ms(self.queue.max)),
            ("error_window_ms".to_owned(), ms(self.error_window_length())),
            ("gap_ms".to_owned(), ms(self.gap)),
        ])
    }

    /// How long it was from the first request that failed to the last one; nothing where none has, or one alone.
    pub fn error_window_length(&self) -> Duration {
        self.error_window.map_or(Duration::ZERO, ErrorWindow::length)
    }

    /// The same without what the machine did to it: each latency shorter by what `delay` says of its share of the requests, and
    /// no error because a request was never sent.
    #[must_use]
    pub fn without(&self, delay: impl Fn(f64) -> Duration) -> Self {
        let mut less = self.clone();
        // Latencies count from when a request was due. What fell due while nobody could send leaves at once, and waits for one another
        // for as long again; and so do as many that fell due behind it.
        let on_time = 1.0 - BACKLOG * self.late as f64 / self.requests.max(1) as f64;
        let of = |latency: Duration, share: f64| {
            let sent = if share > on_time {
                self.send_delay.mul_f64(BACKLOG)
            } else {
                Duration::ZERO
            };
            latency.saturating_sub(delay(share).max(sent))
        };
        less.latency = Latency {
            p50: of(self.latency.p50, 0.5),
            p95: of(self.latency.p95, 0.95),
            p99: of(self.latency.p99, 0.99),
            max: of(self.latency.max, 1.0),
        };
        less.requests -= self.unsent.min(self.requests);
        less.errors -= self.unsent.min(self.errors);
        less.failures.shift_remove(BEHIND);
        // Nothing is answered while nobody can send, or read.
        less.gap = self
            .gap
            .saturating_sub(delay(1.0).max(self.send_delay.mul_f64(BACKLOG)));
        less
    }

    /// In one line, for a failure's "actual".
    pub fn summary(&self) -> String {
        let mut parts = vec![format!("{} requests, {} errors", self.requests, self.errors)];
        if !self.failures.is_empty() {
            let worst: Vec<String> = self
                .failures
                .iter()
                .take(3)
                .map(|(what, n)| format!("{n} × {}", shorten(what, 400)))
                .collect();
            parts.push(worst.join("; "));
        }
        let by: Vec<String> = self.served_by.iter().map(|(pod, n)| format!("{pod} {n}")).collect();
        if !by.is_empty() {
            parts.push(format!("served by {}", by.join(", ")));
        }
        let latency = self.latency;
        if self.has_answers() {
            parts.push(format!(
                "p50 {:.1?}, p99 {:.1?}, max {:.1?}",
                latency.p50, latency.p99, latency.max
            ));
        }
        parts.join("; ")
    }
}

/// The names that [`Window::variables`] has.
pub const WINDOW_VARIABLES: [&str; 14] = [
    "error_window_ms",
    "errors",
    "failures",
    "gap_ms",
    "max_ms",
    "p50_ms",
    "p95_ms",
    "p99_ms",
    "queue_max_ms",
    "queue_p50_ms",
    "queue_p99_ms",
    "requests",
    "served_by",
    "statuses",
];
