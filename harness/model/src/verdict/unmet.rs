//! What does not hold.

use super::checks::Check;

/// What was asked for and does not hold: an expectation, or something that the mesh was to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmet {
    /// The line of the scenario that asked for it; none where it is the step's.
    pub line: Option<usize>,
    /// What is wrong, in a sentence without a full stop.
    pub message: String,
    /// What was asked for.
    pub expected: String,
    /// What was seen.
    pub actual: String,
}

/// So many expectations of one step that do not hold are told.
const TOLD: usize = 10;

impl Unmet {
    /// What is told by its message alone, at the line of the step.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            line: None,
            message: message.into(),
            expected: String::new(),
            actual: String::new(),
        }
    }

    /// The same, with what was seen behind this.
    #[must_use]
    pub fn after(mut self, when: &str) -> Self {
        self.actual.insert_str(0, when);
        self
    }

    /// What of these does not hold, as one: by itself where it is one, and otherwise each with its number. None if all of it holds.
    pub fn of(checks: Vec<Check>) -> Option<Self> {
        let unmet: Vec<Check> = checks.into_iter().filter(|check| !check.passed).collect();
        let (first, number) = (unmet.first()?, unmet.len());
        let told = |of: fn(&Check) -> &str, with: &str| {
            let each = unmet.iter().take(TOLD).zip(1..).map(|(check, at)| match number {
                1 => of(check).to_owned(),
                _ => format!("({at}) {}", of(check)),
            });
            each.collect::<Vec<_>>().join(with)
        };
        let messages = told(|check| &check.message, "; ");
        Some(Self {
            line: Some(first.line),
            message: match number {
                1 => messages,
                2..=TOLD => format!("{number} expectations do not hold: {messages}"),
                _ => format!(
                    "{number} expectations do not hold: {messages}; and {} more",
                    number - TOLD
                ),
            },
            expected: told(|check| &check.expected, "\n"),
            actual: told(|check| &check.actual, "\n"),
        })
    }
}
