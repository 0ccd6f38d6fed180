//! Which texts become words, and for how long.

use rusqlite::Connection;

use super::{Kind, SEEN_MIN, SHAPE_BYTES_MAX, SHAPES_MAX, WORD_BYTES_MAX, WORDS_MAX, Words};
use crate::sqlite::texts::AHEAD_NS;

fn database() -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    connection
        .execute_batch(
            "CREATE TABLE words (id INTEGER PRIMARY KEY AUTOINCREMENT, used_ns INTEGER NOT NULL, \
             kind INTEGER NOT NULL, text TEXT NOT NULL) STRICT; \
             CREATE TABLE span_rows (timestamp_ns INTEGER NOT NULL) STRICT",
        )
        .unwrap();
    connection
}

fn words(connection: &Connection) -> Words {
    let mut words = Words::new();
    words.begin(connection).unwrap();
    words
}

/// Shows a text so often that it could become a word.
fn often(
    words: &mut Words,
    connection: &Connection,
    text: &str,
    kind: Kind,
    ns: i64,
) -> Option<u64> {
    (0..SEEN_MIN)
        .map(|_| words.number(connection, text.as_bytes(), kind, ns).unwrap())
        .last()?
        .map(|word| word.id)
}

#[test]
fn a_text_becomes_a_word_when_it_has_come_often_and_not_before() {
    let connection = database();
    let mut all = words(&connection);
    for _ in 1..SEEN_MIN {
        assert_eq!(all.number(&connection, b"openai", Kind::Text, 1).unwrap(), None);
    }
    let number = all.number(&connection, b"openai", Kind::Text, 1).unwrap();
    assert!(number.is_some());
    assert_eq!(all.number(&connection, b"openai", Kind::Shape, 1).unwrap(), None);
    let mut other = words(&connection);
    assert_eq!(other.number(&connection, b"openai", Kind::Text, 1).unwrap(), number);
}

#[test]
fn longer_texts_are_none() {
    let connection = database();
    let mut words = words(&connection);
    for (kind, most) in [(Kind::Text, WORD_BYTES_MAX), (Kind::Shape, SHAPE_BYTES_MAX)] {
        assert!(often(&mut words, &connection, &"x".repeat(most), kind, 1).is_some(), "{kind:?}");
        let longer = "x".repeat(most + 1);
        assert_eq!(often(&mut words, &connection, &longer, kind, 1), None, "{kind:?}");
    }
}

#[test]
fn there_are_so_many_words_and_no_more() {
    let connection = database();
    for (kind, most) in [(Kind::Text, WORDS_MAX), (Kind::Shape, SHAPES_MAX)] {
        let sql = "INSERT INTO words (used_ns, kind, text) \
            WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?1) \
            SELECT 9, ?2, 'word ' || n FROM n";
        let before = i64::try_from(most - 1).unwrap();
        connection.execute(sql, rusqlite::params![before, kind as u8]).unwrap();
        let mut words = words(&connection);
        let last = format!("the last {kind:?}");
        assert!(often(&mut words, &connection, &last, kind, 1).is_some(), "{kind:?}");
        assert_eq!(often(&mut words, &connection, "one more", kind, 1), None, "{kind:?}");
        assert!(words.number(&connection, last.as_bytes(), kind, 1).unwrap().is_some());
    }
}

#[test]
fn a_word_goes_with_the_last_span_that_could_have_it_and_its_number_never_comes_again() {
    let connection = database();
    let mut words = words(&connection);
    let first = often(&mut words, &connection, "gone", Kind::Text, 10).unwrap();
    connection.execute("INSERT INTO span_rows VALUES (?)", [10 + AHEAD_NS]).unwrap();
    assert_eq!(words.sweep(&connection), Ok(0));
    connection.execute("UPDATE span_rows SET timestamp_ns = timestamp_ns + 1", []).unwrap();
    assert_eq!(words.sweep(&connection), Ok(1));
    words.begin(&connection).unwrap();
    let again = often(&mut words, &connection, "gone", Kind::Text, 10 + AHEAD_NS).unwrap();
    assert!(again > first);
    // Used later, it is kept longer.
    words.number(&connection, b"gone", Kind::Text, 11 + 2 * AHEAD_NS).unwrap();
    connection.execute("UPDATE span_rows SET timestamp_ns = ?", [11 + 3 * AHEAD_NS]).unwrap();
    assert_eq!(words.sweep(&connection), Ok(0));
}

#[test]
fn what_was_rolled_back_is_not_relied_on() {
    let connection = database();
    let mut words = words(&connection);
    connection.execute_batch("BEGIN").unwrap();
    assert!(often(&mut words, &connection, "lost", Kind::Text, 1).is_some());
    connection.execute_batch("ROLLBACK").unwrap();
    words.forget();
    words.begin(&connection).unwrap();
    let number = words.number(&connection, b"lost", Kind::Text, 1).unwrap();
    let kept: i64 =
        connection.query_row("SELECT id FROM words WHERE text = 'lost'", [], |r| r.get(0)).unwrap();
    assert_eq!(number.map(|word| word.id), Some(kept.unsigned_abs()));
}
