//! How much is looked at of what came in one message.

/// How many entries of a message are looked at: as many as are kept.
pub(crate) const MOST_ENTRIES: usize = 10_000;

/// The longest entry that is looked at, in bytes.
pub(crate) const LONGEST_ENTRY: usize = 256 << 10;

/// The longest text that tells whose the entries of a message are, in bytes; what is longer is cut. Each entry has it.
const LONGEST_NAME: usize = 1024;

/// How many objects a JSON body may have: each becomes some hundred bytes, and is written with three.
const MOST_OBJECTS: usize = 100_000;

/// After so many steps others have their turn.
const STEPS: u32 = 64;

/// The entries of a message, as they are come upon.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    seen: usize,
    steps: u32,
    passed_over: u64,
}

impl Entries {
    /// Whether an entry of so many bytes is looked at. Where it is not, it is counted.
    pub(crate) fn admit(&mut self, length: usize) -> bool {
        self.seen = self.seen.saturating_add(1);
        let is_admitted = self.seen <= MOST_ENTRIES && length <= LONGEST_ENTRY;
        if !is_admitted {
            self.passed_over = self.passed_over.saturating_add(1);
        }
        is_admitted
    }

    /// A step on the way through a message, after which others may have their turn: that the service is to stop is heard then, too.
    pub(crate) async fn step(&mut self) {
        self.steps = self.steps.wrapping_add(1);
        if self.steps.is_multiple_of(STEPS) {
            tokio::task::yield_now().await;
        }
    }

    /// How many were not looked at.
    pub(crate) fn passed_over(&self) -> u64 {
        self.passed_over
    }
}

/// Why entries were not looked at.
pub(crate) fn told(passed_over: u64) -> String {
    format!(
        "{passed_over} entries were passed over: of a message, {MOST_ENTRIES} are looked at, each of at most {LONGEST_ENTRY} bytes"
    )
}

/// A name that each entry of a message has.
pub(crate) fn name(bytes: &[u8]) -> String {
    if bytes.len() <= LONGEST_NAME {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    // A character that is cut in the middle is none.
    let cut = String::from_utf8_lossy(&bytes[..LONGEST_NAME]);
    cut.trim_end_matches(char::REPLACEMENT_CHARACTER).to_owned()
}

/// Whether a JSON body has no more objects than may be read: each begins with a brace, and some braces are in texts.
///
/// # Errors
/// What is told of one that has more.
pub(crate) fn check_json(body: &[u8]) -> Result<(), String> {
    let objects = body.iter().filter(|byte| **byte == b'{').count();
    if objects <= MOST_OBJECTS {
        return Ok(());
    }
    Err(format!(
        "it has {objects} objects, and {MOST_OBJECTS} are read at a time; send it in parts"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_entries_are_looked_at_and_those_that_are_too_long_are_not() {
        let mut entries = Entries::default();
        assert!(!entries.admit(LONGEST_ENTRY + 1));
        let admitted = (0..MOST_ENTRIES + 5).filter(|_| entries.admit(LONGEST_ENTRY)).count();
        assert_eq!((admitted, entries.passed_over()), (MOST_ENTRIES - 1, 7));
    }

    #[test]
    fn a_long_name_is_cut() {
        assert_eq!(name(b"pet"), "pet");
        assert_eq!(name("é".repeat(1000).as_bytes()), "é".repeat(512));
        assert_eq!(
            name(format!("a{}", "é".repeat(1000)).as_bytes()),
            format!("a{}", "é".repeat(511))
        );
    }

    #[test]
    fn a_body_has_only_so_many_objects() {
        check_json(&[b'{'; MOST_OBJECTS]).unwrap();
        check_json(&[b'{'; MOST_OBJECTS + 1]).unwrap_err();
    }
}
