//! Rows, in numbers of values.

/// The number of a value within its axis, from 0.
pub type Level = u16;

/// One level for each axis.
pub type Row = Vec<Level>;

/// Levels for some axes.
pub type Partial = Vec<Option<Level>>;
