//! Figures side by side.

use tabled::{
    builder::Builder,
    settings::{Alignment, Style, object::Columns},
};

/// A heading, a table whose first column is text and whose others are numbers, and notes below it.
pub(crate) fn render<const N: usize>(title: &str, header: [&str; N], rows: Vec<[String; N]>, notes: &[&str]) -> String {
    let header = header.map(str::to_owned);
    let mut table = Builder::from_iter(std::iter::once(header).chain(rows)).build();
    table
        .with(Style::rounded())
        .modify(Columns::new(1..), Alignment::right());
    let notes: String = notes.iter().map(|note| format!("  {note}\n")).collect();
    format!("{title}\n{table}\n{notes}")
}
