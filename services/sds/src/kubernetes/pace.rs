//! How long to wait: for the API server, and before asking it again.

use std::time::Duration;

/// How long Kubernetes is waited for. The default is made for a cluster; tests hurry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// How long the API server may take to answer.
    pub answer: Duration,
    /// How long a watch is asked to last, in whole seconds; at most 294.
    pub watch: Duration,
    /// How much longer than that a watch may be silent before it is taken for dead.
    pub grace: Duration,
    /// The pause after a first failure.
    pub first_pause: Duration,
    /// The longest pause. Each is twice the one before until then, less up to a half by chance.
    pub longest_pause: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            answer: Duration::from_secs(30),
            watch: Duration::from_secs(60),
            grace: Duration::from_secs(15),
            first_pause: Duration::from_millis(200),
            longest_pause: Duration::from_secs(10),
        }
    }
}

/// The pauses between attempts.
#[derive(Debug)]
pub(super) struct Pauses {
    pace: Pace,
    next: Duration,
}

impl Pauses {
    pub(super) fn new(pace: Pace) -> Self {
        Self {
            pace,
            next: pace.first_pause,
        }
    }

    /// It went well: the next failure is a first one again.
    pub(super) fn reset(&mut self) {
        self.next = self.pace.first_pause;
    }

    pub(super) fn next(&mut self) -> Duration {
        let pause = self.next.min(self.pace.longest_pause);
        self.next = pause.saturating_mul(2);
        // Many that lost the same API server are not to come back at once.
        pause.mul_f64(1.0 - fastrand::f64() / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_longest_and_begin_anew() {
        let pace = Pace::default();
        let mut pauses = Pauses::new(pace);
        for whole in [200, 400, 800, 1600, 3200, 6400, 10_000, 10_000] {
            let (pause, whole) = (pauses.next(), Duration::from_millis(whole));
            assert!(pause <= whole && pause >= whole / 2, "{pause:?} {whole:?}");
        }
        pauses.reset();
        assert!(pauses.next() <= pace.first_pause);
    }
}
