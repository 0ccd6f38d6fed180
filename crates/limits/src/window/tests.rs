//! What a minute holds, wherever it begins.

use proptest::prelude::*;

use super::{SLOT_MS, SLOTS, Window};

#[test]
fn what_was_used_counts_for_a_minute_and_up_to_two_seconds_more() {
    let mut window = Window::default();
    let slot = window.add(5, 10_000);
    assert_eq!((slot, window.used(10_000)), (5, 5));
    assert_eq!(window.used(70_000), 5, "a minute later");
    assert_eq!(window.used(71_999), 5);
    assert_eq!(window.used(72_000), 0);
}

#[test]
fn an_amount_comes_back_out_of_its_slot_alone() {
    let mut window = Window::default();
    let first = window.add(5, 0);
    let second = window.add(7, SLOT_MS);
    window.take_back(first, 9);
    assert_eq!(window.used(SLOT_MS), 7, "no more than there was");
    window.take_back(second, 3);
    assert_eq!(window.used(SLOT_MS), 4);
    assert_eq!(window.used(SLOTS * SLOT_MS), 4);
    window.add(1, SLOTS * SLOT_MS);
    window.take_back(first, 1);
    assert_eq!(window.used(SLOTS * SLOT_MS), 5, "the slot of the first is another one by now");
}

#[test]
fn the_wait_is_until_enough_has_left_the_window() {
    let mut window = Window::default();
    window.add(5, 0);
    window.add(5, 10_000);
    assert_eq!(window.wait_ms(10, 10_000), 0);
    assert_eq!(window.wait_ms(9, 10_000), 62_000 - 10_000);
    assert_eq!(window.wait_ms(5, 10_000), 62_000 - 10_000);
    assert_eq!(window.wait_ms(4, 10_000), 72_000 - 10_000);
    assert_eq!(window.used(62_000), 5);
    assert_eq!(window.used(71_999), 5);
    assert_eq!(window.used(72_000), 0);
}

#[test]
fn more_than_a_slot_can_hold_is_cut_off() {
    let mut window = Window::default();
    window.add(u64::MAX, 0);
    window.add(5, 0);
    assert_eq!(window.used(0), u64::from(u32::MAX));
    window.take_back(0, u64::MAX);
    assert_eq!(window.used(0), 0);
}

proptest! {
    #[test]
    fn no_minute_holds_more_than_what_is_admitted_by_it(
        asks in proptest::collection::vec((0_u64..9_000, 1_u64..40), 1..200),
    ) {
        const LIMIT: u64 = 100;
        let mut window = Window::default();
        let (mut now_ms, mut admitted) = (0, Vec::new());
        for (pause_ms, amount) in asks {
            now_ms += pause_ms;
            if window.used(now_ms) + amount <= LIMIT {
                window.add(amount, now_ms);
                admitted.push((now_ms, amount));
            } else {
                let wait_ms = window.wait_ms(LIMIT - amount, now_ms);
                prop_assert!(window.clone().used(now_ms + wait_ms) + amount <= LIMIT);
                prop_assert!(window.clone().used(now_ms + wait_ms - 1) + amount > LIMIT);
            }
        }
        for (start_ms, _) in &admitted {
            let inside = admitted.iter().filter(|(at, _)| at >= start_ms && *at < start_ms + 60_000);
            let sum: u64 = inside.map(|(_, amount)| amount).sum();
            prop_assert!(sum <= LIMIT, "{sum} in the minute from {start_ms}");
        }
    }
}
