//! How a call ends, where its metadata asks for another end than its own.

use tonic::{Code, Status};

/// The names of gRPC's statuses, by their numbers.
const NAMES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// The end that a call is to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ending {
    pub(crate) code: Code,
    pub(crate) message: String,
    /// How many answers come before it.
    pub(crate) after: u32,
}

impl Ending {
    pub(crate) fn status(&self) -> Status {
        Status::new(self.code, self.message.clone())
    }
}

/// A status by its name or number.
pub(crate) fn code(text: &str) -> Option<Code> {
    let number = NAMES.iter().position(|name| *name == text);
    let number = number.or_else(|| text.parse().ok().filter(|number| *number < NAMES.len()))?;
    i32::try_from(number).ok().map(Code::from_i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_has_a_name_and_a_number() {
        for (text, expected) in [
            ("0", Some(Code::Ok)),
            ("OK", Some(Code::Ok)),
            ("14", Some(Code::Unavailable)),
            ("UNAVAILABLE", Some(Code::Unavailable)),
            ("UNAUTHENTICATED", Some(Code::Unauthenticated)),
            ("17", None),
            ("unavailable", None),
            ("", None),
        ] {
            assert_eq!(code(text), expected, "{text}");
        }
    }
}
