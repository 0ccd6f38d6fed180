//! Other people's work.

use std::process::Command;
use std::time::Duration;

use super::{Machine, busy_ns};
use crate::ProcessTree;

#[test]
fn idle_and_waiting_time_is_nobodys_work() {
    assert_eq!(busy_ns("cpu  10 1 5 1000 50 2 3 4 0 0\ncpu0 1 1"), 25 * 10_000_000);
    assert_eq!(busy_ns(""), 0);
}

#[test]
fn a_process_that_is_not_ours_is_others_work() {
    let mut stranger = Command::new("sh").args(["-c", "while :; do :; done"]).spawn().unwrap();
    let watched = Machine::watch([ProcessTree::new(u32::MAX - 1)]);
    let known = Machine::watch([ProcessTree::new(stranger.id())]);
    std::thread::sleep(Duration::from_millis(400));
    let (watched, known) = (watched.taken_by_others(), known.taken_by_others());
    stranger.kill().unwrap();
    stranger.wait().unwrap();
    assert!(watched > known, "{watched} with the stranger, {known} without");
    assert!(watched > 0.0 && Machine::is_busy(0.11) && !Machine::is_busy(0.10));
}

#[test]
fn the_machine_is_described_in_one_line() {
    let line = Machine::describe();
    assert!(line.contains(" x ") && !line.contains('\n'), "{line}");
}
