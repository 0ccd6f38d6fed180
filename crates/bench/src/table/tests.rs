//! A count is judged by its line, at the limit and one beyond.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::{BadTable, Finding, Row, judge, read, uncounted, write};

fn row(name: &str, instructions: u64, headroom_percent: u64) -> Row {
    Row { name: name.to_owned(), unit: "chunk".to_owned(), instructions, headroom_percent }
}

#[test]
fn a_count_at_the_headroom_is_the_same_and_one_more_is_worse() {
    let table = [row("a", 1_000, 3)];
    assert_eq!(judge(&row("a", 1_030, 0), &table), Finding::Same);
    assert_eq!(judge(&row("a", 1_031, 0), &table), Finding::Worse);
}

#[test]
fn a_tenth_less_is_the_same_and_one_less_than_that_is_better() {
    let table = [row("a", 1_000, 3)];
    assert_eq!(judge(&row("a", 900, 0), &table), Finding::Same);
    assert_eq!(judge(&row("a", 899, 0), &table), Finding::Better);
}

#[test]
fn a_case_without_a_line_and_a_line_without_a_case_are_told() {
    let (counts, table) = ([row("new", 1, 3)], [row("old", 1, 3)]);
    assert_eq!(judge(&counts[0], &table), Finding::Unknown);
    assert_eq!(uncounted(&counts, &table).collect::<Vec<_>>(), ["old"]);
}

#[test]
fn what_is_written_is_read_again_with_the_headroom_that_was_given_before() {
    let text = write(&[row("a", 7, 3), row("b, c", 9, 3)], &[row("a", 1, 12)]);
    assert_eq!(read(&text).unwrap(), [row("a", 7, 12), row("b, c", 9, 3)]);
}

#[test]
fn a_bad_line_is_named() {
    for line in ["a\tchunk\t10", "a\tchunk\tmany\t3", "a\tchunk\t10\t3\t4"] {
        let text = format!("# for people\n\na\tchunk\t1\t3\n{line}\n");
        assert_eq!(read(&text), Err(BadTable { line: 4 }), "{line}");
    }
}
