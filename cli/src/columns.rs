//! Answers to the person who runs a command, and tables of text in columns for them. It does not know what they say.

use std::io::{ErrorKind, Write};

use anyhow::{Context, Result};

/// Writes an answer. A reader who stops in the middle, as a pager does, has had enough: that is no error.
pub(crate) fn tell(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(fault) if fault.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("write the answer"),
    }
}

/// On which side of its column a cell stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Align {
    /// Text.
    #[default]
    Left,
    /// Numbers.
    Right,
}

/// Columns as wide as their widest cell, two spaces apart; columns without an alignment stand left. A name may have
/// several lines. No rows, no table; a column that is empty in every row is left out.
pub(crate) fn table(names: &[&str], rows: &[Vec<String>], align: &[Align]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let is_filled = |column: &usize| rows.iter().any(|row| row.get(*column).is_some_and(|cell| !cell.is_empty()));
    let shown: Vec<usize> = (0..columns).filter(is_filled).collect();
    let all: Vec<Vec<String>> = heads(names, rows.is_empty()).into_iter().chain(rows.iter().cloned()).collect();
    let cell = |row: &Vec<String>, column: usize| row.get(column).cloned().unwrap_or_default();
    let width = |column: usize| all.iter().map(|row| cell(row, column).chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = shown.iter().map(|column| width(*column)).collect();
    let line = |row: &Vec<String>| {
        let cells = shown.iter().zip(&widths).map(|(column, width)| {
            let text = cell(row, *column);
            match align.get(*column).copied().unwrap_or_default() {
                Align::Left => format!("{text:<width$}"),
                Align::Right => format!("{text:>width$}"),
            }
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    all.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The names as rows, each ending in the last one.
fn heads(names: &[&str], is_empty: bool) -> Vec<Vec<String>> {
    let lines: Vec<Vec<&str>> = names.iter().map(|name| name.lines().collect()).collect();
    let count = if is_empty { 0 } else { lines.iter().map(Vec::len).max().unwrap_or_default() };
    let at = |name: &Vec<&str>, line: usize| {
        let skipped = count - name.len();
        line.checked_sub(skipped).and_then(|at| name.get(at)).map_or_else(String::new, |text| (*text).to_owned())
    };
    (0..count).map(|line| lines.iter().map(|name| at(name, line)).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_empty_ones_are_left_out() {
        let rows = [["water", "", "7"], ["health-insurance", "", "1,200"]].map(|row| row.map(str::to_owned).to_vec());
        let expected = "department         yuan\nwater                 7\nhealth-insurance  1,200";
        assert_eq!(table(&["department", "note", "yuan"], &rows, &[Align::Left, Align::Left, Align::Right]), expected);
        assert_eq!(table(&["department"], &[], &[]), "");
        let one = [["2025-03".to_owned(), "1,200".to_owned()].to_vec()];
        assert_eq!(table(&["month", "medical\n01"], &one, &[]), "         medical\nmonth    01\n2025-03  1,200");
    }
}
