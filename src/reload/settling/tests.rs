//! A change is read once, when it has settled.

use super::{LOOKS_MAX, Next, Settling};

const OLD: Option<u64> = Some(1);
const NEW: Option<u64> = Some(2);

#[test]
fn a_file_that_stays_is_left_alone() {
    let mut settling = Settling::default();
    for _ in 0..3 {
        assert_eq!(settling.see(OLD, OLD), Next::Rest);
    }
}

#[test]
fn a_change_is_read_once_it_was_seen_twice_and_never_again() {
    let mut settling = Settling::default();
    assert_eq!(settling.see(NEW, OLD), Next::Again);
    assert_eq!(settling.see(NEW, OLD), Next::Read);
    assert_eq!(settling.see(NEW, NEW), Next::Rest, "whether it was taken or refused");
}

#[test]
fn half_a_file_is_not_read_while_the_rest_of_it_comes() {
    let mut settling = Settling::default();
    for part in 10..14 {
        assert_eq!(settling.see(Some(part), OLD), Next::Again);
    }
    assert_eq!(settling.see(Some(13), OLD), Next::Read);
}

#[test]
fn a_file_that_is_gone_for_a_moment_has_not_changed() {
    let mut settling = Settling::default();
    assert_eq!(settling.see(None, OLD), Next::Again);
    assert_eq!(settling.see(OLD, OLD), Next::Again);
    assert_eq!(settling.see(OLD, OLD), Next::Rest, "renamed away and written anew as it was");
}

#[test]
fn a_file_that_stays_away_is_told_once() {
    let mut settling = Settling::default();
    assert_eq!((settling.see(None, OLD), settling.see(None, OLD)), (Next::Again, Next::Read));
    assert_eq!(settling.see(None, None), Next::Rest);
}

#[test]
fn a_file_that_never_stops_changing_is_read_in_the_end() {
    let mut settling = Settling::default();
    for look in 0..LOOKS_MAX {
        assert_eq!(settling.see(Some(u64::from(look) + 100), OLD), Next::Again, "look {look}");
    }
    assert_eq!(settling.see(Some(99), OLD), Next::Read);
}
