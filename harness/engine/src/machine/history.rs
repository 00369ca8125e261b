//! What was measured, by time.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use meshkat_model::{
    machine::Machine,
    verdict::{Disturbance, Queue},
};

use super::counters::Counters;

/// What is older is forgotten: longer than any case takes that is not meant to take long.
const KEPT: Duration = Duration::from_secs(600);

/// For so long the timer is set. 200 times a second are enough to see what one request in a hundred meets within a second, and take
/// some thousandths of a processor.
pub(super) const TIMER: Duration = Duration::from_millis(5);

/// The kernel's counters are read so often, about.
const LOOK: Duration = Duration::from_millis(100);

/// What was measured, the oldest first.
#[derive(Debug, Default)]
pub(super) struct History {
    timers: VecDeque<Timer>,
    counted: VecDeque<(Instant, Counters)>,
}

/// A timer that went off.
#[derive(Debug, Clone, Copy)]
struct Timer {
    at: Instant,
    delay: Duration,
}

impl History {
    /// A timer went off so late.
    pub(super) fn timer(&mut self, at: Instant, delay: Duration) {
        while self.timers.front().is_some_and(|timer| at - timer.at > KEPT) {
            self.timers.pop_front();
        }
        self.timers.push_back(Timer { at, delay });
    }

    /// The kernel had counted this.
    pub(super) fn counted(&mut self, at: Instant, counters: Counters) {
        while self.counted.front().is_some_and(|(then, _)| at - *then > KEPT) {
            self.counted.pop_front();
        }
        self.counted.push_back((at, counters));
    }

    #[cfg(test)]
    pub(super) fn timers(&self) -> usize {
        self.timers.len()
    }

    /// How late the timers were that were set in this time, also the one that is set and has not gone off.
    fn delays(&self, from: Instant, until: Instant) -> Vec<Duration> {
        // Those at the end are asked for most often.
        let within = self.timers.iter().rev().take_while(|timer| timer.at >= from);
        let mut delays: Vec<Duration> = within
            .filter(|timer| timer.at <= until)
            .map(|timer| timer.delay)
            .collect();
        if let Some(last) = self.timers.back().filter(|last| last.at <= until) {
            let open = (until - last.at).saturating_sub(TIMER);
            if !open.is_zero() {
                delays.push(open);
            }
        }
        delays
    }

    /// What the kernel counted in this time: the last before it, and all in it.
    fn counted_in(&self, from: Instant, until: Instant) -> Vec<Counters> {
        let begin = self.counted.iter().rposition(|(at, _)| *at <= from).unwrap_or_default();
        // Of a time that is shorter than what lies between two looks, what was before it is the nearest that is known.
        let begin = begin.min(self.counted.len().saturating_sub(2));
        let within = self.counted.iter().skip(begin).take_while(|(at, _)| *at <= until);
        within.map(|(_, counters)| *counters).collect()
    }

    /// How it disturbed what took place in this time.
    pub(super) fn disturbance(&self, from: Instant, until: Instant) -> Disturbance {
        let counted = self.counted_in(from, until);
        let queue = queue(&counted, until - from);
        Disturbance::new(self.delays(from, until), queue)
    }

    /// What was measured in this time.
    pub(super) fn machine(&self, from: Instant, until: Instant) -> Machine {
        let counted = self.counted_in(from, until);
        let late = Disturbance::new(self.delays(from, until), None);
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        let (first, last) = (
            counted.first().copied().unwrap_or_default(),
            counted.last().copied().unwrap_or_default(),
        );
        let grown = |of: fn(&Counters) -> Option<u64>| Some(of(&last)?.saturating_sub(of(&first)?) as f64);
        let busy = first
            .cpu
            .zip(last.cpu)
            .and_then(|((worked, all), (worked_now, all_now))| {
                let all = all_now.checked_sub(all).filter(|all| *all > 0)?;
                Some(worked_now.saturating_sub(worked) as f64 / all as f64)
            });
        let time = (until - from).as_secs_f64().max(1e-3);
        Machine {
            timer_delay_mean_ms: ms(late.mean()),
            timer_delay_p99_ms: ms(late.quantile(0.99)),
            timer_delay_max_ms: ms(late.quantile(1.0)),
            send_delay_max_ms: 0.0,
            sent_late: 0,
            cpu_busy: busy.map(|busy| busy.min(1.0)),
            cpu_pressure: grown(|counted| counted.waited).map(|us| (us / 1e6 / time).min(1.0)),
            cpu_wait_mean_ms: queue(&counted, until - from).map(|queue| ms(queue.wait)),
            cpu_waited: queue(&counted, until - from).map(|queue| queue.waited),
            throttled_ms: grown(|counted| counted.throttled).map(|us| us / 1000.0),
            memory_available_mib: counted.iter().filter_map(|counted| counted.memory).min(),
        }
    }
}

/// How this process's threads waited for processors. None where one of those that had waited has ended.
fn queue(counted: &[Counters], time: Duration) -> Option<Queue> {
    let (first, last) = (counted.first()?.own?, counted.last()?.own?);
    let waited = last.waited.checked_sub(first.waited)?;
    let turns = last.turns.checked_sub(first.turns).filter(|turns| *turns > 0)?;
    Some(Queue {
        wait: Duration::from_nanos(waited / turns),
        // What is counted may have begun a moment before.
        waited: Duration::from_nanos(waited).as_secs_f64() / time.max(LOOK).as_secs_f64(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn counters(worked: u64, all: u64, waited: u64) -> Counters {
        Counters {
            cpu: Some((worked, all)),
            waited: Some(waited),
            ..Counters::default()
        }
    }

    #[test]
    fn a_time_has_what_was_measured_in_it() {
        let start = Instant::now();
        let mut history = History::default();
        for (at, delay) in [(100, 1), (200, 90), (300, 3)] {
            history.timer(start + ms(at), ms(delay));
        }
        for (at, counted) in [
            (0, counters(0, 0, 0)),
            (150, counters(20, 100, 1000)),
            (250, counters(110, 200, 51_000)),
        ] {
            history.counted(start + ms(at), counted);
        }
        let seen = history.machine(start + ms(150), start + ms(250));
        assert_eq!(seen.timer_delay_max_ms, 90.0);
        assert_eq!(seen.cpu_busy, Some(0.9));
        assert_eq!(seen.cpu_pressure, Some(0.5));
        assert_eq!(seen.throttled_ms, None);
        assert_eq!(history.disturbance(start, start + ms(150)).quantile(1.0), ms(1));
    }

    #[test]
    fn a_timer_that_has_not_gone_off_is_late_all_the_same() {
        let start = Instant::now();
        let mut history = History::default();
        history.timer(start, ms(0));
        let seen = history.disturbance(start, start + ms(805));
        assert_eq!(seen.quantile(1.0), ms(800));
    }

    #[test]
    fn what_is_old_is_forgotten() {
        let start = Instant::now();
        let mut history = History::default();
        history.timer(start, ms(7));
        history.timer(start + KEPT + ms(1), ms(0));
        assert_eq!(history.timers(), 1);
    }
}
