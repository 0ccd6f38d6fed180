//! What a star stands for.

use proptest::prelude::*;

use super::Patterns;

#[test]
fn a_star_is_any_text_and_everything_else_is_itself() {
    for (pattern, name, expected) in [
        ("gpt-4o", "gpt-4o", true),
        ("gpt-4o", "gpt-4o-mini", false),
        ("gpt-4o*", "gpt-4o", true),
        ("gpt-4o*", "gpt-4o-mini", true),
        ("*mini", "gpt-4o-mini", true),
        ("*mini", "gpt-4o-mini-2", false),
        ("a*b*c", "abc", true),
        ("a*b*c", "a-b-b-c", true),
        ("a*b*c", "acb", false),
        ("a*a", "a", false),
        ("a*a", "aa", true),
        ("*", "", true),
        ("*", "anything", true),
        ("", "", true),
        ("", "a", false),
        ("**", "x", true),
        ("a.c", "abc", false),
        ("GPT*", "gpt", false),
    ] {
        assert_eq!(Patterns::new([pattern]).matches(name), expected, "{pattern} {name}");
    }
    assert!(Patterns::new(["a", "b*"]).matches("bc"));
    assert!(!Patterns::default().matches(""), "an empty list matches nothing");
}

/// By the definition: a star takes nothing, or one sign more.
fn slowly(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern.split_first(), name.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), None) => slowly(rest, name),
        (Some((b'*', rest)), Some((_, tail))) => slowly(rest, name) || slowly(pattern, tail),
        (Some((p, rest)), Some((n, tail))) => p == n && slowly(rest, tail),
        _ => false,
    }
}

proptest! {
    #[test]
    fn matching_is_what_its_definition_says(pattern in "[ab*]{0,8}", name in "[ab]{0,8}") {
        let expected = slowly(pattern.as_bytes(), name.as_bytes());
        prop_assert_eq!(Patterns::new([&*pattern]).matches(&name), expected);
    }
}
