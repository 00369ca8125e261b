//! How well Kubernetes is followed: for `/readyz` and `/metrics`.

use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use meshkat_kit::Readiness;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio::sync::watch;

use super::passed::{PassedOver, Reason};
use super::trouble::{Kind, Trouble};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct By {
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Because {
    reason: Reason,
}

/// How well Kubernetes is followed.
#[derive(Debug)]
pub(crate) struct Status {
    /// Whether everything was listed once.
    synced: watch::Sender<bool>,
    state: Mutex<State>,
    synced_gauge: Gauge,
    watching: Gauge,
    silence: Gauge<f64, AtomicU64>,
    lists: Counter,
    watches: Counter,
    events: Counter,
    errors: Family<By, Counter>,
    passed: Family<Because, Gauge>,
}

#[derive(Debug)]
struct State {
    /// When the API server last told something; at first, when it was first asked.
    heard: (Instant, SystemTime),
    /// Why what is known may be out of date; `None` while a watch is open.
    away: Option<Away>,
    passed: PassedOver,
}

#[derive(Debug)]
struct Away {
    since: (Instant, SystemTime),
    /// `None` if it was not tried yet.
    why: Option<String>,
}

impl Default for Status {
    fn default() -> Self {
        let now = (Instant::now(), SystemTime::now());
        Self {
            synced: watch::Sender::new(false),
            state: Mutex::new(State {
                heard: now,
                away: Some(Away { since: now, why: None }),
                passed: PassedOver::default(),
            }),
            synced_gauge: Gauge::default(),
            watching: Gauge::default(),
            silence: Gauge::default(),
            lists: Counter::default(),
            watches: Counter::default(),
            events: Counter::default(),
            errors: Family::default(),
            passed: Family::default(),
        }
    }
}

impl Status {
    /// True from the first time on that everything was listed.
    pub(crate) fn synced(&self) -> watch::Receiver<bool> {
        self.synced.subscribe()
    }

    /// Everything was listed, and is in the store.
    pub(super) fn listed(&self, readiness: &Readiness) {
        self.lists.inc();
        self.heard();
        self.synced_gauge.set(1);
        self.synced.send_replace(true);
        readiness.set(true);
    }

    /// A watch has begun: from now on every change is told.
    pub(super) fn watching(&self) {
        self.watches.inc();
        self.heard();
        self.watching.set(1);
        if let Some(Away { since, why: Some(why) }) = self.state().away.take() {
            tracing::info!("Kubernetes is followed again after {}: {why}", age(since.0));
        }
    }

    /// A change was told.
    pub(super) fn event(&self) {
        self.events.inc();
        self.heard();
    }

    /// The API server told something, be it nothing new.
    pub(super) fn heard(&self) {
        self.state().heard = (Instant::now(), SystemTime::now());
    }

    /// Kubernetes is not followed any more, or still not.
    pub(super) fn lost(&self, trouble: &Trouble) {
        self.errors.get_or_create(&By { kind: trouble.kind() }).inc();
        self.watching.set(0);
        let mut state = self.state();
        let heard = state.heard;
        let away = state.away.get_or_insert(Away {
            since: heard,
            why: None,
        });
        let why = trouble.to_string();
        // The same again is no news, and neither is the end that every watch comes to.
        if away.why.as_ref() != Some(&why) && !matches!(trouble, Trouble::Closed) {
            tracing::warn!("Kubernetes cannot be followed, and what was last known is served: {why}");
        }
        away.why = Some(why);
    }

    /// So much of what was told is passed over now.
    pub(super) fn passed_over(&self, passed: PassedOver) {
        let mut state = self.state();
        if state.passed == passed {
            return;
        }
        for reason in Reason::ALL {
            let count = passed.counts.get(&reason).copied().unwrap_or_default();
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            self.passed.get_or_create(&Because { reason }).set(count);
        }
        state.passed = passed;
    }

    /// What `/readyz` tells besides, a line each: why nothing is known yet, or why what is known may be out of date, and what
    /// is passed over.
    pub(super) fn note(&self) -> Option<String> {
        let passed = self.state().passed.note();
        let notes: Vec<String> = self.away().into_iter().chain(passed).collect();
        (!notes.is_empty()).then(|| notes.join("\n"))
    }

    fn away(&self) -> Option<String> {
        let state = self.state();
        let away = state.away.as_ref()?;
        let why = away.why.as_deref().unwrap_or("it was not heard of yet");
        let since = humantime::format_rfc3339_seconds(away.since.1);
        let age = age(away.since.0);
        Some(if *self.synced.borrow() {
            format!("stale: Kubernetes was last followed {age} ago, at {since}: {why}")
        } else {
            format!("the EndpointSlices were never listed since the start {age} ago, at {since}: {why}")
        })
    }

    pub(crate) fn register(&self, all: &mut Registry) {
        all.register(
            "kubernetes_synced",
            "Whether the EndpointSlices were listed since the start",
            self.synced_gauge.clone(),
        );
        all.register(
            "kubernetes_watching",
            "Whether a watch is open; if not, what was last known is served",
            self.watching.clone(),
        );
        all.register(
            "kubernetes_silence_seconds",
            "Time since the API server last told something",
            self.silence.clone(),
        );
        all.register("kubernetes_lists", "Lists of all EndpointSlices", self.lists.clone());
        all.register("kubernetes_watches", "Watches begun", self.watches.clone());
        all.register(
            "kubernetes_events",
            "Changes of EndpointSlices that were told",
            self.events.clone(),
        );
        all.register(
            "kubernetes_errors",
            "Ends of watches and failures of requests, by kind",
            self.errors.clone(),
        );
        all.register(
            "kubernetes_passed_over",
            "Endpoints that nobody is told of, by reason",
            self.passed.clone(),
        );
    }

    /// Brings up to date what changes with time.
    pub(crate) fn measure(&self) {
        self.silence.set(self.state().heard.0.elapsed().as_secs_f64());
    }

    /// What is behind this lock is changed in single steps, so a panic elsewhere leaves it whole.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// In whole seconds.
fn age(since: Instant) -> humantime::FormattedDuration {
    humantime::format_duration(Duration::from_secs(since.elapsed().as_secs()))
}
