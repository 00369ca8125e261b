//! How large what people write may be. Each limit is far beyond what a person reads, and far below what harms a machine: files
//! come from strangers, too.

/// Bytes of a scenario, mesh, overlay, axes or `cover` file.
pub const FILE: u64 = 1 << 20;

/// Bytes of an Envoy configuration: some are made by programs, and hold certificates.
pub const CONFIG_FILE: u64 = 16 << 20;

/// Files below one folder of a project.
pub const FILES: usize = 10_000;

/// Steps of a scenario.
pub const STEPS: usize = 1_000;

/// Groups of pods of a mesh.
pub const GROUPS: usize = 200;

/// Axes of a scenario, or of a file for `meshkat cover`.
pub const AXES: usize = 200;

/// Values of one axis.
pub const VALUES: usize = 10_000;

/// Constraints and combinations that one file gives.
pub const COMBINATIONS: usize = 10_000;

/// Sets of axes that are combined more strongly than others.
pub const STRONGER: usize = 100;

/// Cases of one scenario.
pub const CASES: u64 = 20_000;

/// Rows of an array. A case takes much more memory than a row.
pub const ROWS: u64 = 100_000;

/// Values in all rows that `meshkat cover` prints.
pub const CELLS: usize = 1_000_000;

/// Cases of one scenario, times what each has: its steps, and the bytes in which the file says what is no axis.
pub const CASES_TIMES_SIZE: u64 = 32 << 20;

/// Cases of one scenario, times the groups of the mesh that each has.
pub const CASES_TIMES_GROUPS: usize = 400_000;

/// Cases of all scenarios that a command looks at.
pub const CASES_OF_ALL: usize = 60_000;

/// Characters of a message. What is longer is cut.
pub const MESSAGE: usize = 1_500;

/// Problems that a command shows.
pub const PROBLEMS: usize = 100;

/// A number with a comma before each three digits: `1,000,000`.
pub fn grouped(number: impl Into<u128>) -> String {
    let digits = number.into().to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// The words with a comma between two; of many, some, and how many more there are.
pub fn listed<T: AsRef<str>>(words: &[T], most: usize) -> String {
    let shown: Vec<&str> = words.iter().take(most).map(AsRef::as_ref).collect();
    let shown = shown.join(", ");
    match words.len().saturating_sub(most) {
        0 => shown,
        more => format!("{shown} and {} more", grouped(more as u64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_lists_are_cut() {
        assert_eq!(grouped(0_u32), "0");
        assert_eq!(grouped(999_u32), "999");
        assert_eq!(grouped(1_000_u32), "1,000");
        assert_eq!(grouped(1_000_000_000_000_u64), "1,000,000,000,000");
        assert_eq!(listed(&["a", "b"], 2), "a, b");
        assert_eq!(listed(&["a", "b", "c"], 2), "a, b and 1 more");
        assert_eq!(listed(&["x"; 10_000], 1), "x and 9,999 more");
    }
}
