//! Files for `meshkat cover`.

use meshkat_cover::{Effort, Strength, file};

use crate::place::{all_inside, source};

/// A file of axes and constraints, and its covering array.
pub fn cover(data: &[u8]) {
    let Some(source) = source("axes.yaml", data) else {
        return;
    };
    let asked = match file::read(&source, None) {
        Ok(asked) => asked,
        Err(wrong) => return all_inside(&wrong),
    };
    match meshkat_cover::cover(&asked.problem, Effort::Quick, 7) {
        Err(failure) => all_inside(&asked.tell(&failure)),
        Ok(rows) => {
            let axes = &asked.problem.axes;
            for row in &rows {
                assert_eq!(row.len(), axes.len(), "a value for each axis");
                let known = row
                    .iter()
                    .zip(axes)
                    .all(|(level, axis)| usize::from(*level) < axis.values.len());
                assert!(known, "a value that the axis does not have");
            }
            if asked.problem.strength != Strength::Full && rows.len() <= 200 {
                let again = meshkat_cover::cover(&asked.problem, Effort::Quick, 7);
                assert_eq!(again.ok(), Some(rows), "the same seed gives the same rows");
            }
        }
    }
}
