//! When the requests of an open loop are due: at a rate, or at rates that change.

use std::time::Duration;

/// A request that is due so late is never sent; a clock can still be set to it.
const NEVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// A part of a load's time: the rate goes evenly from one to the other. All rates are in requests a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stage {
    /// The rate at its begin; more than 0.
    pub from: f64,
    /// The rate at its end; more than 0.
    pub to: f64,
    /// How long it takes.
    pub time: Duration,
}

/// When each request is due. Behind the last stage, the rate stays what it was at its end.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule(Vec<Begun>);

/// A stage with where it begins: the time in seconds, and how many requests were due before it.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Begun {
    at: f64,
    before: f64,
    from: f64,
    /// How much the rate grows in a second.
    grows: f64,
}

impl Schedule {
    /// One rate for ever.
    pub fn constant(rate: f64) -> Self {
        Self::of(&[], rate)
    }

    /// One stage after the other; of none, one request a second.
    pub fn stages(stages: &[Stage]) -> Self {
        Self::of(stages, stages.last().map_or(1.0, |last| last.to))
    }

    fn of(stages: &[Stage], last: f64) -> Self {
        let (mut at, mut before) = (0.0, 0.0);
        let mut begun = Vec::with_capacity(stages.len() + 1);
        for stage in stages.iter().filter(|stage| !stage.time.is_zero()) {
            let time = stage.time.as_secs_f64();
            begun.push(Begun {
                at,
                before,
                from: stage.from,
                grows: (stage.to - stage.from) / time,
            });
            at += time;
            before += (stage.from + stage.to) / 2.0 * time;
        }
        begun.push(Begun {
            at,
            before,
            from: last,
            grows: 0.0,
        });
        Self(begun)
    }

    /// When a request is due, by its number from 0, since the load began.
    pub(crate) fn due(&self, number: usize) -> Duration {
        let number = number as f64;
        let stage = self.0.partition_point(|stage| stage.before <= number).max(1) - 1;
        let stage = self.0[stage];
        let more = number - stage.before;
        // The root of `from·t + grows·t²/2 = more`, in the form that loses nothing where the rate hardly changes.
        let root = (stage.from * stage.from + 2.0 * stage.grows * more).max(0.0).sqrt();
        let due = Duration::try_from_secs_f64(stage.at + 2.0 * more / (stage.from + root));
        due.map_or(NEVER, |due| due.min(NEVER))
    }

    /// The number of the first request that is due at `time` or later.
    pub(crate) fn first_due_from(&self, time: Duration) -> usize {
        let at = time.as_secs_f64();
        let stage = self.0.partition_point(|stage| stage.at <= at).max(1) - 1;
        let stage = self.0[stage];
        let passed = at - stage.at;
        let number = stage.before + stage.from * passed + stage.grows * passed * passed / 2.0;
        let mut number = number.ceil() as usize;
        // What was rounded in between.
        while number > 0 && self.due(number - 1) >= time {
            number -= 1;
        }
        while self.due(number) < time {
            number += 1;
        }
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(time: f64) -> Duration {
        Duration::from_secs_f64(time)
    }

    fn stage(from: f64, to: f64, time: f64) -> Stage {
        Stage {
            from,
            to,
            time: seconds(time),
        }
    }

    #[test]
    fn every_request_is_due_in_one_of_two_windows_side_by_side() {
        let ramps = [
            Schedule::stages(&[stage(10.0, 200.0, 5.0)]),
            Schedule::stages(&[stage(200.0, 1.0, 3.0), stage(50.0, 50.0, 1.0), stage(1.0, 5000.0, 2.0)]),
        ];
        let rates = [0.3, 1.0, 3.0, 7.0, 33.3, 999.9, 5000.0].map(Schedule::constant);
        for schedule in rates.iter().chain(&ramps) {
            for number in [0, 1, 2, 3, 10, 99, 500, 524, 525, 526, 12_345] {
                let due = schedule.due(number);
                assert_eq!(schedule.first_due_from(due), number, "{schedule:?}");
                let after = due + Duration::from_nanos(1);
                assert_eq!(schedule.first_due_from(after), number + 1, "{schedule:?}");
            }
        }
    }

    #[test]
    fn a_ramp_sends_what_is_below_it() {
        let ramp = Schedule::stages(&[stage(10.0, 200.0, 5.0)]);
        assert_eq!(ramp.first_due_from(seconds(5.0)), 525, "(10 + 200) / 2 · 5");
        assert_eq!(ramp.first_due_from(seconds(6.0)), 725, "and it stays at 200/s");
        let gaps = |number: usize| (ramp.due(number + 1) - ramp.due(number)).as_secs_f64();
        assert!(gaps(0) > 0.07 && gaps(524) < 0.006, "{} {}", gaps(0), gaps(524));
        let steps = Schedule::stages(&[stage(100.0, 100.0, 1.0), stage(10.0, 10.0, 1.0)]);
        assert_eq!(steps.first_due_from(seconds(1.0)), 100);
        assert_eq!(steps.first_due_from(seconds(2.0)), 110);
    }
}
