//! Every case does the work it is named for, as often as it is asked.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::{READ_PIECES, STORED, TIMES, every};

#[test]
fn every_case_does_all_of_its_work_each_time_it_is_asked() {
    let folder = tempfile::TempDir::new().unwrap();
    let mut cases = every(folder.path()).unwrap();
    for case in &mut cases {
        let expected = match case.unit {
            "row" => usize::try_from(STORED).unwrap() * 2,
            "event" if case.name.contains("16 KiB") => READ_PIECES,
            _ => TIMES,
        };
        for turn in 1..=2 {
            let done = case.ready().unwrap()();
            assert_eq!(done, expected, "{}, turn {turn}", case.name);
        }
    }
}

#[test]
fn no_two_cases_have_the_same_name() {
    let folder = tempfile::TempDir::new().unwrap();
    let cases = every(folder.path()).unwrap();
    let mut names: Vec<_> = cases.iter().map(|case| case.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), cases.len());
}
