//! How far a machine that is busy can have bent what was seen, and which verdicts are not sound for it.
//!
//! The rules, each with its arithmetic, are in `docs/reference/busy-machines.md`.

use std::time::Duration;

use super::checks::Check;
use crate::machine::IN_TIME;

/// How many times one request waits for a processor, at the most, on its way through a mesh and back: the client, the edge, a
/// service with its Envoy on both sides, another one, and the way back.
const WAITS: u32 = 12;

/// The share of a window's requests that may not have been sent in time.
const MAY_BE_LATE: f64 = 0.05;

/// The share of a time in which something must hold that nobody may have looked.
const MAY_BE_UNSEEN: f64 = 0.25;

/// How much longer than asked for somebody waits for what must become true, at the most: a machine that takes away more than this
/// is told of, and not waited for.
const LONGEST_EXTRA: Duration = Duration::from_secs(60);

/// As long as this, a request waits on a machine at rest, too: it is a part of what was promised for it.
const REST: Duration = Duration::from_millis(5);

/// Programs that waited for less than this share of the time can have done what they had to in the rest of it: a machine at rest.
const AT_REST: f64 = 0.5;

/// Nothing is waited for more than so many times as long.
const MOST_WAITED: f64 = 2.0;

/// How programs that have something to do waited for a processor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Queue {
    /// Each time that one wanted a processor, in the mean.
    pub wait: Duration,
    /// How long all of them together waited, as a share of the time: of several it may be more than 1.
    pub waited: f64,
}

/// How the machine disturbed what ran on it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Disturbance {
    /// How late timers went off, the least first.
    delays: Vec<Duration>,
    mean: Duration,
    queue: Option<Queue>,
}

impl Disturbance {
    /// From how late each timer went off, and how others waited, where that is known.
    pub fn new(mut delays: Vec<Duration>, queue: Option<Queue>) -> Self {
        delays.sort_unstable();
        let number = u32::try_from(delays.len()).unwrap_or(u32::MAX).max(1);
        Self {
            mean: delays.iter().sum::<Duration>() / number,
            delays,
            queue,
        }
    }

    /// How late timers went off, in the mean.
    pub fn mean(&self) -> Duration {
        self.mean
    }

    /// So many of 1 were not later than this.
    pub fn quantile(&self, share: f64) -> Duration {
        let at = (share * self.delays.len() as f64).ceil() as usize;
        self.delays
            .get(at.saturating_sub(1).min(self.delays.len().saturating_sub(1)))
            .copied()
            .unwrap_or_default()
    }

    /// How long whoever wants a processor waits for it, in the mean: as timers did, or as those that have more to do. A timer's thread
    /// needs next to nothing and is let in first; they are not.
    fn wait(&self) -> Duration {
        self.queue.map_or(self.mean, |queue| queue.wait.max(self.mean))
    }

    /// How much later the machine alone can have made this share of requests, at the most. Each waits up to [`WAITS`] times. That
    /// the sum of them is large is nearly always because one of them is, so it is that one, and the mean of all others: the one is
    /// larger than the quantile at 1 − (1 − share) / [`WAITS`] for no more than 1 − share of the requests.
    pub fn delay(&self, share: f64) -> Duration {
        let one = self.quantile(1.0 - (1.0 - share) / f64::from(WAITS));
        (one + self.wait() * (WAITS - 1)).saturating_sub(REST)
    }

    /// The longest that the machine can have made any request wait.
    pub fn stall(&self) -> Duration {
        self.delay(1.0)
    }

    /// For how long in all nobody had a processor: the sum of what was longer than [`IN_TIME`].
    pub fn stood_still(&self) -> Duration {
        self.delays.iter().filter(|delay| **delay > IN_TIME).sum()
    }

    /// Whether something with this time limit can have missed it because of the machine alone. What takes more than half of its
    /// limit on a machine at rest is a race with a timer.
    pub fn can_break(&self, limit: Duration) -> bool {
        self.stall() * 2 >= limit
    }

    /// How much longer to wait for what had to become true within `limit`: as long as programs waited for processors in that time,
    /// for no chain of them can have waited longer. None if the machine was at rest.
    pub fn extra(&self, limit: Duration) -> Option<Duration> {
        let waited = self.queue.map_or(0.0, |queue| queue.waited.clamp(0.0, MOST_WAITED));
        let by_turns = limit.mul_f64(waited);
        let is_slow = waited > AT_REST || self.can_break(limit);
        is_slow.then(|| (by_turns + self.stall()).min(LONGEST_EXTRA))
    }
}

/// Why an attempt proves nothing: what the machine may have decided, in a sentence without a full stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undecided {
    /// The line of the scenario that asked; none where it is the step's.
    pub line: Option<usize>,
    /// Why.
    pub why: String,
}

/// What of a window's requests was not sent in time, if that is more than it bears.
pub(super) fn sent_too_late(late: u64, requests: u64) -> Option<String> {
    (late as f64 > (requests as f64 * MAY_BE_LATE).max(1.0)).then(|| {
        format!(
            "{late} of the {requests} requests that were due were sent more than {IN_TIME:?} late, and it bears one in twenty"
        )
    })
}

/// That nobody looked for too long a part of a time, because the machine did not let them.
pub fn unseen(slept_too_long: Duration, time: Duration) -> Option<Undecided> {
    (slept_too_long > time.mul_f64(MAY_BE_UNSEEN)).then(|| Undecided {
        line: None,
        why: format!(
            "of {time:?} in which it had to hold, nobody could look for {slept_too_long:.0?}, and it bears a quarter"
        ),
    })
}

/// The first check that is another one without what the machine can have added: `seen` as it was, `less` without it.
pub(super) fn would_differ(seen: &[Check], less: &[Check], added: &str) -> Option<Undecided> {
    let other = |(seen, less): &(&Check, &Check)| seen.passed != less.passed;
    seen.iter().zip(less).find(other).map(|(seen, _)| Undecided {
        line: Some(seen.line),
        why: format!(
            "{} expected, {}: the machine alone can have added {added}, and without that it would be judged the other way",
            seen.expected, seen.actual
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn uniform(delay: u64, number: usize) -> Vec<Duration> {
        vec![ms(delay); number]
    }

    #[test]
    fn a_machine_at_rest_disturbs_nothing() {
        let none = Disturbance::default();
        assert_eq!((none.stall(), none.delay(0.5)), (Duration::ZERO, Duration::ZERO));
        assert!(!none.can_break(ms(1)));
        let rest = Disturbance::new(vec![Duration::from_micros(80); 100], queue(0, 0.0));
        assert_eq!(rest.stall(), Duration::ZERO);
        assert_eq!(rest.extra(ms(5000)), None);
    }

    #[test]
    fn one_long_wait_and_the_mean_of_the_others() {
        let mut delays = uniform(1, 99);
        delays.push(ms(101));
        let seen = Disturbance::new(delays, None);
        assert_eq!(seen.mean(), ms(2));
        assert_eq!(
            seen.delay(0.5),
            ms(1 + 22) - REST,
            "half of the requests: 1 - 0.5/12 is below the longest"
        );
        assert_eq!(
            seen.delay(0.99),
            ms(101 + 22) - REST,
            "one in a hundred requests meets the longest"
        );
        assert_eq!(seen.stall(), ms(118));
        assert!(seen.can_break(ms(236)) && !seen.can_break(ms(237)));
        assert_eq!(seen.stood_still(), ms(101));
    }

    fn queue(wait: u64, waited: f64) -> Option<Queue> {
        let wait = ms(wait);
        Some(Queue { wait, waited })
    }

    #[test]
    fn whoever_waits_in_a_queue_is_waited_for_as_much_longer() {
        let busy = Disturbance::new(uniform(0, 10), queue(2, 0.8));
        assert_eq!(busy.extra(ms(5000)), Some(ms(4000 + 22) - REST));
        assert_eq!(busy.extra(ms(80_000)), Some(LONGEST_EXTRA));
        assert_eq!(Disturbance::new(uniform(0, 10), queue(0, 0.4)).extra(ms(5000)), None);
        let most = Disturbance::new(uniform(0, 10), queue(0, f64::INFINITY));
        assert_eq!(most.extra(ms(5000)), Some(ms(10_000)));
        // A machine that stood still has nobody in a queue.
        let mut stood = uniform(0, 99);
        stood.push(ms(3000));
        assert_eq!(
            Disturbance::new(stood, queue(0, 0.0)).extra(ms(2000)),
            Some(ms(3000) + ms(30) * 11 - REST)
        );
    }

    #[test]
    fn a_queue_counts_where_timers_are_let_in_first() {
        let loops = Disturbance::new(uniform(1, 100), queue(6, 3.0));
        assert_eq!(loops.stall(), ms(1 + 11 * 6) - REST);
        assert!(!loops.can_break(ms(250)), "what fails beside them has failed");
        let crowd = Disturbance::new(uniform(1, 100), queue(13, 12.0));
        assert!(crowd.can_break(ms(250)), "beside a crowd anything may have run out");
    }

    #[test]
    fn a_window_bears_one_late_request_in_twenty() {
        assert_eq!(sent_too_late(5, 100), None);
        assert!(sent_too_late(6, 100).is_some());
        assert_eq!(sent_too_late(1, 4), None, "one is always borne");
        assert!(sent_too_late(2, 4).is_some());
    }

    #[test]
    fn a_time_bears_a_quarter_in_which_nobody_looked() {
        assert_eq!(unseen(ms(250), ms(1000)), None);
        assert!(unseen(ms(251), ms(1000)).is_some());
    }
}
