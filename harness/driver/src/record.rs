//! What a load keeps of its requests: the last ones one by one, and sums of those before.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use meshkat_model::{
    observation::{NoAnswerKind, Response, Window},
    results::LoadSpan,
    shorten::shorten,
};

use crate::{
    gaps::Gaps,
    sample::{OPEN, Outcome, Sample, micros},
    schedule::Schedule,
    sum::{Over, Sum},
    timeline::Timeline,
};

/// From this status on an answer is an error.
const ERROR_FROM: u16 = 400;

/// How many different answers of a load are told apart: by status, by who answered, and by the text of an error.
const MOST_OUTCOMES: usize = 1_000;

/// Requests that were due longer ago, and have ended, are kept as sums alone, unless a window that somebody waits for needs them.
const KEPT: Duration = Duration::from_secs(10);

/// A number of a window that somebody waits for.
pub(crate) type Pin = u64;

/// What became of a load's requests. Its memory does not grow with time: of what is older than some seconds there are sums, since the
/// load began, since the last window that was judged, and since the begin of each window that somebody waits for.
#[derive(Debug)]
pub(crate) struct Record {
    /// When requests are due; none where each is due when the one before it has ended.
    schedule: Option<Schedule>,
    /// The number of the first request that is kept by itself.
    first: usize,
    samples: VecDeque<Sample>,
    /// The requests before this one have all ended.
    ended_below: usize,
    outcomes: Vec<Arc<Outcome>>,
    numbers: HashMap<Arc<Outcome>, u32>,
    over: Option<Over>,
    sent: u64,
    /// Sums of what is not kept by itself any more, each from some time on.
    all: Sum,
    judged: (Duration, Sum),
    pins: HashMap<Pin, Pinned>,
    next_pin: Pin,
    /// Nothing that was due from here on is summed up.
    floor: Option<Duration>,
    gaps: Gaps,
    timeline: Timeline,
}

#[derive(Debug)]
struct Pinned {
    from: Duration,
    until: Duration,
    sum: Sum,
}

/// How far a load has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Requests that were due.
    pub due: u64,
    /// Of these, the ones that were sent.
    pub sent: u64,
    /// Of these, the ones that have not ended.
    pub open: u64,
}

impl Record {
    /// Of a load whose requests are due so; without a schedule, of one whose clients send when they can.
    pub(crate) fn new(schedule: Option<Schedule>) -> Self {
        Self {
            schedule,
            first: 0,
            samples: VecDeque::new(),
            ended_below: 0,
            outcomes: Vec::new(),
            numbers: HashMap::new(),
            over: None,
            sent: 0,
            all: Sum::default(),
            judged: (Duration::ZERO, Sum::default()),
            pins: HashMap::new(),
            next_pin: 0,
            floor: None,
            gaps: Gaps::default(),
            timeline: Timeline::default(),
        }
    }

    /// When a request that has begun, or begins next, is due.
    pub(crate) fn due(&self, number: usize) -> Duration {
        let kept = number.checked_sub(self.first).and_then(|at| self.samples.get(at));
        match (kept, &self.schedule) {
            (Some(sample), _) => sample.due(),
            (None, Some(schedule)) => schedule.due(number),
            (None, None) => Duration::ZERO,
        }
    }

    /// The number of the first request that is due at `time` or later.
    pub(crate) fn first_due_from(&self, time: Duration) -> usize {
        match &self.schedule {
            Some(schedule) => schedule.first_due_from(time),
            None => self.first + self.samples.partition_point(|sample| sample.due() < time),
        }
    }

    /// The next request begins; gives its number. `now` is when it is due, where nothing else says so.
    pub(crate) fn begin(&mut self, now: Duration) -> usize {
        let number = self.next();
        let due = self.schedule.as_ref().map_or(now, |schedule| schedule.due(number));
        // Of several clients, one may have looked at the clock before another one, and come after it.
        let before = self.samples.back().map_or(Duration::ZERO, Sample::due);
        self.samples.push_back(Sample::begun(due.max(before)));
        number
    }

    /// The number of the request that begins next.
    pub(crate) fn next(&self) -> usize {
        self.first + self.samples.len()
    }

    /// A request was sent.
    pub(crate) fn sent(&mut self) {
        self.sent += 1;
    }

    /// No request begins any more. Those that are due until `at`, or for ever, and have not begun count as failed, for the reason
    /// `why`. The first reason stays.
    pub(crate) fn over(&mut self, at: Option<Duration>, why: &str) {
        let over = self.over.get_or_insert_with(|| Over {
            at: None,
            why: why.into(),
        });
        over.at = over.at.or(at);
    }

    /// Until when requests were due, once it is known.
    pub(crate) fn over_at(&self) -> Option<Duration> {
        self.over.as_ref().and_then(|over| over.at)
    }

    /// A request has ended `latency` after it was due, and waited so long for a connection of those that it may use.
    pub(crate) fn ended(&mut self, number: usize, latency: Duration, response: &Response) {
        let (status, served_by, failure, kind) = match &response.outcome {
            Ok(answer) if answer.status < ERROR_FROM => {
                (answer.status, answer.served_by().join(","), None, String::new())
            }
            Ok(answer) => {
                let body = shorten(answer.text.trim(), 600);
                (
                    answer.status,
                    answer.served_by().join(","),
                    Some(format!("{}: {body}", answer.status)),
                    answer.status.to_string(),
                )
            }
            Err(none) => {
                let kind = none.kind.map_or("no answer", NoAnswerKind::word).to_owned();
                (0, String::new(), Some(none.message.clone()), kind)
            }
        };
        let waited = response
            .outcome
            .as_ref()
            .map_or(Duration::ZERO, |answer| answer.exchange.queued);
        if let Some(sample) = self.sample(number) {
            sample.queue = micros(waited).saturating_add(sample.queue);
        }
        let outcome = Outcome {
            status,
            served_by,
            failure,
            kind,
        };
        self.settle(number, latency, outcome);
    }

    /// A request leaves so long after it was due.
    pub(crate) fn leaves(&mut self, number: usize, delay: Duration) {
        if let Some(sample) = self.sample(number) {
            sample.queue = micros(delay);
            sample.late = sample.queue;
        }
    }

    /// A request has ended without an answer, for a reason of this machine's.
    pub(crate) fn failed(&mut self, number: usize, latency: Duration, why: &str) {
        let outcome = Outcome {
            status: 0,
            served_by: String::new(),
            failure: Some(why.to_owned()),
            kind: "not sent".to_owned(),
        };
        self.settle(number, latency, outcome);
    }

    fn sample(&mut self, number: usize) -> Option<&mut Sample> {
        let at = number.checked_sub(self.first)?;
        self.samples.get_mut(at)
    }

    fn settle(&mut self, number: usize, latency: Duration, outcome: Outcome) {
        let (is_answered, kind) = (outcome.status > 0, outcome.kind.clone());
        let outcome = self.number(outcome);
        let Some(sample) = self.sample(number) else { return };
        sample.outcome = outcome;
        sample.latency = micros(latency);
        let due = sample.due();
        let now = due + latency;
        if is_answered {
            self.gaps.answered(now);
        }
        self.timeline.add(due, &kind, is_answered.then_some(latency));
        while self
            .samples
            .get(self.ended_below - self.first)
            .is_some_and(|sample| !sample.is_open())
        {
            self.ended_below += 1;
        }
        self.sum_up(now.saturating_sub(KEPT));
    }

    /// Sums up what was due before this time, has ended, and is not needed one by one.
    fn sum_up(&mut self, before: Duration) {
        let pinned = self.pins.values().map(|pin| pin.until);
        let before = pinned.chain(self.floor).chain([before]).min().unwrap_or(before);
        while self.first < self.ended_below {
            let Some(sample) = self.samples.front().filter(|sample| sample.due() < before).copied() else {
                break;
            };
            self.samples.pop_front();
            self.first += 1;
            let Some(outcome) = self.outcomes.get(sample.outcome as usize) else {
                continue;
            };
            let due = sample.due();
            self.all.add(&sample, outcome);
            let (judged, sum) = &mut self.judged;
            if *judged <= due {
                sum.add(&sample, outcome);
            }
            for pin in self.pins.values_mut().filter(|pin| pin.from <= due) {
                pin.sum.add(&sample, outcome);
            }
        }
    }

    /// Somebody waits for the window from `from` to before `until`: what it needs is kept until it is let go.
    pub(crate) fn pin(&mut self, from: Duration, until: Duration) -> Pin {
        self.next_pin += 1;
        let sum = self.sum_from(from).cloned().unwrap_or_default();
        self.pins.insert(self.next_pin, Pinned { from, until, sum });
        self.next_pin
    }

    /// Nobody waits for it any more.
    pub(crate) fn let_go(&mut self, pin: Pin) {
        self.pins.remove(&pin);
    }

    /// A window that ended here was judged, and is still pinned: a later one may begin where it ended.
    pub(crate) fn judged(&mut self, until: Duration) {
        self.judged = (until, Sum::default());
    }

    /// From here on nothing is summed up; none: as usual.
    pub(crate) fn hold(&mut self, from: Option<Duration>) {
        self.floor = from;
    }

    /// The sum of what is not kept by itself from this time on, if there is one.
    fn sum_from(&self, from: Duration) -> Option<&Sum> {
        match from {
            Duration::ZERO => Some(&self.all),
            from if from == self.judged.0 => Some(&self.judged.1),
            _ => None,
        }
    }

    /// How many requests were sent so far.
    pub(crate) fn sent_count(&self) -> u64 {
        self.sent
    }

    /// How far it has come `now`.
    pub(crate) fn progress(&self, now: Duration) -> Progress {
        let until = self.over_at().map_or(now, |at| at.min(now));
        let open = self.samples.iter().filter(|sample| sample.is_open());
        Progress {
            due: self.first_due_from(until) as u64,
            sent: self.sent,
            open: open.count() as u64,
        }
    }

    /// Whether every request that was due before `until` has begun, however late this machine is, and has ended.
    pub(crate) fn is_complete(&self, until: Duration) -> bool {
        let first = self.first_due_from(until);
        self.ended_below >= first || (self.over.is_some() && self.ended_below == self.next())
    }

    /// What is told of the requests of a pinned window that have ended.
    pub(crate) fn window(&self, pin: Pin) -> Window {
        let Some(Pinned { from, until, sum }) = self.pins.get(&pin) else {
            return Window::default();
        };
        let (from, until) = (*from, *until);
        let mut sum = sum.clone();
        let kept = self.samples.iter().filter(|sample| !sample.is_open());
        for sample in kept.filter(|sample| (from..until).contains(&sample.due())) {
            if let Some(outcome) = self.outcomes.get(sample.outcome as usize) {
                sum.add(sample, outcome);
            }
        }
        let unsent = self.over.as_ref().filter(|_| self.schedule.is_some()).map(|over| {
            let end = self.first_due_from(until);
            let due = over.at.map_or(end, |at| self.first_due_from(at).min(end));
            let first = self.first_due_from(from).max(self.next());
            (due.saturating_sub(first) as u64, &*over.why)
        });
        let mut window = sum.window(&self.outcomes, unsent.filter(|(count, _)| *count > 0));
        let last = self.over_at().map_or(until, |at| at.min(until));
        window.gap = self.gaps.longest(from, last);
        window
    }

    /// What became of all requests over time: how long a span is, and each of them.
    pub(crate) fn timeline(&self) -> (Duration, Vec<LoadSpan>) {
        self.timeline.told()
    }

    fn number(&mut self, outcome: Outcome) -> u32 {
        if let Some(number) = self.numbers.get(&outcome) {
            return *number;
        }
        let outcome = match self.outcomes.len() < MOST_OUTCOMES {
            true => outcome,
            // An error whatever it was: who answered is not known any more.
            false => {
                let failure = format!(
                    "{}: more than {MOST_OUTCOMES} different answers, of which this is one",
                    outcome.status
                );
                let last = Outcome {
                    status: outcome.status,
                    served_by: String::new(),
                    failure: Some(failure),
                    kind: "other".to_owned(),
                };
                if let Some(number) = self.numbers.get(&last) {
                    return *number;
                }
                last
            }
        };
        let number = u32::try_from(self.outcomes.len()).unwrap_or(OPEN - 1);
        let outcome = Arc::new(outcome);
        self.outcomes.push(Arc::clone(&outcome));
        self.numbers.insert(outcome, number);
        number
    }
}

#[cfg(test)]
mod tests;
