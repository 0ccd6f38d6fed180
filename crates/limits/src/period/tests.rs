//! The calendar, against dates that are known.

use super::{DAY_S, Period};

#[test]
fn days_and_months_are_those_of_the_calendar() {
    for (unix_s, day, month, month_end_s) in [
        (0, 0, 0, 31 * DAY_S),
        (31 * DAY_S - 1, 30, 0, 31 * DAY_S),
        (31 * DAY_S, 31, 1, 59 * DAY_S),
        // 29 February 2024, its last second, and the first of March.
        (1_709_164_800, 19_782, 649, 1_709_251_200),
        (1_709_251_199, 19_782, 649, 1_709_251_200),
        (1_709_251_200, 19_783, 650, 1_711_929_600),
        // 21 November 2026.
        (1_795_219_200, 20_778, 682, 1_796_083_200),
        // 31 December 2026, its last second.
        (1_798_761_599, 20_818, 683, 1_798_761_600),
        (1_798_761_600, 20_819, 684, 1_798_761_600 + 31 * DAY_S),
    ] {
        assert_eq!(Period::Day.number(unix_s), day, "{unix_s}");
        assert_eq!(Period::Month.number(unix_s), month, "{unix_s}");
        assert_eq!(Period::Month.end_s(unix_s), month_end_s, "{unix_s}");
    }
}

#[test]
fn each_period_ends_where_the_next_one_begins() {
    for period in [Period::Day, Period::Month] {
        let mut at_s = 0;
        for number in 0..3_000 {
            assert_eq!(period.number(at_s), number);
            let end_s = period.end_s(at_s);
            assert_eq!(period.number(end_s - 1), number);
            at_s = end_s;
        }
    }
}
