//! The page of the reference has the invariants that there are.

use std::{fs, path::Path};

use meshkat_model::invariant::Invariant;

#[test]
fn the_reference_has_every_invariant_with_its_bound() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/invariants.md");
    let page = fs::read_to_string(page).expect("the page is there");
    let written: Vec<&str> = page
        .lines()
        .skip_while(|line| !line.starts_with("| name |"))
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .collect();
    let expected: Vec<String> = Invariant::ALL
        .into_iter()
        .map(|invariant| format!("| `{invariant}` | {} | {} |", invariant.rule(), invariant.bound()))
        .collect();
    assert_eq!(written, expected);
}
