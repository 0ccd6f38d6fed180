//! Positions, bounds, duplicates and broken YAML.

use super::{DEPTH_MAX, FILE_BYTES_MAX, NODES_MAX, Node, Value, parse};

fn parsed(text: &str) -> (Option<Node>, Vec<String>) {
    let mut problems = Vec::new();
    let node = parse(text, &mut problems);
    let shown = problems.iter().map(|problem| {
        let at = problem.place.position.map_or((0, 0), |at| (at.line, at.column));
        format!("{}:{} {} {}", at.0, at.1, problem.place.path, problem.message)
    });
    (node, shown.collect())
}

fn good(text: &str) -> Node {
    let (node, problems) = parsed(text);
    assert!(problems.is_empty(), "{problems:?}");
    node.unwrap()
}

#[test]
fn every_value_knows_its_line_and_column() {
    let root = good("a: 1\nbéb:\n  - x\n  - { c: y }\n");
    let Value::Map(entries) = &root.value else { panic!() };
    let at = |position: super::Position| (position.line, position.column);
    assert_eq!((at(entries[0].0.position), at(entries[0].1.position)), ((1, 1), (1, 4)));
    assert_eq!(at(entries[1].0.position), (2, 1));
    let Value::List(items) = &entries[1].1.value else { panic!() };
    assert_eq!((at(items[0].position), at(items[1].position)), ((3, 5), (4, 5)));
    let Value::Map(inner) = &items[1].value else { panic!() };
    assert_eq!(at(inner[0].1.position), (4, 10));
}

#[test]
fn scalars_have_the_types_of_the_core_schema() {
    let root = good("[1, -2, 0x10, 1.5, true, null, ~, \"1\", 'true', text, 1_000, yes]");
    let Value::List(items) = root.value else { panic!() };
    let values: Vec<Value> = items.into_iter().map(|item| item.value).collect();
    let text = |text: &str| Value::Text(text.to_owned());
    assert_eq!(
        values[..6],
        [
            Value::Integer(1),
            Value::Integer(-2),
            Value::Integer(16),
            Value::Decimal(1.5),
            Value::Flag(true),
            Value::Null,
        ]
    );
    let quoted = [text("1"), text("true"), text("text"), text("1_000"), text("yes")];
    assert_eq!(values[values.len() - 5..], quoted);
}

#[test]
fn a_key_that_is_there_twice_is_reported_with_its_path() {
    let (node, problems) = parsed("a:\n  b: 1\n  c: 2\n  b: 3\n");
    assert_eq!(problems, ["4:3 a.b `b` is there twice"]);
    assert!(node.is_some(), "and reading goes on");
}

#[test]
fn an_alias_stands_for_its_value() {
    let root = good("a: &x { b: 1 }\nc: *x\n");
    let Value::Map(entries) = &root.value else { panic!() };
    assert_eq!(entries[0].1.value, entries[1].1.value);
    assert_eq!(entries[1].1.position.line, 2);
}

#[test]
fn aliases_cannot_blow_the_tree_up() {
    let mut bomb = "l0: &l0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let below = format!("*l{}, ", level - 1).repeat(10);
        bomb.push_str(&format!("l{level}: &l{level} [{below}]\n"));
    }
    let (node, problems) = parsed(&bomb);
    assert!(node.is_none());
    assert!(problems[0].contains(&format!("more than {NODES_MAX} values")), "{problems:?}");
}

#[test]
fn the_number_of_values_is_bounded_exactly() {
    let list = |items: usize| format!("[{}]", "1,".repeat(items));
    assert!(parsed(&list(NODES_MAX - 1)).0.is_some());
    assert!(parsed(&list(NODES_MAX)).0.is_none());
}

#[test]
fn nesting_is_bounded_exactly() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert!(parsed(&nested(DEPTH_MAX)).0.is_some());
    let (node, problems) = parsed(&nested(DEPTH_MAX + 1));
    assert!(node.is_none());
    assert!(problems[0].contains("more than 32 levels of nesting"), "{problems:?}");
    assert!(parsed(&nested(10_000)).0.is_none());
}

#[test]
fn the_size_is_bounded_exactly() {
    let text = |bytes: usize| format!("#{}", " ".repeat(bytes - 1));
    assert!(parsed(&text(FILE_BYTES_MAX)).0.is_some());
    assert!(parsed(&text(FILE_BYTES_MAX + 1)).0.is_none());
}

#[test]
fn what_only_looks_like_a_mapping_is_refused() {
    for (text, said) in [
        ("{ [a]: 1 }", "a key must be plain text"),
        ("a: &x 1\n*x : 2\n", "an alias cannot be a key"),
        ("a: { <<: { b: 1 } }", "merge keys (`<<`) are not supported"),
        ("a: &x [*x]", "the alias refers to a value that contains it"),
        ("a: !!int x", "the value does not fit its tag"),
    ] {
        let (node, problems) = parsed(text);
        assert!(node.is_none(), "{text}");
        assert!(problems[0].contains(said), "{text}: {problems:?}");
    }
}

#[test]
fn nothing_is_an_empty_document() {
    for text in ["", "\n", "# only a comment\n", "---\n", "\u{feff}"] {
        assert_eq!(good(text).value, Value::Null, "{text:?}");
    }
}
