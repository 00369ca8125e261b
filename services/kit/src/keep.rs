//! What is kept of what came: the last of it, bounded in number and in bytes.

use std::collections::VecDeque;
use std::io;

use axum::response::{IntoResponse as _, Response};
use http::header;
use serde::Serialize;
use tokio::sync::Semaphore;

/// One answer about what is kept is put together at a time: others wait where they keep nobody from being answered.
static TURN: Semaphore = Semaphore::const_new(1);

/// How many bytes something has as JSON. What is kept is counted so, as a byte that is kept may be six in an answer.
pub fn json_length<T: Serialize + ?Sized>(value: &T) -> usize {
    let mut length = Length(0);
    // To count cannot fail, and what JSON cannot say is not written either.
    let _ = serde_json::to_writer(&mut length, value);
    length.0
}

/// Puts an answer together that tells what is kept, when it is its turn. Many who ask at once take as much of a processor as one.
pub async fn in_turn<T>(tell: impl FnOnce() -> T) -> T {
    // It is never closed.
    let _turn = TURN.acquire().await;
    tell()
}

struct Length(usize);

impl io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The last entries of many. When there is no room for a new one, or for what one grows by, the oldest go.
#[derive(Debug)]
pub struct Log<T> {
    most: usize,
    most_bytes: usize,
    /// What all entries count for.
    bytes: usize,
    /// The number of the next entry. It never begins again, so that a number is of one entry or of none.
    next: u64,
    /// The number of the first entry since it was cleared.
    begun: u64,
    /// How many came since then that were never looked at.
    passed_over: u64,
    entries: VecDeque<Entry<T>>,
}

#[derive(Debug)]
struct Entry<T> {
    bytes: usize,
    value: T,
}

impl<T> Log<T> {
    /// Room for so many entries, of so many bytes together.
    pub const fn new(most: usize, most_bytes: usize) -> Self {
        Self {
            most,
            most_bytes,
            bytes: 0,
            next: 0,
            begun: 0,
            passed_over: 0,
            entries: VecDeque::new(),
        }
    }

    /// Adds an entry that counts for so many bytes, and gives its number.
    pub fn push(&mut self, value: T, bytes: usize) -> u64 {
        self.entries.push_back(Entry { bytes, value });
        self.bytes += bytes;
        self.next += 1;
        self.make_room();
        self.next - 1
    }

    /// Counts entries that came and are not kept.
    pub fn pass_over(&mut self, entries: u64) {
        self.passed_over = self.passed_over.saturating_add(entries);
    }

    /// Counts further bytes of an entry, and gives it so that they can be added; `None` if it is not kept any more.
    pub fn grow(&mut self, number: u64, bytes: usize) -> Option<&mut T> {
        let index = self.index(number)?;
        self.entries[index].bytes += bytes;
        self.bytes += bytes;
        self.make_room();
        let index = self.index(number)?;
        Some(&mut self.entries[index].value)
    }

    fn index(&self, number: u64) -> Option<usize> {
        let index = usize::try_from(number.checked_sub(self.first())?).ok()?;
        (index < self.entries.len()).then_some(index)
    }

    /// The number of the oldest entry.
    fn first(&self) -> u64 {
        self.next - self.entries.len() as u64
    }

    fn make_room(&mut self) {
        while self.entries.len() > self.most || self.bytes > self.most_bytes {
            let Some(oldest) = self.entries.pop_front() else { return };
            self.bytes -= oldest.bytes;
        }
    }

    /// How many came since it was cleared, kept or not.
    pub fn count(&self) -> u64 {
        (self.next - self.begun).saturating_add(self.passed_over)
    }

    /// How many of these are not kept any more.
    pub fn left_out(&self) -> u64 {
        self.count() - self.entries.len() as u64
    }

    /// The entries that are kept, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.entries.iter().map(|entry| &entry.value)
    }

    /// The answer that tells of these entries, under this name, and how many there were: one text, and no tree of values.
    pub fn told<E: Serialize>(&self, name: &str, entries: impl IntoIterator<Item = E>) -> Response {
        let (count, left_out) = (self.count(), self.left_out());
        let mut text = format!(r#"{{"count":{count},"left_out":{left_out},"{name}":["#).into_bytes();
        for (place, entry) in entries.into_iter().enumerate() {
            if place > 0 {
                text.push(b',');
            }
            // It has nothing that JSON cannot say, and to write to memory cannot fail.
            let _ = serde_json::to_writer(&mut text, &entry);
        }
        text.extend_from_slice(b"]}");
        ([(header::CONTENT_TYPE, "application/json")], text).into_response()
    }

    /// Forgets all that came.
    pub fn clear(&mut self) {
        self.entries = VecDeque::new();
        self.bytes = 0;
        self.begun = self.next;
        self.passed_over = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(log: &Log<&'static str>) -> Vec<&'static str> {
        log.iter().copied().collect()
    }

    #[test]
    fn the_oldest_go_where_there_is_no_room() {
        let mut log = Log::new(3, 100);
        for name in ["a", "b", "c", "d"] {
            log.push(name, 10);
        }
        assert_eq!(kept(&log), ["b", "c", "d"]);
        assert_eq!((log.count(), log.left_out()), (4, 1));
        log.push("e", 85);
        assert_eq!(kept(&log), ["d", "e"]);
        // One that is larger than all the room is counted, and not kept.
        log.push("f", 101);
        assert_eq!((kept(&log), log.count(), log.left_out()), (vec![], 6, 6));
    }

    #[test]
    fn what_was_never_looked_at_is_counted_until_it_is_to_forget() {
        let mut log = Log::new(3, 100);
        log.push("a", 10);
        log.pass_over(5);
        log.push("b", 10);
        assert_eq!((kept(&log), log.count(), log.left_out()), (vec!["a", "b"], 7, 5));
        log.clear();
        assert_eq!((log.count(), log.left_out()), (0, 0));
    }

    #[test]
    fn a_text_is_as_long_as_what_is_written_of_it() {
        for (text, length) in [("", 2), ("abc", 5), ("\u{1}", 8), ("\"", 4), ("é", 4)] {
            assert_eq!(json_length(text), length, "{text:?}");
        }
    }

    #[tokio::test]
    async fn who_tells_waits_until_nobody_else_does() {
        let told = std::sync::atomic::AtomicBool::new(false);
        let turn = TURN.acquire().await.unwrap();
        let mut waits = std::pin::pin!(in_turn(|| told.store(true, std::sync::atomic::Ordering::Relaxed)));
        assert!(futures::poll!(waits.as_mut()).is_pending());
        assert!(!told.load(std::sync::atomic::Ordering::Relaxed));
        drop(turn);
        waits.await;
        assert!(told.load(std::sync::atomic::Ordering::Relaxed));
    }

    #[test]
    fn an_entry_grows_for_as_long_as_it_is_kept() {
        let mut log = Log::new(3, 100);
        let first = log.push("a", 10);
        let second = log.push("b", 10);
        *log.grow(first, 50).unwrap() = "A";
        assert_eq!(kept(&log), ["A", "b"]);
        *log.grow(second, 50).unwrap() = "B";
        assert_eq!(kept(&log), ["B"]);
        assert!(log.grow(first, 1).is_none());
        log.clear();
        assert_eq!((log.count(), log.left_out()), (0, 0));
        // What began before is of no entry that came after.
        log.push("c", 1);
        assert!(log.grow(second, 1).is_none());
        assert_eq!(kept(&log), ["c"]);
    }
}
