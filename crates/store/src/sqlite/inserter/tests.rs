//! However many rows there are, each is written once and as it is.

use rusqlite::Connection;

use super::{Field, Inserter, TEXT_BYTES_MAX, Target};

const ROWS: usize = super::ROWS[0];

static INTO: Target<3> = Target::new("INSERT INTO t (a, b, c)");

fn database() -> Connection {
    let database = Connection::open_in_memory().unwrap();
    database.execute_batch("CREATE TABLE t (a INTEGER, b ANY, c ANY) STRICT").unwrap();
    database
}

/// Every kind of field, changing from row to row and not.
fn fields<'a>(n: usize, texts: &'a [String]) -> [Field<'a>; 3] {
    let number = i64::try_from(n).unwrap();
    let text = texts[n / 3 % texts.len()].as_str();
    let second = match n / 5 % 5 {
        0 => Field::Null,
        1 => Field::Whole(number / 20),
        2 => Field::Real(0.5),
        3 => Field::Bytes(text.as_bytes()),
        _ => Field::Text(text),
    };
    [number.into(), second, Some(text).filter(|_| n % 7 != 3).into()]
}

#[test]
fn rows_come_back_as_they_were_however_many_there_are() {
    let texts = ["", "a", "b", "ab", &"x".repeat(TEXT_BYTES_MAX), &"x".repeat(TEXT_BYTES_MAX + 1)];
    let texts = texts.map(str::to_owned);
    for promised in [0, 1, 3, 4, 5, 11, ROWS - 1, ROWS, ROWS + 1, 3 * ROWS + 23] {
        for rows in [promised, promised + 7] {
            let database = database();
            let mut inserter = Inserter::new(&database, &INTO, promised);
            for n in 0..rows {
                inserter.row(&fields(n, &texts)).unwrap();
            }
            inserter.finish().unwrap();
            let mut all = database.prepare("SELECT a, b, c FROM t ORDER BY rowid").unwrap();
            let mut all = all.query([]).unwrap();
            for n in 0..rows {
                let row = all.next().unwrap().unwrap();
                for (at, field) in fields(n, &texts).into_iter().enumerate() {
                    let expected = rusqlite::ToSql::to_sql(&field).unwrap();
                    let found = rusqlite::types::ToSqlOutput::Borrowed(row.get_ref(at).unwrap());
                    assert_eq!(found, expected, "{n} of {rows}, {promised} promised");
                }
            }
            assert!(all.next().unwrap().is_none());
        }
    }
}

#[test]
fn fewer_rows_than_promised_are_an_error_and_not_lost_in_silence() {
    let database = database();
    let mut inserter = Inserter::new(&database, &INTO, ROWS);
    for n in 0..ROWS - 1 {
        inserter.row(&fields(n, &["a".to_owned()])).unwrap();
    }
    assert!(inserter.finish().is_err());
}

#[test]
fn a_row_that_is_refused_is_an_error() {
    let database = database();
    let mut inserter = Inserter::new(&database, &INTO, ROWS);
    let refused = (0..ROWS).map(|n| match n {
        3 => inserter.row(&[Field::Text("no number"), Field::Null, Field::Null]),
        _ => inserter.row(&fields(n, &["a".to_owned()])),
    });
    assert!(refused.last().unwrap().is_err());
}

#[test]
fn a_statement_that_is_used_again_has_nothing_of_the_time_before() {
    let database = database();
    for fields in [[Field::Whole(1), Field::Text("a"), Field::Real(0.5)], [Field::Null; 3]] {
        for rows in [1, ROWS] {
            let mut inserter = Inserter::new(&database, &INTO, rows);
            for _ in 0..rows {
                inserter.row(&fields).unwrap();
            }
            inserter.finish().unwrap();
        }
    }
    let nothing: i64 = database
        .query_row(
            "SELECT count(*) FROM t WHERE a IS NULL AND b IS NULL AND c IS NULL",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(usize::try_from(nothing), Ok(ROWS + 1));
}

#[test]
fn numbers_of_rows_that_are_not_the_expected_ones_are_an_error() {
    for (next_id, is_fine) in [(3, true), (2, false), (4, false)] {
        let database = database();
        let mut inserter = Inserter::new(&database, &INTO, 2);
        inserter.row(&[Field::Null; 3]).unwrap();
        inserter.row(&[Field::Null; 3]).unwrap();
        assert_eq!(inserter.finish_before(next_id).is_ok(), is_fine, "{next_id}");
    }
    assert!(Inserter::new(&database(), &INTO, 0).finish_before(7).is_ok());
}
