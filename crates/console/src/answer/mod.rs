//! The answer to a question in SQL as people and programs read it: a table, JSON, CSV.

use serde_json::{Value, json};
use tollgate_store::sql::{Cell, Table};

#[cfg(test)]
mod tests;

/// The longest value that a table shows, in characters; the other forms show all of it.
const SHOWN_CHARS_MAX: usize = 80;

/// Columns in line, a rule below their names; what was left out is said below. Long values are cut.
pub fn render_table(table: &Table) -> String {
    let mut lines = vec![table.columns.iter().map(|name| shown(name)).collect::<Vec<_>>()];
    for row in &table.rows {
        lines.push(row.iter().map(|cell| shown(&text(cell))).collect());
    }
    let width = |column: usize| {
        let cells = lines.iter().filter_map(|line| line.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..table.columns.len()).map(width).collect();
    let mut out = String::new();
    for (at, line) in lines.iter().enumerate() {
        let mut written = String::new();
        for (column, (cell, width)) in line.iter().zip(&widths).enumerate() {
            let gap = " ".repeat(width - cell.chars().count());
            let number = at > 0 && is_number(table, at - 1, column);
            let (before, after) = if number { (gap, String::new()) } else { (String::new(), gap) };
            written.push_str(&format!("{before}{cell}{after}  "));
        }
        out.push_str(written.trim_end());
        out.push('\n');
        if at == 0 {
            let rules: Vec<_> = widths.iter().map(|width| "─".repeat(*width)).collect();
            out.push_str(&rules.join("  "));
            out.push('\n');
        }
    }
    if table.more {
        out.push_str(&format!("... more than these {} rows\n", table.rows.len()));
    }
    out
}

/// One object: `columns`, `rows` (lists of values, in the columns' order) and whether there were
/// `more`. Numbers are numbers whatever their size; what is without end or no number is null.
pub fn answer_json(table: &Table) -> Value {
    let cell = |cell: &Cell| match cell {
        Cell::Null => Value::Null,
        Cell::Int(number) => json!(number),
        Cell::UInt(number) => json!(number),
        Cell::Float(number) => json!(number),
        Cell::Text(text) => json!(text),
    };
    let rows = table.rows.iter().map(|row| Value::Array(row.iter().map(cell).collect()));
    json!({ "columns": table.columns, "rows": rows.collect::<Vec<_>>(), "more": table.more })
}

/// The same in one line, with nothing in it that a terminal obeys.
pub fn render_json(table: &Table) -> String {
    let mut out = String::new();
    for ch in answer_json(table).to_string().chars() {
        if is_unsafe(ch) {
            // Such a character stands inside a string, where this means the same.
            out.push_str(&format!("\\u{:04x}", u32::from(ch)));
        } else {
            out.push(ch);
        }
    }
    out.push('\n');
    out
}

/// RFC 4180: a line of names, then the rows, every line ended by CR LF. No value is an empty field,
/// an empty text is a quoted one. With `terminal` control characters are replaced.
pub fn render_csv(table: &Table, terminal: bool) -> String {
    let field = |text: &str| {
        let text = if terminal { clean(text) } else { text.to_owned() };
        if text.is_empty() || text.contains(['"', ',', '\r', '\n']) {
            format!("\"{}\"", text.replace('"', "\"\""))
        } else {
            text
        }
    };
    let cell = |cell: &Cell| match cell {
        Cell::Null => String::new(),
        cell => field(&text(cell)),
    };
    let names: Vec<_> = table.columns.iter().map(|name| field(name)).collect();
    let mut out = names.join(",") + "\r\n";
    for row in &table.rows {
        let cells: Vec<_> = row.iter().map(cell).collect();
        out.push_str(&cells.join(","));
        out.push_str("\r\n");
    }
    out
}

fn text(cell: &Cell) -> String {
    match cell {
        Cell::Null => "NULL".to_owned(),
        Cell::Int(number) => number.to_string(),
        Cell::UInt(number) => number.to_string(),
        Cell::Float(number) => number.to_string(),
        Cell::Text(text) => text.clone(),
    }
}

fn is_number(table: &Table, row: usize, column: usize) -> bool {
    let cell = table.rows.get(row).and_then(|row| row.get(column));
    matches!(cell, Some(Cell::Int(_) | Cell::UInt(_) | Cell::Float(_)))
}

/// A value in one line, cut where it is long.
fn shown(text: &str) -> String {
    let mut chars = text.chars();
    let start: String = chars.by_ref().take(SHOWN_CHARS_MAX).collect();
    let start = clean(&start);
    if chars.next().is_some() { format!("{start}…") } else { start }
}

/// Values are anybody's: nothing of them is a command to the terminal.
fn clean(text: &str) -> String {
    text.chars().map(|ch| if is_unsafe(ch) { '\u{fffd}' } else { ch }).collect()
}

/// Control characters, and those that turn the direction of writing.
pub(crate) fn is_unsafe(ch: char) -> bool {
    ch.is_control()
        || matches!(
            ch,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}
