//! What came.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use meshkat_kit::Log;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use crate::bounds::MOST_ENTRIES;
use crate::metrics::Metrics;

/// How many spans, and how many log entries, are kept, and of how many bytes together.
const MOST: usize = MOST_ENTRIES;
const MOST_BYTES: usize = 8 << 20;
/// What an entry takes beside its text, about.
const ENTRY: usize = 128;

/// What came since it began, or since it was told to forget. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Collected(Arc<Mutex<Inner>>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) spans: Log<Kept>,
    pub(crate) logs: Log<Kept>,
    pub(crate) metrics: Metrics,
}

/// A span or a log entry, as it is told.
#[derive(Debug)]
pub(crate) struct Kept {
    /// Empty where there is none.
    pub(crate) service: String,
    /// Empty where there is none.
    pub(crate) trace_id: String,
    pub(crate) text: Box<RawValue>,
}

/// How something came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Source {
    Zipkin,
    Otlp,
    Als,
    Statsd,
}

/// A span, in the same words whichever way it came.
#[derive(Debug, Serialize)]
pub(crate) struct Span {
    pub(crate) source: Source,
    pub(crate) service: String,
    /// In hexadecimal digits, as are the next two.
    pub(crate) trace_id: String,
    pub(crate) span_id: String,
    /// Empty for the first of a trace.
    pub(crate) parent_id: String,
    pub(crate) name: String,
    /// `SERVER`, `CLIENT`, `PRODUCER`, `CONSUMER` or `INTERNAL`.
    pub(crate) kind: String,
    /// Since 1970, in microseconds.
    pub(crate) start_us: u64,
    pub(crate) duration_us: u64,
    pub(crate) attributes: BTreeMap<String, Value>,
    pub(crate) events: Vec<String>,
    /// Whether it says that it failed.
    pub(crate) error: bool,
}

impl Default for Collected {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Inner {
            spans: Log::new(MOST, MOST_BYTES),
            logs: Log::new(MOST, MOST_BYTES),
            metrics: Metrics::default(),
        })))
    }
}

impl Collected {
    pub(crate) fn span(&self, span: Span) {
        if let Ok(text) = to_raw_value(&span) {
            let kept = Kept {
                service: span.service,
                trace_id: span.trace_id,
                text,
            };
            let bytes = kept.bytes();
            self.lock().spans.push(kept, bytes);
        }
    }

    /// A log entry of a service, in a trace; both may be empty.
    pub(crate) fn log(&self, service: &str, trace_id: String, entry: &Value) {
        if let Ok(text) = to_raw_value(entry) {
            let kept = Kept {
                service: service.to_owned(),
                trace_id,
                text,
            };
            let bytes = kept.bytes();
            self.lock().logs.push(kept, bytes);
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        // Changed in single steps.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn bytes(&self) -> usize {
        ENTRY + self.service.len() + self.trace_id.len() + self.text.get().len()
    }
}
