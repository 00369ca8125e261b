//! The statuses of gRPC.

use std::fmt;

/// By their numbers.
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

/// A status of gRPC, told by its name; one that has none by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub u32);

impl Code {
    /// The call did what it was to do.
    pub const OK: Self = Self(0);
    /// Somebody gave the call up.
    pub const CANCELLED: Self = Self(1);
    /// Nobody knows what became of it.
    pub const UNKNOWN: Self = Self(2);
    /// It did not end in its time.
    pub const DEADLINE_EXCEEDED: Self = Self(4);
    /// Nobody there has such a method.
    pub const UNIMPLEMENTED: Self = Self(12);
    /// Whoever has it cannot be reached.
    pub const UNAVAILABLE: Self = Self(14);

    /// All that have a name.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..).take(NAMES.len()).map(Self)
    }

    /// The names, by their numbers.
    pub fn names() -> &'static [&'static str] {
        &NAMES
    }

    /// The status of this name.
    pub fn named(name: &str) -> Option<Self> {
        let number = NAMES.iter().position(|own| *own == name)?;
        u32::try_from(number).ok().map(Self)
    }

    /// What an answer of HTTP means that says no status of gRPC:
    /// <https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md>.
    pub fn of_http(status: u16) -> Self {
        let name = match status {
            400 => "INTERNAL",
            401 => "UNAUTHENTICATED",
            403 => "PERMISSION_DENIED",
            404 => "UNIMPLEMENTED",
            429 | 502 | 503 | 504 => "UNAVAILABLE",
            _ => "UNKNOWN",
        };
        Self::named(name).unwrap_or(Self::UNKNOWN)
    }

    /// Whether a time limit that ran out on the way can have made it.
    pub fn may_be_of_a_limit(self) -> bool {
        [Self::CANCELLED, Self::DEADLINE_EXCEEDED, Self::UNAVAILABLE].contains(&self)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.get(self.0 as usize) {
            Some(name) => f.write_str(name),
            None => write!(f, "{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_have_their_names_and_numbers() {
        assert_eq!(Code::named("UNAVAILABLE"), Some(Code(14)));
        assert_eq!(Code::named("unavailable"), None);
        assert_eq!(
            (Code(16).to_string(), Code(17).to_string()),
            ("UNAUTHENTICATED".to_owned(), "17".to_owned())
        );
        let of_http = [400, 401, 403, 404, 429, 502, 503, 504, 500, 200].map(|status| Code::of_http(status).0);
        assert_eq!(of_http, [13, 16, 7, 12, 14, 14, 14, 14, 2, 2]);
    }
}
