//! What the machine did while something ran on it, as results and reports tell it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A request of a load that leaves later than this after it was due was not sent in time.
pub const IN_TIME: Duration = Duration::from_millis(50);

/// The shortest time limit of an Envoy that a mesh is likely to have: for a connection (`connect_timeout`) in the configurations here.
/// A machine that makes somebody wait for half of it may have broken anything that a time limit can break.
pub const SHORTEST_LIMIT: Duration = Duration::from_millis(250);

/// What was measured of the machine for a time. Times are in milliseconds, shares from 0 to 1. What the system does not tell is
/// left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// How much later than it was due a timer went off, in the mean of all that were set.
    pub timer_delay_mean_ms: f64,
    /// 99 of 100 were not later than this.
    pub timer_delay_p99_ms: f64,
    /// None was later than this.
    pub timer_delay_max_ms: f64,
    /// How much later than it was due the latest request of a load was sent.
    #[serde(default)]
    pub send_delay_max_ms: f64,
    /// Requests of loads that were sent too late to be judged, or not at all, because the machine was behind.
    #[serde(default)]
    pub sent_late: u64,
    /// The share of the processors' time that was used, by whomever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_busy: Option<f64>,
    /// The share of the time in which somebody waited for a processor (`some` of `/proc/pressure/cpu`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_pressure: Option<f64>,
    /// How long meshkat's own threads waited for a processor each time that they wanted one, in the mean (`schedstat`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_wait_mean_ms: Option<f64>,
    /// How long all of them together waited for one, for each second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_waited: Option<f64>,
    /// How long the control group was kept from its processors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throttled_ms: Option<f64>,
    /// Memory that could be had, in MiB, at the least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_available_mib: Option<u64>,
}

impl Machine {
    /// In a line, for a person.
    pub fn summary(&self) -> String {
        let mut parts = vec![format!(
            "timers were late by {:.1} ms in the mean and {:.0} ms at most",
            self.timer_delay_mean_ms, self.timer_delay_max_ms
        )];
        if self.sent_late > 0 {
            parts.push(format!(
                "{} requests were sent late, by up to {:.0} ms",
                self.sent_late, self.send_delay_max_ms
            ));
        }
        if let Some(busy) = self.cpu_busy {
            parts.push(format!("its processors were {:.0}% busy", busy * 100.0));
        }
        if let Some(wait) = self.cpu_wait_mean_ms {
            parts.push(format!("whoever wanted one waited for {wait:.1} ms"));
        }
        if let Some(throttled) = self.throttled_ms.filter(|throttled| *throttled > 0.0) {
            parts.push(format!("a quota stopped them for {throttled:.0} ms"));
        }
        parts.join(", ")
    }
}
