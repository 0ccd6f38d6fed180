//! Whose file it is, how old it is, and what else can be wrong with it.

use std::path::Path;

use rusqlite::Connection;

use super::super::{Sqlite, SqliteSettings};
use super::{APPLICATION_ID, MIGRATIONS, VERSION, functions};
use crate::{SpanStore, StoreError, TraceFilter};

fn open(path: &Path) -> Result<Sqlite, StoreError> {
    Sqlite::open(path, SqliteSettings { busy_timeout_ms: 50, ..SqliteSettings::default() })
}

fn folder_with(sql: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spans.db");
    let database = Connection::open(&path).unwrap();
    functions(&database).unwrap();
    database.execute_batch(sql).unwrap();
    (folder, path)
}

#[test]
fn a_newer_schema_is_refused_and_both_versions_are_named() {
    let newer = VERSION + 1;
    let sql = format!("PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {newer};");
    let (_folder, path) = folder_with(&sql);
    let error = open(&path).unwrap_err();
    let name = path.display().to_string();
    assert_eq!(error, StoreError::NewerSchema { path: name, found: newer, known: VERSION });
    let text = error.to_string();
    assert!(text.contains(&newer.to_string()) && text.contains(&VERSION.to_string()), "{text}");
}

#[test]
fn a_reader_does_not_bring_an_old_schema_up_to_date() {
    let sql = format!("PRAGMA application_id = {APPLICATION_ID};");
    let (_folder, path) = folder_with(&sql);
    let settings = SqliteSettings { read_only: true, ..SqliteSettings::default() };
    let error = Sqlite::open(&path, settings).unwrap_err();
    assert!(matches!(error, StoreError::OlderSchema { found: 0, known: VERSION, .. }), "{error}");
    drop(open(&path).unwrap());
}

#[test]
fn a_database_of_an_earlier_schema_becomes_what_a_new_one_is() {
    let tables = |path: &Path| -> Vec<(String, Option<String>)> {
        let database = Connection::open(path).unwrap();
        let sql = "SELECT name, sql FROM sqlite_schema ORDER BY type, name";
        let mut tables = database.prepare(sql).unwrap();
        let tables = tables.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        tables.map(Result::unwrap).collect()
    };
    let folder = tempfile::tempdir().unwrap();
    let new = folder.path().join("new.db");
    drop(open(&new).unwrap());
    for version in 1..MIGRATIONS.len() {
        let before = MIGRATIONS[..version].concat();
        let (_folder, path) = folder_with(&format!(
            "{before}; PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {version};"
        ));
        assert_ne!(tables(&path), tables(&new), "{version}");
        drop(open(&path).unwrap());
        assert_eq!(tables(&path), tables(&new), "{version}");
    }
}

#[tokio::test]
async fn traces_of_an_earlier_schema_are_found_by_provider_and_model() {
    const SECOND_NS: i64 = 1_000_000_000;
    let before = MIGRATIONS[..3].concat();
    let texts = "(1, 0, 9e18, 'p'), (2, 0, 9e18, 'm'), (3, 0, 9e18, 'u')";
    let mut sql = format!(
        "{before}; PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 3;
        INSERT INTO texts (id, hash, used_ns, text)
            SELECT column1, text_hash(column4), 1000000000000000000, column4 FROM (VALUES {texts});"
    );
    for n in 1..=100 {
        let start_ns = n * SECOND_NS / 20;
        sql += &format!(
            "INSERT INTO traces VALUES ({n}, '{n:032x}', {start_ns}, {start_ns}, 1, 0, 1, 0, 0, 'x',
                'Unset', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '0:1,1:2,3:3');
            INSERT INTO trace_facts VALUES (0, 1, {start_ns}, {n}), (1, 2, {start_ns}, {n}),
                (3, 3, {start_ns}, {n});"
        );
    }
    let (_folder, path) = folder_with(&sql);
    let store = open(&path).unwrap();
    let (model, user) = (Some("m".to_owned()), Some("u".to_owned()));
    let all = TraceFilter { model, limit: 1_000, ..TraceFilter::default() };
    let found = store.recent(&all).await.unwrap();
    assert_eq!(found.len(), 100);
    assert!(found.is_sorted_by_key(|trace| std::cmp::Reverse(trace.started_ns)));
    let one = TraceFilter { user, since_ns: Some(5 * SECOND_NS), ..all };
    assert_eq!(store.recent(&one).await.unwrap().len(), 1);
    let database = Connection::open(&path).unwrap();
    let count = |sql: &str| database.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(count("SELECT count(*) FROM trace_facts"), 100);
    assert!((100..200).contains(&count("SELECT count(*) FROM trace_stretches")));
}

#[test]
fn another_programs_database_is_left_alone() {
    let (_folder, path) = folder_with("CREATE TABLE bookmarks (url TEXT)");
    assert!(matches!(open(&path), Err(StoreError::Foreign { .. })));
    let tables: i64 = Connection::open(&path)
        .unwrap()
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .unwrap();
    assert_eq!(tables, 1);
}

#[test]
fn a_file_that_is_no_database_is_refused_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spans.db");
    let text = "these are somebody's notes, ".repeat(100);
    std::fs::write(&path, &text).unwrap();
    assert!(matches!(open(&path), Err(StoreError::Corrupt { .. })));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn a_folder_in_its_place_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(open(folder.path()), Err(StoreError::Unusable { .. })));
    let below_a_file = folder.path().join("file");
    std::fs::write(&below_a_file, "").unwrap();
    let error = open(&below_a_file.join("spans.db")).unwrap_err();
    assert!(matches!(error, StoreError::Unusable { .. }), "{error}");
}

#[test]
fn a_held_lock_is_reported_as_busy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spans.db");
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let error = open(&path).unwrap_err();
    assert_eq!(error, StoreError::Busy { waited_ms: 50 });
    assert!(error.is_retryable());
    other.execute_batch("ROLLBACK").unwrap();
    drop(open(&path).unwrap());
}
