//! Token counts in their normal form.

use super::{JsonStr, Usage};

#[test]
fn all_input_includes_the_cache_exactly_once() {
    let usage =
        Usage { input: Some(10), cache_read: Some(4), cache_creation: Some(3), ..Usage::default() };
    assert_eq!(usage.input_total(), Some(10));
    let anthropic = Usage { input_excludes_cache: true, ..usage };
    assert_eq!(anthropic.input_total(), Some(17));
    assert_eq!(Usage { cache_read: None, ..anthropic }.input_total(), Some(13));
    assert_eq!(Usage { input: None, ..anthropic }.input_total(), None);
    assert_eq!(Usage { input: Some(u64::MAX), ..anthropic }.input_total(), Some(u64::MAX));
}

#[test]
fn all_output_includes_reasoning_exactly_once() {
    let usage = Usage { output: Some(10), reasoning: Some(4), ..Usage::default() };
    assert_eq!(usage.output_total(), Some(10));
    assert_eq!(Usage { output_excludes_reasoning: true, ..usage }.output_total(), Some(14));
    assert_eq!(Usage { output: None, ..usage }.output_total(), None);
}

#[test]
fn later_fields_overwrite_and_missing_ones_do_not() {
    let mut usage =
        Usage { input: Some(1), output: Some(1), cache_read: Some(5), ..Usage::default() };
    usage.merge(&Usage { output: Some(9), reasoning: Some(0), ..Usage::default() });
    assert_eq!((usage.input, usage.output), (Some(1), Some(9)));
    assert_eq!((usage.cache_read, usage.reasoning), (Some(5), Some(0)));
}

#[test]
fn only_counts_of_tokens_make_a_usage() {
    assert!(Usage::default().is_empty());
    assert!(!Usage { total: Some(0), ..Usage::default() }.is_empty());
}

#[test]
fn a_string_is_shown_as_its_text() {
    assert_eq!(format!("{:?}", JsonStr::new(br"a\n\u00e9")), "\"a\\né\"");
}
