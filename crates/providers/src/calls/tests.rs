//! Which fragment joins which call.

use super::{CALLS_MAX, Calls, Fragment, ID_BYTES_MAX};
use crate::event::JsonStr;
use crate::fixtures::written;

fn fragment<'a>(index: Option<u64>, id: &'a str, name: &'a str) -> Fragment<'a> {
    let (id, name) = (JsonStr::new(id.as_bytes()), JsonStr::new(name.as_bytes()));
    Fragment { choice: 0, index, id, name }
}

/// Calls that fragments join, in turn, and what was said of them.
fn numbers(fragments: &[Fragment<'_>]) -> (Vec<u32>, Vec<String>) {
    let (mut calls, mut said) = (Calls::default(), Vec::new());
    let numbers = fragments
        .iter()
        .map(|fragment| calls.fragment_in_turn(*fragment, &mut |event| said.push(written(&event))))
        .collect();
    (numbers, said)
}

#[test]
fn a_fragment_joins_the_call_of_its_index() {
    let (numbers, said) = numbers(&[
        fragment(Some(0), "a", "f"),
        fragment(Some(1), "b", "g"),
        fragment(Some(0), "", ""),
        fragment(Some(1), "", ""),
    ]);
    assert_eq!(numbers, [0, 1, 0, 1]);
    assert_eq!(said, ["start 0 a f", "end 0", "start 1 b g"]);
}

#[test]
fn id_and_name_that_come_again_say_nothing_new() {
    let (numbers, said) = numbers(&[fragment(Some(0), "a", "f"), fragment(Some(0), "a", "f")]);
    assert_eq!((numbers, said), (vec![0, 0], vec!["start 0 a f".to_owned()]));
}

#[test]
fn a_server_that_numbers_every_call_zero_is_told_from_one_that_repeats_itself() {
    let (numbers, _) = numbers(&[
        fragment(Some(0), "a", "f"),
        fragment(Some(0), "", ""),
        fragment(Some(0), "b", "g"),
        fragment(Some(0), "", ""),
    ]);
    assert_eq!(numbers, [0, 0, 1, 1]);
}

#[test]
fn without_an_index_the_id_opens_a_call_and_the_rest_joins_the_latest() {
    let (numbers, _) = numbers(&[
        fragment(None, "a", "f"),
        fragment(None, "", ""),
        fragment(None, "b", "g"),
        fragment(None, "a", ""),
    ]);
    assert_eq!(numbers, [0, 0, 1, 0]);
}

#[test]
fn a_name_that_comes_late_does_not_undo_the_id() {
    let (_, said) = numbers(&[
        fragment(Some(0), "a", ""),
        fragment(Some(0), "", "f"),
        fragment(Some(0), "a", ""),
    ]);
    assert_eq!(said, ["start 0 a ", "start 0  f"]);
}

#[test]
fn calls_beyond_the_bound_join_the_last_one() {
    let (mut calls, mut opened) = (Calls::default(), 0);
    for index in 0..=CALLS_MAX as u64 {
        let id = index.to_string();
        calls.fragment(fragment(Some(index), &id, "f"), &mut |_| opened += 1);
    }
    assert_eq!(opened, CALLS_MAX);
}

#[test]
fn ids_are_told_apart_by_what_is_kept_of_them() {
    let (short, long) = ("x".repeat(ID_BYTES_MAX), "x".repeat(ID_BYTES_MAX + 1));
    let (numbers, _) = numbers(&[fragment(None, &short, "f"), fragment(None, &long, "f")]);
    assert_eq!(numbers, [0, 0]);
    let longer = format!("y{short}");
    let (numbers, _) = self::numbers(&[fragment(None, &short, "f"), fragment(None, &longer, "f")]);
    assert_eq!(numbers, [0, 1]);
}
