//! Types, ranges, required and unknown fields.

use super::{Fields, Located};
use crate::error::{Place, Position, Problem};
use crate::load;

/// What reading `text` gives and what it complains about.
fn read<T>(text: &str, read: impl FnOnce(&mut Fields<'_, '_>) -> T) -> (T, Vec<String>) {
    let mut problems: Vec<Problem> = Vec::new();
    let node = load::parse(text, &mut problems).unwrap();
    let place = Place::new("root", Position { line: 1, column: 1 });
    let mut fields = Fields::of(&node, &place, &mut problems).unwrap();
    let value = read(&mut fields);
    fields.finish();
    let said = problems.iter().map(|it| {
        let hint = it.hint.as_ref().map_or_else(String::new, |hint| format!(" ({hint})"));
        format!("{}: {}{hint}", it.place.path, it.message)
    });
    (value, said.collect())
}

#[test]
fn a_field_that_nobody_asked_for_is_unknown() {
    let (_, said) = read("{ host: a, prot: 1 }", |fields| {
        (fields.text("host"), fields.integer("port", 1..=9, ""))
    });
    assert_eq!(said, ["root.prot: unknown field `prot` (did you mean `port`?)"]);
    let (_, said) = read("{ zzzzzz: 1 }", |fields| (fields.text("host"), fields.text("port")));
    assert_eq!(said, ["root.zzzzzz: unknown field `zzzzzz` (there is `host`, `port`)"]);
}

#[test]
fn a_number_is_taken_at_both_ends_of_its_range_and_not_beyond() {
    for (written, good) in [("0", false), ("1", true), ("9", true), ("10", false), ("-1", false)] {
        let (number, said) =
            read(&format!("{{ n: {written} }}"), |fields| fields.integer("n", 1..=9, "ms"));
        assert_eq!(number.is_some(), good, "{written}");
        if !good {
            assert_eq!(said, [format!("root.n: must be from 1 to 9 ms, not {written}")]);
        }
    }
}

#[test]
fn a_decimal_may_be_whole_but_not_infinite() {
    for (written, good) in
        [("0", true), ("2.0", true), ("2.01", false), (".inf", false), (".nan", false)]
    {
        let (number, _) =
            read(&format!("{{ n: {written} }}"), |fields| fields.decimal("n", 0.0..=2.0, ""));
        assert_eq!(number.is_some(), good, "{written}");
    }
}

#[test]
fn a_wrong_type_is_named_and_the_rest_is_still_read() {
    let (values, said) = read("{ a: 1, b: [x], c: x, d: { }, e: ok, f: '7' }", |fields| {
        let wrong = (fields.text("a"), fields.text("b"), fields.flag("c"), fields.texts("d"));
        let right = fields.text("e").map(|it| it.value);
        (wrong.0.is_none() && wrong.1.is_none(), right, fields.integer("f", 0..=9, ""))
    });
    assert!(values.0 && values.2.is_none());
    assert_eq!(values.1.as_deref(), Some("ok"));
    assert_eq!(
        said,
        [
            "root.a: must be text, not a whole number (put it in quotes)",
            "root.b: must be text, not a list",
            "root.c: must be true or false, not text (write it without quotes and units)",
            "root.d: must be a list, not a mapping",
            "root.f: must be a whole number, not text (write it without quotes and units)",
        ]
    );
}

#[test]
fn a_field_without_a_value_is_absent() {
    let (value, said) = read("{ a: , b: ~ }", |fields| {
        let value = (fields.text("a"), fields.integer("b", 0..=1, ""));
        fields.require("a", "write it");
        value
    });
    assert_eq!(value, (None, None));
    assert_eq!(said, ["root: `a` is missing (write it)"]);
}

#[test]
fn a_secret_is_a_place_and_its_text_is_never_shown() {
    for good in ["env::KEY_1", "file::/run/secrets/key"] {
        let (secret, _) = read(&format!("{{ s: '{good}' }}"), |fields| fields.secret("s"));
        assert_eq!(secret.unwrap().value.to_string(), good);
    }
    for bad in ["canary", "env::canary-1", "'env::'", "vault::canary", "12345", "[canary]"] {
        let (secret, said) = read(&format!("{{ s: {bad} }}"), |fields| fields.secret("s"));
        assert!(secret.is_none(), "{bad}");
        assert!(said.len() == 1 && said[0].contains("never as itself"), "{said:?}");
        assert!(!said[0].contains("canary") && !said[0].contains("12345"), "{said:?}");
    }
}

#[test]
fn of_two_equal_entries_the_first_counts() {
    let (entries, said) = read("{ t: { a: { n: 1 }, b: { n: 2 }, a: { n: 3 } } }", |fields| {
        fields.table("t", |fields| fields.integer("n", 0..=9, "").map(|n| n.value))
    });
    let found: Vec<(&str, Option<u64>)> =
        entries.iter().map(|entry| (entry.name.as_str(), entry.value)).collect();
    assert_eq!(found, [("a", Some(1)), ("b", Some(2))]);
    assert_eq!(said, ["t.a: `a` is there twice (first on line 1)"]);
}

#[test]
fn paths_quote_the_keys_that_would_be_misread() {
    let (_, said) =
        read("{ t: { gpt-4.1: { x: 1 }, '': { } } }", |fields| fields.table("t", |_| ()));
    assert_eq!(said, ["root.t[\"gpt-4.1\"].x: unknown field `x`"]);
}

#[test]
fn items_of_a_list_have_their_number_in_the_path() {
    let (list, said) = read("{ l: [a, 2, ''] }", |fields| fields.texts("l"));
    let values: Vec<String> =
        list.unwrap().value.into_iter().map(|Located { value, .. }| value).collect();
    assert_eq!(values, ["a"]);
    assert_eq!(
        said,
        [
            "root.l[1]: must be text, not a whole number (put it in quotes)",
            "root.l[2]: must not be empty"
        ]
    );
}
