//! Finding the lines of a log that tell of errors, among many that tell of requests.

use meshkat_model::{mesh::Container, shorten::shorten};

/// A line that tells of an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remark {
    /// Whether it tells of a panic.
    pub(crate) is_panic: bool,
    /// The line.
    pub(crate) text: String,
}

/// So many are kept of one container between two looks: the first ones.
const MOST: usize = 50;
/// So much of each, in characters.
const LONGEST: usize = 1_000;

/// The levels of Envoy's log, which stand in its third brackets: `[TIME][THREAD][LEVEL][LOGGER]`.
const LEVELS: [&str; 2] = ["error", "critical"];
/// The logger of an Envoy that crashes, in its fourth brackets.
const OF_A_CRASH: &str = "backtrace]";
/// Behind the time of a line of a service.
const ERROR: &str = " ERROR ";
/// The level stands before this, in bytes.
const HEAD: usize = 64;
const PANICKED: &str = "panicked at ";

/// The lines of `log` that tell of errors.
pub(super) fn find(log: &[u8], container: Container) -> Vec<Remark> {
    let lines = log.split(|byte| *byte == b'\n');
    lines.filter_map(|line| remark(line, container)).take(MOST).collect()
}

fn remark(line: &[u8], container: Container) -> Option<Remark> {
    let is_error = match container {
        // Requests are objects of JSON, and most of the log.
        Container::Envoy if line.first() != Some(&b'[') => false,
        Container::Envoy => head(line).is_some_and(|head| {
            let mut parts = head.split("][").skip(2);
            let level = parts.next().is_some_and(|level| LEVELS.contains(&level));
            // What it writes while it crashes is told with the crash, which may be noticed a moment later.
            level && !parts.next().is_some_and(|logger| logger.starts_with(OF_A_CRASH))
        }),
        Container::Application => head(line).is_some_and(|head| head.contains(ERROR)),
    };
    let text = || shorten(&String::from_utf8_lossy(line), LONGEST);
    let is_panic = container == Container::Application && String::from_utf8_lossy(line).contains(PANICKED);
    (is_error || is_panic).then(|| Remark { is_panic, text: text() })
}

/// The begin of a line, as far as it is text.
fn head(line: &[u8]) -> Option<&str> {
    let head = line.get(..HEAD).unwrap_or(line);
    match std::str::from_utf8(head) {
        Ok(text) => Some(text),
        Err(error) => std::str::from_utf8(head.get(..error.valid_up_to())?).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(log: &str, container: Container) -> Vec<(bool, String)> {
        let found = find(log.as_bytes(), container).into_iter();
        found.map(|remark| (remark.is_panic, remark.text)).collect()
    }

    #[test]
    fn an_envoy_writes_the_level_in_its_third_brackets() {
        let error = "[2026-11-21 22:34:00.281][17535][error][lua] [source/x.cc:1] script log: [critical] nothing";
        let critical = "[2026-11-21 22:34:00.281][17535][critical][main] [source/server/server.cc:449] é";
        let others = "[2026-11-21 22:34:00.281][17535][warning][main] [source/x.cc:1] an [error][here]\n\
                      {\"path\":\"/x][error][y\",\"code\":500}\n[]\n[error]\nplain [x][y][error][z]\n";
        let crash = "[2026-11-21 22:34:00.281][17535][critical][backtrace] [./source/server/backtrace.h:173] Caught Segmentation fault";
        let log = format!("{others}{error}\n{crash}\n{critical}\n");
        assert_eq!(
            found(&log, Container::Envoy),
            [(false, error.to_owned()), (false, critical.to_owned())]
        );
    }

    #[test]
    fn a_service_writes_the_level_behind_the_time_and_a_panic_says_that_it_is_one() {
        let error = "2026-11-21T22:34:00.281000Z ERROR sds: failed";
        let panic = "thread 'main' panicked at src/main.rs:1:1:";
        let log = format!(
            "2026-11-21T22:34:00.281000Z  INFO sds: somebody said at this very place of the line: ERROR x\n{error}\n{panic}\nno\n"
        );
        assert_eq!(
            found(&log, Container::Application),
            [(false, error.to_owned()), (true, panic.to_owned())]
        );
        assert_eq!(found(&format!("{error}\n{panic}\n"), Container::Envoy), []);
    }
}
