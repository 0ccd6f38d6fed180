//! What is shown of an answer, and what a terminal must never be told.

use tollgate_store::sql::{Cell, Table};

use super::{SHOWN_CHARS_MAX, render_csv, render_json, render_table};

fn table(rows: Vec<Vec<Cell>>) -> Table {
    Table { columns: vec!["model".to_owned(), "n".to_owned()], rows, more: false }
}

fn text(text: &str) -> Cell {
    Cell::Text(text.to_owned())
}

#[test]
fn a_table_has_its_columns_in_line_and_numbers_to_the_right() {
    let mut answer = table(vec![
        vec![text("gpt-ä"), Cell::UInt(7)],
        vec![text("m"), Cell::Int(-12)],
        vec![Cell::Null, Cell::Float(0.5)],
    ]);
    assert_eq!(render_table(&answer), "model  n\n─────  ───\ngpt-ä    7\nm      -12\nNULL   0.5\n");
    answer.more = true;
    assert!(render_table(&answer).ends_with("\n... more than these 3 rows\n"));
    assert_eq!(render_table(&table(Vec::new())), "model  n\n─────  ─\n");
}

#[test]
fn a_long_value_is_cut_in_a_table_and_nowhere_else() {
    for (chars, is_cut) in [(SHOWN_CHARS_MAX, false), (SHOWN_CHARS_MAX + 1, true)] {
        let answer = table(vec![vec![text(&"ä".repeat(chars)), Cell::UInt(1)]]);
        assert_eq!(render_table(&answer).contains('…'), is_cut, "{chars}");
        assert!(render_csv(&answer, true).contains(&"ä".repeat(chars)));
        assert!(render_json(&answer).contains(&"ä".repeat(chars)));
    }
}

#[test]
fn no_form_of_an_answer_commands_the_terminal() {
    let hostile = "a\u{1b}[2J\u{7}\u{9b}31m\u{7f}\u{202e}\r\nb\u{0}";
    let mut answer = table(vec![vec![text(hostile), Cell::UInt(1)]]);
    answer.columns[0] = hostile.to_owned();
    let json = render_json(&answer);
    for shown in [&render_table(&answer), &json] {
        assert!(!shown.replace('\n', "").contains(super::is_unsafe), "{shown:?}");
    }
    let csv = render_csv(&answer, true);
    assert!(!csv.replace("\r\n", "").contains(super::is_unsafe), "{csv:?}");
    let read: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(read["rows"][0][0], hostile, "escaped, not lost");
    assert!(render_csv(&answer, false).contains(hostile), "a file gets what is there");
}

#[test]
fn csv_is_quoted_where_it_must_be() {
    let answer = table(vec![
        vec![text("a,b"), Cell::UInt(u64::MAX)],
        vec![text("say \"hi\""), Cell::Null],
        vec![text(""), Cell::Float(1.5)],
        vec![text("two\nlines"), Cell::Int(i64::MIN)],
    ]);
    assert_eq!(
        render_csv(&answer, false),
        "model,n\r\n\"a,b\",18446744073709551615\r\n\"say \"\"hi\"\"\",\r\n\"\",1.5\r\n\
         \"two\nlines\",-9223372036854775808\r\n"
    );
}
