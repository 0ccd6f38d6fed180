//! Which texts have numbers, and for how long.

use rusqlite::Connection;

use super::{AHEAD_NS, Shared, TEXT_BYTES_MAX, Texts};

fn database() -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    connection
        .execute_batch(
            "CREATE TABLE texts (id INTEGER PRIMARY KEY, hash INTEGER NOT NULL, \
             used_ns INTEGER NOT NULL, text TEXT NOT NULL) STRICT; \
             CREATE TABLE span_rows (timestamp_ns INTEGER NOT NULL) STRICT",
        )
        .unwrap();
    connection
}

fn count(connection: &Connection) -> i64 {
    connection.query_row("SELECT count(*) FROM texts", [], |row| row.get(0)).unwrap()
}

#[test]
fn one_text_has_one_number_in_every_transaction_and_process() {
    let connection = database();
    let (mut one, mut other) = (Texts::default(), Texts::default());
    let first = one.share(&connection, "gpt-4o", 1).unwrap();
    assert!(matches!(first, Shared::Number(_)));
    assert_eq!(one.share(&connection, "gpt-4o", 2).unwrap(), first);
    assert_eq!(other.share(&connection, "gpt-4o", 3).unwrap(), first);
    assert_ne!(one.share(&connection, "gpt-4o-mini", 1).unwrap(), first);
    assert_eq!(one.share_some(&connection, None, 1).unwrap(), None);
    assert_eq!(count(&connection), 2);
}

#[test]
fn an_empty_text_and_one_beyond_the_limit_stay_in_their_rows() {
    let connection = database();
    let mut texts = Texts::default();
    assert_eq!(texts.share(&connection, "", 1).unwrap(), Shared::Text(""));
    let at_most = "x".repeat(TEXT_BYTES_MAX);
    assert!(matches!(texts.share(&connection, &at_most, 1).unwrap(), Shared::Number(_)));
    let longer = "x".repeat(TEXT_BYTES_MAX + 1);
    assert_eq!(texts.share(&connection, &longer, 1).unwrap(), Shared::Text(&longer));
}

#[test]
fn a_text_goes_after_the_last_span_that_could_refer_to_it_and_not_before() {
    let connection = database();
    let mut texts = Texts::default();
    texts.begin(&connection).unwrap();
    texts.share(&connection, "early", 10).unwrap();
    texts.share(&connection, "both", 10).unwrap();
    texts.share(&connection, "both", 11 + AHEAD_NS).unwrap();
    let oldest = |ns: i64| {
        connection.execute("DELETE FROM span_rows", []).unwrap();
        connection.execute("INSERT INTO span_rows VALUES (?)", [ns]).unwrap();
    };
    oldest(10 + AHEAD_NS);
    assert_eq!(texts.sweep(&connection), Ok(0));
    oldest(11 + AHEAD_NS);
    assert_eq!(texts.sweep(&connection), Ok(1));
    let left: String =
        connection.query_row("SELECT text FROM texts", [], |row| row.get(0)).unwrap();
    assert_eq!(left, "both");
    connection.execute("DELETE FROM span_rows", []).unwrap();
    assert_eq!(texts.sweep(&connection), Ok(1));
    texts.share(&connection, "both", 5).unwrap();
    assert_eq!(count(&connection), 1, "what was swept has a new row, not a stale number");
}

#[test]
fn what_was_rolled_back_or_changed_by_others_is_not_relied_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("texts.db");
    let connection = Connection::open(&path).unwrap();
    connection
        .execute_batch(
            "CREATE TABLE texts (id INTEGER PRIMARY KEY, hash INTEGER NOT NULL, \
             used_ns INTEGER NOT NULL, text TEXT NOT NULL) STRICT",
        )
        .unwrap();
    let mut texts = Texts::default();
    connection.execute_batch("BEGIN").unwrap();
    texts.begin(&connection).unwrap();
    texts.share(&connection, "lost", 1).unwrap();
    connection.execute_batch("ROLLBACK").unwrap();
    texts.forget();
    texts.share(&connection, "lost", 1).unwrap();
    assert_eq!(count(&connection), 1);
    Connection::open(&path).unwrap().execute("DELETE FROM texts", []).unwrap();
    texts.begin(&connection).unwrap();
    texts.share(&connection, "lost", 1).unwrap();
    assert_eq!(count(&connection), 1);
}
