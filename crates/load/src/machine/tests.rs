//! Other people's work.

use std::process::Command;
use std::time::{Duration, Instant};

use super::{Machine, busy_ns, pinned, processors, processors_of, raise_files_max};
use crate::ProcessTree;

/// How long a busy machine may take for it.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn idle_and_waiting_time_is_nobodys_work() {
    assert_eq!(busy_ns("cpu  10 1 5 1000 50 2 3 4 0 0\ncpu0 1 1"), 25 * 10_000_000);
    assert_eq!(busy_ns(""), 0);
    assert_eq!(processors_of("cpu  1 2\ncpu0 1 2\ncpu1 1 2\nintr 5"), 2);
}

#[test]
fn a_process_that_is_not_ours_is_others_work() {
    let mut stranger = Command::new("sh").args(["-c", "while :; do :; done"]).spawn().unwrap();
    let watched = Machine::watch([ProcessTree::new(u32::MAX - 1)]);
    let known = Machine::watch([ProcessTree::new(stranger.id())]);
    // On a busy machine it takes the stranger longer to do something.
    let (tree, until) = (ProcessTree::new(stranger.id()), Instant::now() + PATIENCE);
    let before = tree.used();
    while tree.used().cpu_ns_since(&before) < 300_000_000 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(20));
    }
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

#[test]
fn pinned_work_and_what_it_starts_stay_where_they_were_put() {
    let all = processors();
    let last = *all.last().unwrap();
    let child = pinned(&[last], || {
        assert_eq!(processors(), [last]);
        Command::new("sh").args(["-c", "grep Cpus_allowed_list /proc/self/status"]).output()
    });
    let allowed = String::from_utf8(child.unwrap().unwrap().stdout).unwrap();
    assert!(allowed.ends_with(&format!("\t{last}\n")), "{allowed}");
    assert_eq!(processors(), all);
    let nowhere = pinned(&[], || panic!("there is no such processor"));
    assert!(nowhere.is_err());
}

#[test]
fn no_more_files_can_be_had_than_after_raising() {
    let max = raise_files_max();
    assert!(max >= 1_024, "{max}");
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let shown: Vec<&str> = line.split_whitespace().skip(3).take(2).collect();
    assert_eq!(shown[0], shown[1]);
    assert!(shown[0] == max.to_string() || max == u64::MAX, "{line}");
    assert_eq!(raise_files_max(), max);
}
