//! Looking at what is expected: once, until it holds, or for as long as it must hold.

use std::time::{Duration, Instant};

use meshkat_model::{
    machine::IN_TIME,
    scenario::quantity::Time,
    verdict::{self, Check, Undecided, Unmet},
    yaml::At,
};

use crate::{
    case::{Broken, CaseRun},
    wait,
};

/// How often a step looks before it is judged.
#[derive(Debug, Clone, Copy)]
pub(super) enum Patience {
    /// Once.
    Once,
    /// Until it holds, for this time at the most.
    Within(Duration),
    /// Until it holds so often in a row, for this time at the most.
    InARow(u32, Duration),
    /// As long as it holds, for this time.
    For(Duration),
}

impl Patience {
    /// That of a step with these keys, at most one of which is there.
    pub(super) fn of(within: Option<Time>, for_: Option<Time>) -> Self {
        match (within, for_) {
            (Some(limit), _) => Self::Within(limit.0),
            (_, Some(time)) => Self::For(time.0),
            _ => Self::Once,
        }
    }

    /// The same, so often in a row where that is said; it goes with `within`.
    pub(super) fn in_a_row(self, times: Option<&At<u32>>) -> Self {
        match (self, times) {
            (Self::Within(limit), Some(times)) => Self::InARow(times.value, limit),
            (patience, _) => patience,
        }
    }
}

/// What one look came to.
pub(super) struct Seen {
    pub(super) checks: Vec<Check>,
    /// What of it the machine may have decided.
    pub(super) undecided: Option<Undecided>,
    /// Whether a time limit that ran out can have made it what it is.
    pub(super) may_be_of_a_limit: bool,
    /// The end of the time that was looked at, where that is not the moment at which it was seen.
    pub(super) at: Option<Instant>,
}

impl From<Vec<Check>> for Seen {
    fn from(checks: Vec<Check>) -> Self {
        Self {
            checks,
            undecided: None,
            // What an Envoy says of itself is what its timers made of it, too.
            may_be_of_a_limit: true,
            at: None,
        }
    }
}

impl Seen {
    fn holds(&self) -> bool {
        self.undecided.is_none() && self.checks.iter().all(|check| check.passed)
    }
}

impl CaseRun<'_> {
    /// Looks as often as `patience` says, and judges what was seen last; what must hold for a time, each time. What the machine may
    /// have decided is void: what became true only after its time, what nobody could look at, and what it may have bent itself.
    pub(super) async fn look<S: Into<Seen>>(
        &mut self,
        patience: Patience,
        mut look: impl AsyncFnMut(&mut Self) -> Result<S, Broken>,
    ) -> Result<(), Broken> {
        let start = Instant::now();
        let mut attempt = 1_u64;
        // How often it held one after the other, and the most that this was.
        let (mut row, mut longest) = (0_u32, 0_u32);
        // How much longer than it was to be the looker slept.
        let mut overslept = Duration::ZERO;
        // On a machine that is busy, what must become true may take longer.
        let mut extra: Option<Duration> = None;
        loop {
            let begun = Instant::now();
            let seen: Seen = look(self).await?.into();
            let (took, elapsed, holds) = (begun.elapsed(), start.elapsed(), seen.holds());
            row = if holds { row + 1 } else { 0 };
            longest = longest.max(row);
            let (goes_on, when) = match patience {
                Patience::Once => (false, String::new()),
                Patience::Within(limit) | Patience::InARow(_, limit) => {
                    if elapsed >= limit && extra.is_none() {
                        extra = self.watch.since(start).extra(limit);
                    }
                    let all = limit + extra.unwrap_or_default();
                    let also = extra.map_or(String::new(), |extra| {
                        format!(" and {extra:.1?} more, which is what a busy machine can have taken")
                    });
                    let (is_enough, how_often) = match patience {
                        Patience::InARow(times, _) => (
                            row >= times,
                            format!(" {times} times in a row, but {longest} at the most"),
                        ),
                        _ => (holds, String::new()),
                    };
                    (
                        !is_enough && elapsed < all,
                        format!("not within {limit:?}{also}{how_often}, in {attempt} attempts; the last one: "),
                    )
                }
                Patience::For(time) => (holds && elapsed < time, format!("after {elapsed:.1?} of {time:?}: ")),
            };
            if !goes_on {
                let seen_at = seen.at.map_or(elapsed, |at| at.saturating_duration_since(start));
                if let (Patience::InARow(times, limit), true) = (patience, holds && seen.undecided.is_none())
                    && row < times
                {
                    self.checks += seen.checks.len() as u64;
                    return Err(self.or_stalled(Unmet {
                        expected: format!("{times} times in a row within {limit:?}"),
                        actual: format!("{longest} times at the most, in {attempt} attempts"),
                        ..Unmet::new("it did not hold often enough in a row")
                    }));
                }
                self.conclude(seen, &when)?;
                return match patience {
                    Patience::Once => Ok(()),
                    Patience::Within(limit) | Patience::InARow(_, limit) => {
                        self.in_its_time((limit, extra), start, seen_at)
                    }
                    Patience::For(time) => {
                        let unseen = self.watch.since(start).stood_still().max(overslept);
                        verdict::unseen(unseen, time).map_or(Ok(()), |why| Err(Broken::Void(why)))
                    }
                };
            }
            if let Patience::For(_) | Patience::InARow(..) = patience
                && holds
            {
                self.checks += seen.checks.len() as u64;
            }
            attempt += 1;
            let left = match patience {
                Patience::Once => Duration::ZERO,
                Patience::Within(time) | Patience::InARow(_, time) | Patience::For(time) => {
                    (time + extra.unwrap_or_default()).saturating_sub(elapsed)
                }
            };
            // The last look is at the end of the time, and not behind it.
            let pause = match patience {
                // What holds is looked at again at once: nothing is waited for.
                Patience::InARow(..) if holds => Duration::ZERO,
                _ => wait::pause(took).min(left),
            };
            let asleep = Instant::now();
            tokio::time::sleep(pause).await;
            overslept += asleep.elapsed().saturating_sub(pause + IN_TIME);
        }
    }

    /// What holds at last has to hold in its time: also an answer that was asked for in time and came late. A look comes up to a pause
    /// later than it might. What holds only in the time that the machine can have taken is void.
    fn in_its_time(
        &self,
        (limit, extra): (Duration, Option<Duration>),
        start: Instant,
        seen_at: Duration,
    ) -> Result<(), Broken> {
        if seen_at <= limit + wait::LONGEST_PAUSE {
            return Ok(());
        }
        let extra = extra.unwrap_or_else(|| self.watch.since(start).extra(limit).unwrap_or_default());
        if seen_at <= limit + wait::LONGEST_PAUSE + extra {
            return Err(Broken::Void(Undecided {
                line: None,
                why: format!(
                    "it held after {seen_at:.1?}, and not within {limit:?}: the machine can have taken {extra:.1?} of that"
                ),
            }));
        }
        Err(Unmet {
            expected: format!("within {limit:?}"),
            actual: format!("after {seen_at:.1?}"),
            ..Unmet::new("it held, and not in time")
        }
        .into())
    }

    /// Judges what was seen last.
    pub(super) fn conclude(&mut self, seen: Seen, when: &str) -> Result<(), Broken> {
        if let Some(undecided) = seen.undecided {
            return Err(Broken::Void(undecided));
        }
        let may_be_of_a_limit = seen.may_be_of_a_limit;
        self.judge(seen.checks).map_err(|unmet| match may_be_of_a_limit {
            true => self.or_stalled(unmet.after(when)),
            false => unmet.after(when).into(),
        })
    }
}
