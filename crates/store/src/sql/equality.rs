//! Equalities that SQLite would find no index for, written as what it has or can make one for. Both
//! sides are texts of SQLite's.

use std::cmp::Ordering;

use super::signals::RECORD_TRACE;

/// The equality of two terms, where it is better written otherwise.
pub(super) fn equality(left: &str, right: &str) -> Option<String> {
    same_trace(left, right).or_else(|| same_span(left, right)).or_else(|| across(left, right))
}

/// The equality of trace ids as that of the traces' numbers, which have an index. `None` unless one is
/// a span's own trace and the other, too, a literal, or a log record's before it.
fn same_trace(left: &str, right: &str) -> Option<String> {
    let trace = |sql: &str| bare(sql, ".trace_id").map(|relation| format!("{relation}.trace"));
    match (trace(left), trace(right)) {
        (Some(left), Some(right)) => Some(format!("({left} = {right})")),
        (Some(one), None) => literal_trace(&one, right).or_else(|| record_trace(&one, right)),
        (None, Some(one)) => literal_trace(&one, left).or_else(|| record_trace(&one, left)),
        (None, None) => None,
    }
}

fn literal_trace(trace: &str, id: &str) -> Option<String> {
    id.starts_with('\'').then(|| looked_up(trace, id))
}

/// Spans that stand behind their log records are looked up; records have an index of their own.
fn record_trace(trace: &str, id: &str) -> Option<String> {
    let record = id.strip_suffix(RECORD_TRACE)?.strip_suffix('.')?;
    let span = trace.strip_suffix(".trace")?;
    (number_of(record)? < number_of(span)?).then(|| looked_up(trace, id))
}

/// A trace that is not there has the number -1: the comparison stays one, and is false.
fn looked_up(trace: &str, id: &str) -> String {
    format!("({trace} = coalesce((SELECT id FROM traces WHERE trace_id = {id}), -1))")
}

/// The same for the ids of spans and parents: they are numbers, too. A root's parent is none.
fn same_span(left: &str, right: &str) -> Option<String> {
    let number = |sql: &str| {
        let span = bare(sql, ".span_id").map(|relation| format!("{relation}.span_number"));
        span.or_else(|| {
            bare(sql, ".parent_span_id").map(|relation| format!("{relation}.parent_number"))
        })
    };
    Some(format!("({} IS {})", number(left)?, number(right)?))
}

/// The relation of which a text is nothing but this column.
fn bare<'a>(sql: &'a str, column: &str) -> Option<&'a str> {
    let relation = sql.strip_suffix(column)?;
    relation.bytes().all(|byte| byte.is_ascii_alphanumeric()).then_some(relation)
}

/// An equality of columns of two relations, the first without its column's affinity. SQLite makes no
/// index of gathered values, which have none, for a comparison with a column that has one.
fn across(left: &str, right: &str) -> Option<String> {
    let place = |sql: &str| {
        let (relation, column) = sql.split_once('.')?;
        let is_name = column.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        number_of(relation).filter(|_| is_name)
    };
    match place(left)?.cmp(&place(right)?) {
        Ordering::Less => Some(format!("(+{left} = {right})")),
        Ordering::Equal => None,
        Ordering::Greater => Some(format!("({left} = +{right})")),
    }
}

/// Where a relation stands in its `FROM`.
fn number_of(relation: &str) -> Option<usize> {
    relation.strip_prefix('r')?.parse().ok()
}
