//! The table at the end: a row for each scenario, on one screen.

use console::{measure_text_width, truncate_str};
use indexmap::IndexMap;
use meshkat_model::results::{Status, Totals};
use tabled::builder::Builder;
use tabled::settings::object::{Cell, Columns};
use tabled::settings::{Alignment, Color, Style};

use super::look::Look;
use crate::record::{Record, ScenarioCount, add, others};
use crate::text::{count, line, number, time};

/// With more scenarios than this, those whose cases all passed are one row for each folder, and those of which no case
/// ran are one row.
const ROWS: usize = 20;
/// What is left beyond this is one row.
const MOST: usize = 30;
/// What stands for the scenarios of which no case ran.
const NOT_RUN: &str = "not run";
/// A name that is cut shorter than this tells nothing.
const NAME: usize = 12;
/// A promise that is cut shorter than this tells nothing.
const PROMISE: usize = 16;

pub(super) fn render(record: &Record, look: Look) -> String {
    let mut rows = record.scenarios();
    if rows.len() > ROWS {
        rows = fold(rows);
    }
    let totals = record.totals();
    let shown: Vec<Status> = others(&totals)
        .into_iter()
        .filter(|(_, n)| *n > 0)
        .map(|(status, _)| status)
        .collect();

    let mut lines = vec![header(&shown)];
    lines.extend(rows.iter().map(|row| cells(row, &shown)));
    fit(&mut lines, look.width);
    let with_promise = lines[0].iter().any(|cell| cell == "promise");
    let first_number = if with_promise { 2 } else { 1 };
    let column_of = |status: Status| lines[0].iter().position(|cell| cell == status.word());
    let columns: Vec<(Status, usize)> = shown
        .iter()
        .filter_map(|status| Some((*status, column_of(*status)?)))
        .collect();

    let mut table = Builder::from_iter(lines).build();
    table
        .with(Style::rounded())
        .modify(Columns::new(first_number..), Alignment::right());
    for (at, row) in rows.iter().enumerate() {
        for (status, n) in others(&row.totals) {
            let column = columns.iter().find(|(shown, _)| *shown == status);
            if let Some((_, column)) = column.filter(|_| n > 0 && look.color) {
                table.modify(Cell::new(at + 1, *column), color(status));
            }
        }
    }
    table.to_string()
}

fn header(shown: &[Status]) -> Vec<String> {
    let fixed = ["scenario", "promise", "cases", "passed"].into_iter();
    let words = fixed
        .chain(shown.iter().map(|status| status.word()))
        .chain(["checks", "requests", "time"]);
    words.map(str::to_owned).collect()
}

fn cells(row: &ScenarioCount, shown: &[Status]) -> Vec<String> {
    let totals = &row.totals;
    let cases = if totals.cases < row.planned {
        format!("{} of {}", number(totals.cases), number(row.planned))
    } else {
        number(row.planned)
    };
    let mut cells = vec![
        line(&row.scenario, 100),
        line(&row.promise, 500),
        cases,
        number(totals.passed),
    ];
    cells.extend(
        others(totals)
            .into_iter()
            .filter(|(status, _)| shown.contains(status))
            .map(|(_, n)| number(n)),
    );
    cells.extend([number(totals.checks), number(totals.requests), time(row.duration_ms)]);
    cells
}

/// Cuts the promises so that every line is at most `width` wide, or takes their column away, and others if need be.
fn fit(lines: &mut [Vec<String>], width: usize) {
    let left = width.saturating_sub(taken(lines, 1));
    let fits = left >= PROMISE;
    for row in lines.iter_mut() {
        if fits {
            row[1] = truncate_str(&row[1], left, "…").into_owned();
        } else {
            row.remove(1);
        }
    }
    if !fits {
        squeeze(lines, width);
    }
}

/// How wide the widest cell of a column is.
fn widest(lines: &[Vec<String>], column: usize) -> usize {
    let widths = lines.iter().map(|row| measure_text_width(&row[column]));
    widths.max().unwrap_or(0)
}

/// What a line takes beside the text of one column: each column has a space on either side and a border, and there is one border
/// more.
fn taken(lines: &[Vec<String>], beside: usize) -> usize {
    let columns = lines[0].len();
    let others = (0..columns).filter(|column| *column != beside);
    others.map(|column| widest(lines, column)).sum::<usize>() + 3 * columns + 1
}

/// Takes away the columns that say the least, the last first, and then cuts the names, until every line is at most `width` wide.
fn squeeze(lines: &mut [Vec<String>], width: usize) {
    for least in ["requests", "checks", "time", "passed"] {
        if taken(lines, 0) + widest(lines, 0) <= width {
            return;
        }
        if let Some(column) = lines[0].iter().position(|cell| cell == least) {
            lines.iter_mut().for_each(|row| drop(row.remove(column)));
        }
    }
    let left = width.saturating_sub(taken(lines, 0)).max(NAME);
    for row in lines {
        row[0] = truncate_str(&row[0], left, "…").into_owned();
    }
}

/// Fewer rows, each at the place of the first that it stands for.
fn fold(rows: Vec<ScenarioCount>) -> Vec<ScenarioCount> {
    let mut folded: IndexMap<String, Vec<ScenarioCount>> = IndexMap::new();
    for row in rows {
        let folder = row.scenario.rsplit_once('/').map(|(folder, _)| format!("{folder}/"));
        let name = match folder {
            _ if row.totals.cases == 0 => NOT_RUN.to_owned(),
            Some(folder) if row.totals.passed == row.planned => folder,
            _ => row.scenario.clone(),
        };
        folded.entry(name).or_default().push(row);
    }
    let mut rows: Vec<_> = folded.into_iter().map(|(name, rows)| join(name, rows)).collect();
    if rows.len() > MOST {
        let rest = rows.split_off(MOST - 1);
        rows.push(join(format!("+{} more", number(rest.len() as u64)), rest));
    }
    rows
}

/// A row that stands for all of `rows`; a single one stays as it is.
fn join(name: String, mut rows: Vec<ScenarioCount>) -> ScenarioCount {
    if rows.len() == 1 {
        return rows.remove(0);
    }
    let mut sum = ScenarioCount {
        promise: match rows.iter().all(|row| row.totals.passed == row.planned) {
            true => format!("{} that held", count(rows.len() as u64, "promise", "promises")),
            false => count(rows.len() as u64, "promise", "promises"),
        },
        scenario: name,
        planned: 0,
        totals: Totals::default(),
        duration_ms: 0,
    };
    for row in rows {
        sum.planned += row.planned;
        sum.duration_ms = sum.duration_ms.saturating_add(row.duration_ms);
        add(&mut sum.totals, &row.totals);
    }
    sum
}

fn color(status: Status) -> Color {
    match status {
        Status::Passed => Color::FG_GREEN,
        Status::Failed => Color::FG_RED | Color::BOLD,
        Status::Errored => Color::FG_MAGENTA | Color::BOLD,
        Status::Skipped | Status::Flaky => Color::FG_YELLOW,
    }
}
