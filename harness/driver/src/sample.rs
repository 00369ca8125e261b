//! What is kept of a request of a load.

/// What became of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    /// Microseconds from when it was due to its end; an hour and more fits.
    pub(crate) latency: u32,
    /// A number into the outcomes, or the one that says that it has not ended.
    pub(crate) outcome: u32,
}

/// What becomes of many requests.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Outcome {
    /// 0 where there was no answer.
    pub(crate) status: u16,
    /// Who took part, joined by commas.
    pub(crate) served_by: String,
    /// Why it is an error.
    pub(crate) failure: Option<String>,
}
