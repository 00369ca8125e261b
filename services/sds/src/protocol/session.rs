//! What a stream is, and what becomes of it.

use crate::resources::Kind;

/// Which types a stream serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// All of them.
    Aggregated,
    /// This one alone.
    One(Kind),
}

/// Why a stream has to end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// The type could be any.
    #[error("type_url: an aggregated stream has to say which type it speaks of")]
    NoType,
    /// Each costs memory, for as long as the stream is open.
    #[error("resource_names: a stream may want {names} names, which have {bytes} bytes together, and no more")]
    TooManyNames {
        /// How many names there may be.
        names: usize,
        /// How many bytes they may have together.
        bytes: usize,
    },
    /// It is kept for as long as the stream is open.
    #[error("type_url: it has more than {0} bytes")]
    LongType(usize),
    /// Each costs memory.
    #[error("type_url: more than {0} types that are not served here")]
    TooManyTypes(usize),
}

/// A response.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Push<R> {
    /// `None` is a type that is not served.
    pub(crate) kind: Option<Kind>,
    pub(crate) response: R,
}

/// Nonces that no other stream has.
#[derive(Debug, Clone)]
pub(crate) struct Nonces {
    stream: u64,
    count: u64,
}

impl Nonces {
    pub(super) fn new(stream: u64) -> Self {
        Self { stream, count: 0 }
    }

    /// The number of the next response, from 1.
    pub(super) fn next(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    pub(super) fn write(&self, number: u64) -> String {
        format!("{:x}-{number}", self.stream)
    }

    /// The number of a nonce of this stream.
    pub(super) fn read(&self, nonce: &str) -> Option<u64> {
        let (_, number) = nonce.split_once('-')?;
        let number = number.parse().ok()?;
        (self.write(number) == nonce).then_some(number)
    }
}
