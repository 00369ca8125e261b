//! How long no answer came.

use std::time::Duration;

/// So many gaps are remembered; of more, the shorter half is forgotten.
const MOST: usize = 4096;

/// The times between one answer and the next. What is remembered does not grow with time: of short gaps, it is known in the end only
/// how long they were at the most.
#[derive(Debug, Default)]
pub(crate) struct Gaps {
    last: Duration,
    /// Each with its begin and end, in order.
    all: Vec<(Duration, Duration)>,
    /// Those that are not longer are not remembered.
    floor: Duration,
}

impl Gaps {
    /// An answer came at this time since the load began; never earlier than the one before.
    pub(crate) fn answered(&mut self, at: Duration) {
        let gap = at.saturating_sub(self.last);
        if gap > self.floor {
            self.all.push((self.last, at));
            if self.all.len() > MOST {
                self.forget();
            }
        }
        self.last = self.last.max(at);
    }

    fn forget(&mut self) {
        let length = |(begin, end): &(Duration, Duration)| *end - *begin;
        let mut lengths: Vec<Duration> = self.all.iter().map(length).collect();
        let (_, middle, _) = lengths.select_nth_unstable(MOST / 2);
        self.floor = self.floor.max(*middle);
        let floor = self.floor;
        self.all.retain(|gap| length(gap) > floor);
    }

    /// The longest time between `from` and `until` in which no answer came; where all were short, a time that none was longer than.
    pub(crate) fn longest(&self, from: Duration, until: Duration) -> Duration {
        let within = |begin: Duration, end: Duration| end.min(until).saturating_sub(begin.max(from));
        let longest = self.all.iter().map(|(begin, end)| within(*begin, *end)).max();
        // The last one goes on.
        let open = within(self.last, until);
        let short = self.floor.min(until.saturating_sub(from));
        longest.unwrap_or_default().max(open).max(short)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn the_longest_gap_of_a_window_is_within_it() {
        let mut gaps = Gaps::default();
        for at in [10, 20, 120, 130, 500] {
            gaps.answered(ms(at));
        }
        assert_eq!(gaps.longest(ms(0), ms(200)), ms(100), "from 20 to 120");
        assert_eq!(gaps.longest(ms(0), ms(500)), ms(370), "from 130 to 500");
        assert_eq!(gaps.longest(ms(60), ms(125)), ms(60), "as much of it as is within");
        assert_eq!(gaps.longest(ms(450), ms(1000)), ms(500), "none has come since");
        assert_eq!(Gaps::default().longest(ms(100), ms(300)), ms(200));
    }

    #[test]
    fn what_is_remembered_does_not_grow() {
        let mut gaps = Gaps::default();
        let mut at = ms(0);
        for number in 0..1_000_000_u64 {
            at += Duration::from_micros(400 + number % 200);
            gaps.answered(at);
            if number == 300_000 {
                at += ms(750);
                gaps.answered(at);
            }
        }
        assert!(gaps.all.len() <= MOST, "{}", gaps.all.len());
        assert_eq!(gaps.longest(ms(0), at), ms(750));
        let short = gaps.longest(at - ms(50), at);
        assert!(short > Duration::from_micros(400) && short < ms(1), "{short:?}");
    }
}
