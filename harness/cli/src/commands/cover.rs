//! `meshkat cover`: a covering array for a file of axes and constraints.

use std::path::Path;

use meshkat_cover::{Effort, Failure, Problem, Row, cover, file};
use meshkat_model::{
    limits::{CELLS, FILE},
    source::Source,
};
use serde_json::{Map, Value};
use tabled::{builder::Builder, settings::Style};

use crate::{
    args::{CoverArgs, CoverEffort, CoverFormat},
    exit::{Exit, count},
    output::{print, print_json, say},
};

pub(crate) fn run(args: &CoverArgs) -> Result<(), Exit> {
    let source = source(&args.file)?;
    let asked = file::read(&source, args.strength).map_err(|wrong| Exit::diagnostics(&wrong))?;
    let effort = match args.effort {
        CoverEffort::Default => Effort::Default,
        CoverEffort::High => Effort::High,
    };
    let rows = cover(&asked.problem, effort, args.seed).map_err(|failure| Exit::diagnostics(&asked.tell(&failure)))?;
    let cells = rows.len() * asked.problem.axes.len();
    if cells > CELLS {
        let failure = Failure::TooMany {
            found: cells as u128,
            most: CELLS as u64,
            of: "values in all rows",
        };
        return Err(Exit::diagnostics(&asked.tell(&failure)));
    }
    match args.format {
        CoverFormat::Table => table(&asked.problem, &rows),
        CoverFormat::Json => print_json(json(&asked.problem, &rows), true),
    }
    say(&count(rows.len(), "row"));
    Ok(())
}

fn source(path: &Path) -> Result<Source, Exit> {
    let bytes = meshkat_files::read(path, FILE).map_err(|error| {
        Exit::usage(format!("failed to read {}: {error}", path.display()))
            .help("give a file such as `axes: {os: [linux, mac], browser: [firefox, chrome]}`")
    })?;
    Source::from_bytes(path.display().to_string(), bytes).map_err(|wrong| Exit::diagnostics(&[wrong]))
}

fn values<'a>(problem: &'a Problem, row: &'a Row) -> impl Iterator<Item = (&'a str, &'a Value)> {
    let each = problem.axes.iter().zip(row);
    each.map(|(axis, level)| (axis.name.as_str(), &axis.values[usize::from(*level)].value))
}

fn table(problem: &Problem, rows: &[Row]) {
    let mut table = Builder::default();
    table.push_record(problem.axes.iter().map(|axis| axis.name.clone()));
    for row in rows {
        let word = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        table.push_record(values(problem, row).map(|(_, value)| word(value)));
    }
    print(&format!("{}\n", table.build().with(Style::sharp())));
}

fn json(problem: &Problem, rows: &[Row]) -> Value {
    let row = |row: &Row| -> Map<String, Value> {
        values(problem, row)
            .map(|(name, value)| (name.to_owned(), value.clone()))
            .collect()
    };
    rows.iter().map(row).map(Value::Object).collect()
}
