//! The typed questions beside what plain arithmetic makes of the same rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Fixture, START_NS, at, failed, llm_row, row, with};
use crate::sql::Scope;
use crate::{Percentiles, SpanRow, SpanStore, UsageBy, Window};

const MINUTE_NS: i64 = 60_000_000_000;

/// Calls of three models at three providers in two projects, and spans that are no calls.
fn spans() -> Vec<SpanRow> {
    let mut rows = Vec::new();
    for span in 0..200_u64 {
        let (provider, model) =
            [("one", "a"), ("one", "b"), ("two", "c"), ("one", "a")][span as usize % 4];
        let mut call = llm_row(u128::from(span % 9), span, provider, model);
        call.attributes.retain(|(key, _)| {
            let has_ttft = !span.is_multiple_of(5) && model != "c";
            !key.starts_with("gen_ai.usage") && (has_ttft || !key.ends_with("_first_token"))
        });
        if let Some((_, ttft)) = call.attributes.iter_mut().find(|(key, _)| key.ends_with("token"))
        {
            *ttft = format!("{}", (1 + span * 37 % 101) as f64 / 100.0);
        }
        call.duration_ns = 1_000_000 * (1 + i64::try_from(span * 71 % 199).unwrap());
        call = with(call, "gen_ai.usage.input_tokens", &(span * 3).to_string());
        call = with(call, "gen_ai.usage.output_tokens", &span.to_string());
        if model != "c" {
            call = with(call, "gateway.usage.cost", "0.25");
        }
        if span % 3 == 0 {
            call = with(call, "gen_ai.user.id", &format!("u{}", span % 2));
        }
        if span % 7 == 0 {
            call = failed(call);
        }
        if span % 10 == 0 {
            let resource = Arc::make_mut(&mut call.resource_attributes);
            resource.retain(|(key, _)| key != "project.id");
            resource.push(("project.id".into(), "proj_2".to_owned()));
        }
        rows.push(at(call, START_NS + i64::try_from(span).unwrap()));
        rows.push(failed(row(100, span)));
    }
    rows
}

fn window(scope: Scope) -> Window {
    Window { scope, since_ns: START_NS, before_ns: START_NS + MINUTE_NS }
}

fn attribute<'a>(row: &'a SpanRow, key: &str) -> Option<&'a str> {
    row.attributes.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
}

/// Groups of the calls, the largest first.
fn groups(rows: &[SpanRow], key: &str) -> Vec<(String, Vec<SpanRow>)> {
    let mut groups: BTreeMap<String, Vec<SpanRow>> = BTreeMap::new();
    for row in rows.iter().filter(|row| attribute(row, "gen_ai.provider.name").is_some()) {
        let key = attribute(row, key).unwrap_or_default().to_owned();
        groups.entry(key).or_default().push(row.clone());
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(_, rows)| std::cmp::Reverse(rows.len()));
    groups
}

/// The value at that place, by sorting.
fn percentile(values: &[f64], level: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = (level * sorted.len() as f64) as usize;
    sorted.get(place.min(sorted.len().checked_sub(1)?)).copied()
}

fn near(found: Percentiles, values: &[f64]) {
    for (found, level) in [(found.p50, 0.5), (found.p95, 0.95), (found.p99, 0.99)] {
        match (found, percentile(values, level)) {
            (Some(found), Some(wanted)) => {
                assert!((found - wanted).abs() < 1e-9, "{level}: {found}, not {wanted}");
            }
            (found, wanted) => assert_eq!(found, wanted, "{level}"),
        }
    }
}

#[tokio::test]
async fn percentiles_usage_and_errors_are_those_of_the_rows() {
    let fixture = Fixture::new();
    let all = spans();
    fixture.insert(all.clone()).await;
    let of = |project: &str| -> Vec<_> {
        let is_its = |row: &&SpanRow| row.resource_attribute("project.id") == Some(project);
        all.iter().filter(is_its).cloned().collect()
    };
    for (scope, rows) in [
        (Scope::All, all.clone()),
        (Scope::Project("proj_2".to_owned()), of("proj_2")),
        (Scope::Project("nobody".to_owned()), Vec::new()),
    ] {
        let window = window(scope);
        let latency = fixture.store.latency_by_model(&window).await.unwrap();
        let wanted = groups(&rows, "gen_ai.request.model");
        assert_eq!(latency.len(), wanted.len());
        for (found, (model, calls)) in latency.iter().zip(&wanted) {
            assert_eq!((&found.model, found.calls), (model, calls.len() as u64));
            let seconds: Vec<_> = calls.iter().map(|it| it.duration_ns as f64 / 1e9).collect();
            near(found.duration, &seconds);
            let ttft =
                calls.iter().filter_map(|it| attribute(it, "gen_ai.server.time_to_first_token"));
            near(found.ttft, &ttft.map(|text| text.parse().unwrap()).collect::<Vec<_>>());
        }
        for (by, key) in [
            (UsageBy::Model, "gen_ai.request.model"),
            (UsageBy::Session, "gen_ai.session.id"),
            (UsageBy::User, "gen_ai.user.id"),
        ] {
            let usage = fixture.store.usage(by, &window).await.unwrap();
            let wanted = groups(&rows, key);
            assert_eq!(usage.len(), wanted.len(), "{by:?}");
            for (found, (key, calls)) in usage.iter().zip(&wanted) {
                let sum = |name: &str| -> u64 {
                    calls
                        .iter()
                        .map(|it| attribute(it, name).unwrap().parse::<u64>().unwrap())
                        .sum()
                };
                let priced =
                    calls.iter().filter(|it| attribute(it, "gateway.usage.cost").is_some());
                let cost = Some(priced.count() as f64 * 0.25).filter(|cost| *cost > 0.0);
                assert_eq!((&found.key, found.calls), (key, calls.len() as u64));
                assert_eq!(found.input_tokens, sum("gen_ai.usage.input_tokens"));
                assert_eq!(found.output_tokens, sum("gen_ai.usage.output_tokens"));
                assert_eq!(found.cost, cost, "unknown is not zero");
            }
        }
        let errors = fixture.store.errors_by_provider(&window).await.unwrap();
        let wanted = groups(&rows, "gen_ai.provider.name");
        assert_eq!(errors.len(), wanted.len());
        for (found, (provider, calls)) in errors.iter().zip(&wanted) {
            let failed = calls.iter().filter(|it| it.status == crate::StatusCode::Error).count();
            assert_eq!((&found.provider, found.errors), (provider, failed as u64));
            assert!((found.rate - failed as f64 / calls.len() as f64).abs() < 1e-12);
        }
    }
}

#[tokio::test]
async fn a_window_has_its_first_moment_and_not_its_last() {
    let fixture = Fixture::new();
    let call = |span: u64, ns: i64| at(llm_row(1, span, "p", "m"), ns);
    fixture.insert(vec![call(0, START_NS), call(1, START_NS + 1), call(2, START_NS + 2)]).await;
    for (since_ns, before_ns, calls) in [
        (START_NS, START_NS + 3, 3),
        (START_NS, START_NS + 2, 2),
        (START_NS + 1, START_NS + 2, 1),
        (START_NS + 1, START_NS + 1, 0),
        (i64::MIN, START_NS + 1, 1),
    ] {
        let window = Window { scope: Scope::All, since_ns, before_ns };
        let found = fixture.store.errors_by_provider(&window).await.unwrap();
        assert_eq!(found.first().map_or(0, |it| it.calls), calls, "{since_ns} to {before_ns}");
    }
}
