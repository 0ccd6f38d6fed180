//! How many series there can be, whatever callers and upstreams say.

use std::collections::HashSet;
use std::time::Duration;

use super::{call, stream};
use crate::export::Exporters;
use crate::genai::{GenAi, Outcome};
use crate::metrics::names::{NAME_CHARS_MAX, Names, OTHER};
use crate::metrics::series::BOUND_MAX;
use crate::metrics::{
    FINISH_REASONS_MAX, MODELS_UNKNOWN_MAX, Metrics, Retries, SERIES_MAX, TARGETS_MAX,
};

/// The series of an instrument that has this line: without the bounds of histograms.
fn series(text: &str, line: &str) -> HashSet<String> {
    let of = text.lines().filter_map(|it| it.strip_prefix(line)?.strip_prefix('{'));
    of.map(|rest| rest.split('}').next().unwrap().to_owned()).collect()
}

#[test]
fn names_that_are_not_configured_are_bounded_in_number_and_length() {
    let names = Names::new(3);
    let longest = "é".repeat(NAME_CHARS_MAX);
    assert_eq!(&*names.label(&longest, true), longest);
    assert_eq!(&*names.label(&(longest + "x"), true), OTHER);
    assert_eq!(&*names.label("one", true), "one");
    assert_eq!(&*names.label("two", true), "two");
    assert_eq!(&*names.label("one too many", true), OTHER);
    assert_eq!(&*names.label("two", true), "two", "known names stay");
}

#[test]
fn a_name_that_nobody_answered_to_takes_no_place_and_yet_is_told_once_known() {
    let names = Names::new(1);
    assert_eq!(&*names.label("m", false), OTHER);
    assert_eq!(&*names.label("m", true), "m");
    assert_eq!(&*names.label("m", false), "m");
}

#[test]
fn configured_names_are_labels_however_many_and_a_reload_adds_more() {
    let names = Names::new(1);
    names.label("early", true);
    names.configure((0..500).map(|at| format!("m{at}").into()));
    for at in 0..500 {
        assert_eq!(*names.label(&format!("m{at}"), false), *format!("m{at}"));
    }
    assert_eq!(&*names.label("late", true), OTHER, "the one place is taken");
    names.configure(["late".into(), "early".into()].into_iter());
    assert_eq!(&*names.label("late", true), "late");
    assert_eq!(&*names.label("m499", true), "m499", "those of the configuration before stay");
    assert_eq!(&*names.label("new", true), "new", "early gave its place back");
}

#[test]
fn models_and_reasons_beyond_the_bound_are_other() {
    let metrics = Metrics::new(|| 0, Exporters::default()).unwrap();
    metrics.configured(["m".into()].into_iter());
    for at in 0..3 * MODELS_UNKNOWN_MAX {
        let mut asked = stream();
        asked.request_model = format!("asked-{at}").into();
        asked.response.finish_reasons = vec![format!("reason-{at}")];
        metrics.record(&call(Some(asked)), &Retries::default());
        let mut answered = stream();
        answered.response.model = Some(format!("answered-{at}"));
        metrics.record(&call(Some(answered)), &Retries::default());
    }
    let text = metrics.render();
    for name in
        ["gen_ai_client_operation_duration_seconds_count", "gen_ai_client_token_usage_count"]
    {
        let labels = series(&text, name);
        // One for each unknown model, one for `m` itself answered by others, one where both are.
        let kinds = if name.contains("token") { 2 } else { 1 };
        assert!(labels.len() <= kinds * (MODELS_UNKNOWN_MAX + 3), "{name}: {}", labels.len());
        assert!(labels.iter().any(|it| it.contains("gen_ai_request_model=\"other\"")));
        assert!(labels.iter().any(|it| it.contains("gen_ai_response_model=\"other\"")));
    }
    let reasons: HashSet<_> = series(&text, "gen_ai_client_finish_reasons_total")
        .iter()
        .filter_map(|it| Some(it.split("finish_reason=\"").nth(1)?.split('"').next()?.to_owned()))
        .collect();
    // Theirs, and `other`.
    assert_eq!(reasons.len(), FINISH_REASONS_MAX + 1);
}

#[test]
fn a_model_that_was_refused_or_failed_takes_no_place() {
    let metrics = Metrics::new(|| 0, Exporters::default()).unwrap();
    for at in 0..3 * MODELS_UNKNOWN_MAX {
        for outcome in [Outcome::Rejected, Outcome::UpstreamFailed, Outcome::Cancelled] {
            let made_up = GenAi { request_model: format!("x{at}").into(), outcome, ..stream() };
            metrics.record(&call(Some(made_up)), &Retries::default());
        }
    }
    metrics.record(&call(Some(stream())), &Retries::default());
    let text = metrics.render();
    let labels = series(&text, "gen_ai_client_operation_duration_seconds_count");
    assert_eq!(labels.len(), 2, "other, and the one that was answered: {labels:?}");
    assert!(labels.iter().any(|it| it.contains("gen_ai_request_model=\"m\"")), "{labels:?}");
}

#[test]
fn no_instrument_has_more_series_than_the_limit_with_that_of_all_the_rest() {
    let metrics = Metrics::new(|| 0, Exporters::default()).unwrap();
    // Each is configured: only the limit itself is left to hold.
    metrics.configured((0..=SERIES_MAX).map(|at| format!("m{at}").into()));
    let names =
        ["gen_ai_client_operation_duration_seconds_count", "gateway_stream_gap_seconds_count"];
    for at in 0..=SERIES_MAX {
        let gaps = vec![(Duration::from_millis(3), 1)];
        let asked = GenAi { request_model: format!("m{at}").into(), gaps, ..stream() };
        metrics.record(&call(Some(asked)), &Retries::default());
        if at == SERIES_MAX - 2 {
            let text = metrics.render();
            for labels in names.map(|name| series(&text, name)) {
                assert_eq!(labels.len(), SERIES_MAX - 1);
                assert!(!labels.iter().any(|it| it.contains("overflow")));
            }
        }
    }
    let text = metrics.render();
    for name in names {
        let labels = series(&text, name);
        assert_eq!(labels.len(), SERIES_MAX);
        let overflow = "otel_metric_overflow=\"true\",otel_scope_name=\"tollgate\"";
        let rest = labels.iter().find(|it| it.contains(overflow)).unwrap();
        let line = text.lines().find(|it| it.contains(rest) && it.starts_with(name));
        assert!(line.unwrap().ends_with(" 2"), "what is beyond is counted there: {line:?}");
    }
}

#[test]
fn gaps_have_the_labels_that_other_histograms_of_the_call_have() {
    let metrics = Metrics::new(|| 0, Exporters::default()).unwrap();
    let gaps = vec![(Duration::from_millis(3), 1)];
    metrics.record(&call(Some(GenAi { gaps, ..stream() })), &Retries::default());
    let text = metrics.render();
    let of = |name| series(&text, name);
    let gaps = of("gateway_stream_gap_seconds_count");
    assert_eq!(gaps.len(), 1);
    assert_eq!(gaps, of("gen_ai_server_time_to_first_token_seconds_count"));
    assert!(text.contains("# TYPE gateway_stream_gap_seconds histogram"));
}

#[test]
fn targets_of_many_configurations_are_bounded() {
    let metrics = Metrics::new(|| 0, Exporters::default()).unwrap();
    for at in 0..=TARGETS_MAX {
        let left = Retries { exclusions: vec![format!("t{at}").into()], ..Retries::default() };
        metrics.record(&call(None), &left);
    }
    let labels = series(&metrics.render(), "gateway_retry_target_exclusions_total");
    assert_eq!(labels.len(), TARGETS_MAX + 1);
    assert!(labels.iter().any(|it| it.contains("excluded_target=\"other\"")));
}

#[test]
fn so_many_dimensions_stay_bound_and_calls_are_counted_beyond() {
    let metrics = Metrics::new(|| 0, Exporters::default()).unwrap();
    metrics.configured((0..=BOUND_MAX).map(|at| format!("m{at}").into()));
    let record = |at: usize| {
        let asked = GenAi { request_model: format!("m{at}").into(), ..stream() };
        metrics.record(&call(Some(asked)), &Retries::default());
    };
    (0..BOUND_MAX).for_each(record);
    assert_eq!(metrics.series.count(), BOUND_MAX);
    (0..BOUND_MAX).for_each(record);
    assert_eq!(metrics.series.count(), BOUND_MAX, "those are known");
    record(BOUND_MAX);
    assert_eq!(metrics.series.count(), 1, "with one more, it begins anew");
    record(0);
    let text = metrics.render();
    for (model, calls) in [("m0", 3), ("m1", 2), (&*format!("m{BOUND_MAX}"), 1)] {
        for name in [
            "gen_ai_client_operation_duration_seconds_count",
            "gen_ai_client_finish_reasons_total",
            "gen_ai_server_time_to_first_token_seconds_count",
        ] {
            let label = format!("gen_ai_request_model=\"{model}\"");
            let line = text.lines().find(|it| it.starts_with(name) && it.contains(&label)).unwrap();
            assert!(line.ends_with(&format!(" {calls}")), "{line}");
        }
    }
}

#[test]
fn what_nothing_was_recorded_in_is_not_shown() {
    let metrics = Metrics::new(|| 0, Exporters::default()).unwrap();
    let plain = GenAi { timing: None, ..stream() };
    metrics.record(&call(Some(plain)), &Retries::default());
    let text = metrics.render();
    assert!(text.contains("gen_ai_client_operation_duration_seconds_count"));
    assert!(!text.contains("gen_ai_server_time_to_first_token"), "{text}");
    assert!(!text.contains("gateway_stream_gap"), "{text}");
}
