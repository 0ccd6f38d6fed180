//! Lists come back as they were, whatever is in them, and damage is an error.

use proptest::prelude::*;
use rusqlite::Connection;

use super::{Lists, PLAIN, Vocabulary};
use crate::sqlite::words::Words;

fn database() -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    connection
        .execute_batch(
            "CREATE TABLE words (id INTEGER PRIMARY KEY AUTOINCREMENT, used_ns INTEGER NOT NULL, \
             kind INTEGER NOT NULL, text TEXT NOT NULL) STRICT",
        )
        .unwrap();
    connection
}

/// A writer and its database.
struct Writer {
    connection: Connection,
    words: Words,
    lists: Lists,
}

impl Writer {
    fn new() -> Self {
        let connection = database();
        let mut words = Words::new();
        words.begin(&connection).unwrap();
        Self { connection, words, lists: Lists::default() }
    }

    fn write(&mut self, pairs: &[(String, String)]) -> Vec<u8> {
        let pairs = pairs.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        self.lists.write(&self.connection, &mut self.words, pairs, 1).unwrap().to_vec()
    }

    fn vocabulary(&self) -> Vocabulary {
        let mut vocabulary = Vocabulary::default();
        let mut all = self.connection.prepare("SELECT id, text FROM words ORDER BY id").unwrap();
        let all = all.query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?))).unwrap();
        for word in all {
            let (id, text) = word.unwrap();
            vocabulary.learn(id, &text);
        }
        vocabulary
    }
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn read(vocabulary: &Vocabulary, list: &[u8]) -> Vec<(String, String)> {
    let read = vocabulary.pairs(list).unwrap();
    read.into_iter().map(|(key, value)| (key.into_owned(), value.into_owned())).collect()
}

#[test]
fn every_kind_of_value_comes_back_before_and_after_it_is_a_word() {
    let list = pairs(&[
        ("gen_ai.request.model", "gpt-4o"),
        ("whole", "0"),
        ("large", "999999999999999999"),
        ("larger", "1000000000000000000"),
        ("beyond", "18446744073709551616"),
        ("zeros", "007"),
        ("decimal", "0.5"),
        ("small", "0.000000000000000001"),
        ("longest", "1234567890.123456789"),
        ("too long", "12345678901.123456789"),
        ("odd decimals", "00.5"),
        ("no digits behind", "5."),
        ("none before", ".5"),
        ("two points", "1.2.3"),
        ("signed", "-1.5"),
        ("version", "1.10"),
        ("hex", "0af7651916cd43dd8448eb211c80319c"),
        ("upper hex", "0AF7651916CD43DD"),
        ("odd hex", "abcdefabc"),
        ("short hex", "abcd"),
        ("digits as hex", "12345678901234567890"),
        ("empty", ""),
        ("words", "zwölf Wörter\u{1f}\u{0}"),
        ("twice", "a"),
        ("twice", "b"),
    ]);
    let mut writer = Writer::new();
    let first = writer.write(&list);
    let mut last = Vec::new();
    for _ in 0..40 {
        last = writer.write(&list);
    }
    assert!(last.len() * 2 < first.len(), "{} bytes, {} at first", last.len(), first.len());
    let vocabulary = writer.vocabulary();
    for written in [&first, &last] {
        assert_eq!(read(&vocabulary, written), list);
        for (key, value) in list.iter().filter(|(key, _)| key != "twice") {
            assert_eq!(vocabulary.find(written, key).unwrap().as_deref(), Some(value.as_str()));
        }
        assert_eq!(vocabulary.find(written, "twice").unwrap().as_deref(), Some("a"));
        assert_eq!(vocabulary.find(written, "absent").unwrap(), None);
    }
}

#[test]
fn an_empty_list_and_odd_keys_come_back() {
    let mut writer = Writer::new();
    for list in [
        pairs(&[]),
        pairs(&[("", "")]),
        pairs(&[("a\u{1f}b", "1"), ("c", "2")]),
        pairs(&[(&"k".repeat(5_000), "1")]),
    ] {
        for _ in 0..20 {
            let written = writer.write(&list);
            assert_eq!(read(&writer.vocabulary(), &written), list);
        }
    }
}

#[test]
fn a_reader_that_lacks_a_word_says_so() {
    let mut writer = Writer::new();
    let list = pairs(&[("key", "value")]);
    let mut written = Vec::new();
    for _ in 0..20 {
        written = writer.write(&list);
    }
    assert!(Vocabulary::default().pairs(&written).is_err());
    assert!(Vocabulary::default().find(&written, "key").is_err());
}

#[test]
fn a_cut_list_is_an_error_and_a_changed_one_no_panic() {
    let mut writer = Writer::new();
    let list = pairs(&[("a", "0.25"), ("b", "deadbeefdeadbeef"), ("c", "some text"), ("d", "12")]);
    let good = writer.write(&list);
    let vocabulary = writer.vocabulary();
    for end in 0..good.len() {
        assert!(vocabulary.pairs(&good[..end]).is_err(), "{end}");
    }
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bad = good.clone();
            bad[at] ^= 1 << bit;
            let _any = (vocabulary.pairs(&bad), vocabulary.find(&bad, "c"));
        }
    }
    let endless = [vec![PLAIN], vec![0xff; 20]].concat();
    assert!(vocabulary.pairs(&endless).is_err());
    let longer = [good, vec![0]].concat();
    assert!(vocabulary.pairs(&longer).is_err());
}

proptest! {
    #[test]
    fn any_list_comes_back(
        lists in prop::collection::vec(
            prop::collection::vec(
                ("[a-c.]{0,3}", prop_oneof!["[0-9.]{0,22}", "[0-9a-f]{0,20}", ".{0,9}", "[ab]"]),
                0..5,
            ),
            1..4,
        ),
    ) {
        let mut writer = Writer::new();
        for _ in 0..17 {
            for list in &lists {
                let written = writer.write(list);
                prop_assert_eq!(&read(&writer.vocabulary(), &written), list);
            }
        }
    }
}
