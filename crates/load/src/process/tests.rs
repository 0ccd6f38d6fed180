//! The system's figures.

use std::process::Command;
use std::time::{Duration, Instant};

use super::{ProcessTree, bytes};

/// How long a busy machine may take for it.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn work_of_a_process_and_of_its_children_is_seen() {
    let tree = ProcessTree::own();
    let before = tree.used();
    let until = Instant::now() + PATIENCE;
    let mut turns = 0_u64;
    // On a busy machine work takes longer than itself.
    let after = loop {
        (0..100_000).for_each(|_| turns = std::hint::black_box(turns + 1));
        let after = tree.used();
        if after.cpu_ns_since(&before) > 10_000_000 {
            break after;
        }
        assert!(Instant::now() < until, "{after:?}");
    };
    assert!(after.rss_bytes > 1 << 20 && after.rss_bytes_max >= after.rss_bytes);
    let mut child = Command::new("sh").args(["-c", "while :; do :; done"]).spawn().unwrap();
    let before = tree.used();
    let is_seen = || tree.used().since(&before).get("sh").is_some_and(|ns| *ns > 10_000_000);
    let seen = loop {
        std::thread::sleep(Duration::from_millis(20));
        let seen = is_seen();
        if seen || Instant::now() > until {
            break seen;
        }
    };
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(seen, "{:?}", tree.used().since(&before));
}

#[test]
fn a_process_that_is_gone_uses_nothing() {
    let used = ProcessTree::new(u32::MAX - 1).used();
    assert!(used.cpu_ns.is_empty() && used.rss_bytes == 0);
}

#[test]
fn memory_is_read_in_bytes() {
    let status = "Name:\tx\nVmHWM:\t    4096 kB\nVmRSS:\t    2048 kB\n";
    assert_eq!((bytes(status, "VmRSS:"), bytes(status, "VmHWM:")), (2 << 20, 4 << 20));
    assert_eq!(bytes("", "VmRSS:"), 0);
}
