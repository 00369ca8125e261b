//! What became of loads over the whole of a case, as results tell it.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// A load of a case, from its begin to its end. Times are in milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LoadResult {
    /// Its name.
    pub name: String,
    /// How many requests were due.
    pub requests: u64,
    /// Of these, those without an answer, or with a status of 400 or more.
    pub errors: u64,
    /// Half of the answers came within, counted from when each request was due.
    pub p50_ms: f64,
    /// 95 of 100 answers came within.
    pub p95_ms: f64,
    /// 99 of 100 answers came within.
    pub p99_ms: f64,
    /// Every answer came within.
    pub max_ms: f64,
    /// 99 of 100 requests waited no longer before they went over a connection. It is a part of the latency.
    pub queue_p99_ms: f64,
    /// From when the first failed request was due to when the last one was; none where none has failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_window_ms: Option<f64>,
    /// The longest time in which no answer came.
    pub gap_ms: f64,
    /// How long each of `spans` is.
    pub every_ms: u64,
    /// What became of the requests over time, by when they were due.
    #[serde(default)]
    pub spans: Vec<LoadSpan>,
    /// What a search for the highest rate found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<CapacityResult>,
}

/// A part of a load's time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LoadSpan {
    /// How many requests that were due in it have ended.
    pub requests: u64,
    /// Of these, errors by kind: a status, or how there was no answer.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub errors: IndexMap<String, u64>,
    /// The longest latency of an answer.
    pub max_ms: f64,
}

/// What a search for the highest rate that meets a bound found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CapacityResult {
    /// The highest rate at which all held, in requests a second; 0 where it held at none.
    pub rate: f64,
    /// Why the search went no further.
    pub ended: String,
    /// The rates that were tried, in order.
    pub trials: Vec<CapacityTrial>,
}

/// One rate that was tried.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CapacityTrial {
    /// Requests a second.
    pub rate: f64,
    /// How many were due.
    pub requests: u64,
    /// How many of them failed.
    pub errors: u64,
    /// 99 of 100 answers came within, in milliseconds.
    pub p99_ms: f64,
    /// Whether all held.
    pub held: bool,
}
