//! The functions by themselves, beside slower ones that are plainly right.

use proptest::prelude::*;

use super::aggregates::quantile;
use super::numbers::{float_text, round, unsigned};
use super::texts::{like, substring};
use super::times::{add_months, part, text};
use crate::calendar::{civil_from_days, days_from_civil, days_of_month};

const SECOND_NS: i64 = 1_000_000_000;
const DAY_NS: i64 = 86_400 * SECOND_NS;

/// `LIKE` by trying everything.
fn like_slowly(text: &[char], pattern: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['%', rest @ ..] => (0..=text.len()).any(|skip| like_slowly(&text[skip..], rest)),
        ['_', rest @ ..] => !text.is_empty() && like_slowly(&text[1..], rest),
        ['\\', quoted @ ('%' | '_' | '\\'), rest @ ..] | [quoted, rest @ ..] => {
            text.first() == Some(quoted) && like_slowly(&text[1..], rest)
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn like_is_what_trying_everything_finds(text in "[abä%_\\\\]{0,8}", pattern in "[abä%_\\\\]{0,8}") {
        let (chars, signs): (Vec<_>, Vec<_>) = (text.chars().collect(), pattern.chars().collect());
        prop_assert_eq!(like(&text, &pattern), like_slowly(&chars, &signs), "{} {}", text, pattern);
    }

    #[test]
    fn a_date_becomes_days_and_comes_back(days in -800_000_i64..800_000) {
        let (year, month, day) = civil_from_days(days);
        prop_assert_eq!(days_from_civil(year, month, day), Some(days));
        prop_assert!((1..=12).contains(&month) && (1..=days_of_month(year, month)).contains(&day));
        // The next day is the next one on paper, too.
        let next = if day < days_of_month(year, month) {
            (year, month, day + 1)
        } else if month < 12 {
            (year, month + 1, 1)
        } else {
            (year + 1, 1, 1)
        };
        prop_assert_eq!(civil_from_days(days + 1), next);
    }

    #[test]
    fn the_start_of_a_unit_is_not_after_and_its_own_start(ns in 0..i64::MAX) {
        for unit in ["month", "year", "monday"] {
            let start = part(ns, unit);
            // A week of 1970 starts in 1969.
            prop_assert!(start.is_some_and(|start| start <= ns && start > ns - 366 * DAY_NS));
            prop_assert_eq!(start.and_then(|start| part(start, unit)), start);
        }
    }

    #[test]
    fn a_time_moved_by_months_has_their_number_between(ns in 0..4_000_000_000 * SECOND_NS, months in -240_i64..240) {
        if let Some(moved) = add_months(ns, months) {
            let count = |ns: i64| {
                let (year, month, _) = civil_from_days(ns.div_euclid(DAY_NS));
                year * 12 + month
            };
            prop_assert_eq!(count(moved) - count(ns), months);
            prop_assert_eq!(moved.rem_euclid(DAY_NS), ns.rem_euclid(DAY_NS));
        }
    }

    #[test]
    fn a_quantile_is_where_sorting_puts_it(
        mut numbers in proptest::collection::vec(-1e6_f64..1e6, 1..60), level in 0.0_f64..=1.0,
    ) {
        let mut sorted = numbers.clone();
        sorted.sort_by(f64::total_cmp);
        let place = level * (sorted.len() - 1) as f64;
        let (low, high) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
        let wanted = low * (1.0 - place.fract()) + high * place.fract();
        let found = quantile(&mut numbers, level, false);
        prop_assert!(found.is_some_and(|found| (found - wanted).abs() < 1e-6), "{:?} {}", found, wanted);
        let exact = quantile(&mut numbers, level, true);
        let at = ((level * sorted.len() as f64) as usize).min(sorted.len() - 1);
        prop_assert_eq!(exact, Some(sorted[at]));
    }

    #[test]
    fn a_substring_is_cut_by_bytes_or_not_at_all(text in "[abä]{0,6}", from in -9_i64..9, count in -9_i64..9) {
        // ClickHouse's rule over plain bytes.
        let bytes = text.as_bytes();
        let len = bytes.len() as i64;
        let start = if from > 0 { from - 1 } else { len + from };
        let end = if count < 0 { len + count } else { start + count };
        let wanted: Vec<u8> = (0..len)
            .filter(|at| from != 0 && (start..end).contains(at))
            .map(|at| bytes[at as usize])
            .collect();
        match substring(&text, from, count) {
            Some(found) => prop_assert_eq!(found.as_bytes(), wanted),
            None => prop_assert!(std::str::from_utf8(&wanted).is_err()),
        }
    }
}

#[test]
fn a_time_is_shown_as_its_type_says() {
    let moment = 1_772_600_767 * SECOND_NS + 123_000_007;
    for (ns, ty, wanted) in [
        (moment, "DateTime64(9)", "2026-03-04 05:06:07.123000007"),
        (moment, "DateTime", "2026-03-04 05:06:07"),
        (moment, "Date", "2026-03-04"),
        (0, "DateTime64(9)", "1970-01-01 00:00:00.000000000"),
        (-1, "DateTime", "1969-12-31 23:59:59"),
        (951_782_400 * SECOND_NS, "Date", "2000-02-29"),
    ] {
        assert_eq!(text(ns, ty), wanted);
    }
}

#[test]
fn parts_of_a_time_are_those_of_the_calendar() {
    // 2026-03-04 05:06:07, a Wednesday.
    let moment = 1_772_600_767 * SECOND_NS;
    for (name, wanted) in [
        ("hour", 5),
        ("minute", 6),
        ("second", 7),
        ("weekday", 3),
        ("of_day", 4),
        ("of_month", 3),
        ("of_year", 2026),
    ] {
        assert_eq!(part(moment, name), Some(wanted), "{name}");
    }
    assert_eq!(part(moment, "fortnight"), None);
    let on = |text: &str| crate::sql::moment(text).unwrap();
    assert_eq!(part(moment, "monday"), Some(on("2026-03-02")));
    assert_eq!(part(moment, "month"), Some(on("2026-03-01")));
    assert_eq!(part(moment, "year"), Some(on("2026-01-01")));
    for (from, months, to) in [
        ("2026-01-31", 1, "2026-02-28"),
        ("2024-01-31", 1, "2024-02-29"),
        ("2024-02-29", 12, "2025-02-28"),
        ("2026-03-31", -1, "2026-02-28"),
        ("2026-01-15 10:00:00", -1, "2025-12-15 10:00:00"),
    ] {
        assert_eq!(add_months(on(from), months), Some(on(to)), "{from} {months}");
    }
    assert_eq!(add_months(on("2026-01-01"), 12 * 400), None, "beyond what nanoseconds can hold");
    assert_eq!(add_months(0, i64::MAX), None);
}

#[test]
fn numbers_are_read_rounded_and_shown_as_there() {
    for (written, wanted) in [
        ("8", Some(8)),
        ("+8", Some(8)),
        ("007", Some(7)),
        ("", Some(0)),
        ("x", Some(0)),
        ("-1", Some(0)),
        ("1.5", Some(0)),
        (" 4", Some(0)),
        ("9223372036854775807", Some(i64::MAX)),
        ("9223372036854775808", None),
        ("18446744073709551615", None),
        ("18446744073709551616", Some(0)),
    ] {
        assert_eq!(unsigned(written), wanted, "{written}");
    }
    for (number, digits, wanted) in [
        (2.5, 0, 2.0),
        (3.5, 0, 4.0),
        (-2.5, 0, -2.0),
        (2.345, 2, 2.35),
        (1.005, 2, 1.0),
        (2.675, 2, 2.68),
        (1e300, 15, 1e300),
        (f64::INFINITY, 2, f64::INFINITY),
    ] {
        assert_eq!(round(number, digits), wanted, "{number}");
    }
    for (number, wanted) in [
        (0.1, "0.1"),
        (2.0, "2"),
        (-0.5, "-0.5"),
        (1e15, "1000000000000000"),
        (1e20, "100000000000000000000"),
        (1e21, "1e21"),
        (1.5e-7, "1.5e-7"),
        (1e-6, "0.000001"),
        (0.0, "0"),
        (f64::INFINITY, "inf"),
    ] {
        assert_eq!(float_text(number), wanted);
    }
}
