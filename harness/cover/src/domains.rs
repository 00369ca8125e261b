//! Which levels each axis may still have.

use super::level::Level;

/// A set of levels for each axis, as bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Domains {
    /// Words for each axis.
    width: usize,
    words: Vec<u64>,
}

impl Domains {
    /// The given levels, of axes that have up to `most` of them.
    pub(super) fn new(levels: &[Vec<Level>], most: usize) -> Self {
        let width = most.div_ceil(64).max(1);
        let mut domains = Self {
            width,
            words: vec![0; width * levels.len()],
        };
        for (axis, levels) in levels.iter().enumerate() {
            for level in levels {
                domains.words[axis * width + usize::from(*level) / 64] |= 1 << (level % 64);
            }
        }
        domains
    }

    pub(super) fn has(&self, axis: usize, level: Level) -> bool {
        self.words[axis * self.width + usize::from(level) / 64] & (1 << (level % 64)) != 0
    }

    pub(super) fn remove(&mut self, axis: usize, level: Level) {
        self.words[axis * self.width + usize::from(level) / 64] &= !(1 << (level % 64));
    }

    /// This level alone, whether or not the axis had it.
    pub(super) fn set(&mut self, axis: usize, level: Level) {
        self.words[axis * self.width..][..self.width].fill(0);
        self.words[axis * self.width + usize::from(level) / 64] |= 1 << (level % 64);
    }

    /// Words for each axis.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// Takes out whatever is not among these. Whether anything was.
    pub(super) fn keep(&mut self, axis: usize, levels: &[u64]) -> bool {
        let mut less = false;
        for (word, levels) in self.words[axis * self.width..][..self.width].iter_mut().zip(levels) {
            less |= *word & !levels != 0;
            *word &= levels;
        }
        less
    }

    /// How many words it takes.
    pub(super) fn size(&self) -> u64 {
        self.words.len() as u64
    }

    pub(super) fn len(&self, axis: usize) -> usize {
        let words = &self.words[axis * self.width..][..self.width];
        words.iter().map(|word| word.count_ones() as usize).sum()
    }

    pub(super) fn levels(&self, axis: usize) -> impl Iterator<Item = Level> + '_ {
        let words = self.words[axis * self.width..][..self.width].iter().enumerate();
        words.flat_map(|(at, word)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                let bit = (rest != 0).then(|| rest.trailing_zeros())?;
                rest &= rest - 1;
                Some((at * 64) as Level + bit as Level)
            })
        })
    }

    /// The one level that is left, if it is one.
    pub(super) fn only(&self, axis: usize) -> Option<Level> {
        let mut levels = self.levels(axis);
        let first = levels.next()?;
        levels.next().is_none().then_some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_over_more_than_one_word() {
        let mut domains = Domains::new(&[vec![0, 63, 64, 130], vec![1]], 131);
        assert_eq!(domains.levels(0).collect::<Vec<_>>(), [0, 63, 64, 130]);
        assert_eq!((domains.len(0), domains.only(0), domains.only(1)), (4, None, Some(1)));
        domains.remove(0, 64);
        assert!(!domains.has(0, 64) && domains.has(0, 130) && !domains.has(0, 129));
        domains.set(0, 128);
        assert_eq!(domains.only(0), Some(128));
    }
}
