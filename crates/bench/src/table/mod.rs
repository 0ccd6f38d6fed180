//! The table of counts: what a case may cost, and what is wrong with what it costs.
//!
//! One line each: name, unit, instructions per unit, and by how many percent more is still taken for
//! the same. The fields are parted by tabs; lines that begin with `#` are for people.

use std::fmt;

#[cfg(test)]
mod tests;

/// By how many percent a count may be above the table's, where the table does not say.
pub const HEADROOM_PERCENT: u64 = 3;
/// A count that is further below than this is an improvement, and should become the table's.
const BETTER_PERCENT: u64 = 10;

/// A line of the table, or a count of the same form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The case.
    pub name: String,
    /// What the count is of.
    pub unit: String,
    /// Instructions per unit.
    pub instructions: u64,
    /// By how many percent a count may be above.
    pub headroom_percent: u64,
}

/// What a count means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// As it should be.
    Same,
    /// Far fewer than the table says.
    Better,
    /// Too many.
    Worse,
    /// The table has no line for it.
    Unknown,
}

/// Why a table cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadTable {
    /// The line, from 1.
    pub line: usize,
}

/// Reads a table.
///
/// # Errors
/// The first line that is none.
pub fn read(text: &str) -> Result<Vec<Row>, BadTable> {
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line));
    let rows = lines.filter(|(_, line)| !line.starts_with('#') && !line.trim().is_empty());
    rows.map(|(at, line)| Row::read(line).ok_or(BadTable { line: at })).collect()
}

/// Writes `counts` as a table, with the headroom that `before` gives.
pub fn write(counts: &[Row], before: &[Row]) -> String {
    let mut text = String::from(
        "# Instructions per unit, and the percentage by which a count may be above.\n\
         # Written by `cargo run --profile counts -p tollgate-bench --bin counts -- --bless`.\n",
    );
    for count in counts {
        let known = before.iter().find(|row| row.name == count.name);
        let headroom = known.map_or(count.headroom_percent, |row| row.headroom_percent);
        let Row { name, unit, instructions, .. } = count;
        text.push_str(&format!("{name}\t{unit}\t{instructions}\t{headroom}\n"));
    }
    text
}

/// What this count means beside the table.
pub fn judge(count: &Row, table: &[Row]) -> Finding {
    let Some(row) = table.iter().find(|row| row.name == count.name) else {
        return Finding::Unknown;
    };
    if count.instructions > row.instructions_max() {
        Finding::Worse
    } else if count.instructions * 100 < row.instructions * (100 - BETTER_PERCENT) {
        Finding::Better
    } else {
        Finding::Same
    }
}

/// Lines of the table that nothing was counted for.
pub fn uncounted<'t>(counts: &[Row], table: &'t [Row]) -> impl Iterator<Item = &'t str> {
    let counted: Vec<String> = counts.iter().map(|count| count.name.clone()).collect();
    table
        .iter()
        .map(|row| row.name.as_str())
        .filter(move |name| !counted.iter().any(|it| it == name))
}

// === impl Row ===

impl Row {
    /// The most that a count may be.
    pub const fn instructions_max(&self) -> u64 {
        self.instructions * (100 + self.headroom_percent) / 100
    }

    fn read(line: &str) -> Option<Self> {
        let mut fields = line.split('\t');
        let row = Self {
            name: fields.next()?.to_owned(),
            unit: fields.next()?.to_owned(),
            instructions: fields.next()?.parse().ok()?,
            headroom_percent: fields.next()?.parse().ok()?,
        };
        fields.next().is_none().then_some(row)
    }
}

// === impl BadTable ===

impl fmt::Display for BadTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} is not: name, unit, instructions, percent, parted by tabs", self.line)
    }
}

impl std::error::Error for BadTable {}
