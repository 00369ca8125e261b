//! What is kept of a request of a load.

use std::time::Duration;

/// What became of a request. Times are in microseconds; an hour and more fits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    /// When it was due, in nanoseconds since the load began.
    pub(crate) due: u64,
    /// From when it was due to its end.
    pub(crate) latency: u32,
    /// From when it was due until it went over a connection, as far as that is known.
    pub(crate) queue: u32,
    /// How much later than it was due it left.
    pub(crate) late: u32,
    /// A number into the outcomes, or [`OPEN`].
    pub(crate) outcome: u32,
}

/// It has not ended.
pub(crate) const OPEN: u32 = u32::MAX;

/// What becomes of many requests.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Outcome {
    /// 0 where there was no answer.
    pub(crate) status: u16,
    /// Who took part, joined by commas.
    pub(crate) served_by: String,
    /// Why it is an error.
    pub(crate) failure: Option<String>,
    /// The kind of the error in a word, such as `503` or `timeout`; empty where there is none.
    pub(crate) kind: String,
}

impl Sample {
    /// One that has not ended.
    pub(crate) fn begun(due: Duration) -> Self {
        Self {
            due: u64::try_from(due.as_nanos()).unwrap_or(u64::MAX),
            latency: 0,
            queue: 0,
            late: 0,
            outcome: OPEN,
        }
    }

    /// When it was due.
    pub(crate) fn due(&self) -> Duration {
        Duration::from_nanos(self.due)
    }

    /// Whether it has not ended.
    pub(crate) fn is_open(&self) -> bool {
        self.outcome == OPEN
    }
}

/// Microseconds of a time, as far as they fit.
pub(crate) fn micros(time: Duration) -> u32 {
    u32::try_from(time.as_micros()).unwrap_or(u32::MAX)
}
