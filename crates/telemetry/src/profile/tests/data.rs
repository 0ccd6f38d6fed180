//! What the data files must be like.

use std::collections::{BTreeMap, BTreeSet};

use super::super::Profile;
use super::super::messages::Content;
use super::super::span_type::SpanType;
use super::super::table::Table;
use super::super::written::Written;
use super::calls;

const NAMES: &str = include_str!("../../genai/attributes.rs");
const SPANS: [SpanType; 8] = [
    SpanType::Http,
    SpanType::Inference,
    SpanType::Embeddings,
    SpanType::ToolCall,
    SpanType::ExecuteTool,
    SpanType::Retrieval,
    SpanType::InvokeAgent,
    SpanType::CreateAgent,
];

pub(super) fn tables() -> Vec<(&'static str, Table)> {
    [
        ("semconv-1.41", include_str!("../data/semconv-1.41.json")),
        ("semconv-latest", include_str!("../data/semconv-latest.json")),
        ("openinference", include_str!("../data/openinference.json")),
    ]
    .map(|(name, text)| {
        (name, Table::parse(text).unwrap_or_else(|error| panic!("{name}: {error}")))
    })
    .into()
}

/// Every attribute that the code names, whatever form its catalogue has.
pub(super) fn attributes() -> BTreeSet<&'static str> {
    let is_name = |text: &&str| {
        let homes =
            ["gen_ai.", "gateway.", "server.", "error.", "deployment.", "http.", "project."];
        homes.iter().any(|home| text.starts_with(home))
            && text.chars().all(|ch| ch.is_ascii_lowercase() || "0123456789_.".contains(ch))
            && !text.ends_with(['.', '_'])
    };
    NAMES
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| line.split('"'))
        .filter(is_name)
        .collect()
}

fn decided(table: &Table) -> BTreeSet<&str> {
    let read = table.rules.iter().flat_map(|rule| rule.sources());
    let mut names: BTreeSet<_> =
        table.keep.iter().chain(table.drop.keys()).chain(read).map(String::as_str).collect();
    if table.content.is_some() {
        names.extend(Content::SOURCES);
    }
    names
}

#[test]
fn every_attribute_is_mapped_kept_or_dropped_in_every_profile() {
    let attributes = attributes();
    assert!(attributes.len() > 80, "{attributes:?}");
    for (name, table) in tables() {
        let undecided: Vec<_> = attributes.difference(&decided(&table)).copied().collect();
        assert!(undecided.is_empty(), "{name} says nothing of {undecided:?}");
    }
}

#[test]
fn every_source_is_an_attribute() {
    let attributes = attributes();
    for (name, table) in tables() {
        let decided = decided(&table);
        let unknown: Vec<_> =
            decided.iter().filter(|source| !attributes.contains(**source)).collect();
        assert!(unknown.is_empty(), "{name} reads {unknown:?}, which nothing writes");
        for (attribute, why) in &table.drop {
            assert!(!why.is_empty(), "{name} drops {attribute} for no reason");
            assert!(!table.keep.contains(attribute), "{name} keeps and drops {attribute}");
            let read =
                table.rules.iter().any(|rule| rule.sources().any(|source| source == attribute));
            assert!(!read, "{name} maps and drops {attribute}");
        }
    }
}

#[test]
fn no_two_rules_write_one_name_on_one_span() {
    for (name, table) in tables() {
        for of in SPANS {
            let mut writers: BTreeMap<(&str, Option<&str>), u32> = BTreeMap::new();
            for rule in table.rules.iter().filter(|rule| rule.is_for(of)) {
                for target in rule.names() {
                    *writers.entry((target, rule.member.as_deref())).or_default() += 1;
                }
            }
            for constant in table.constants.iter().filter(|constant| constant.spans.contains(&of)) {
                *writers.entry((&constant.name, None)).or_default() += 1;
            }
            for ((target, member), writers) in writers {
                assert_eq!(writers, 1, "{name}: {target} {member:?} on {of:?}");
                let kept = table.keep.contains(target);
                assert!(!kept, "{name}: {target} is kept and written by a rule");
            }
        }
    }
}

#[test]
fn every_profile_is_found_by_its_name_and_no_other() {
    for profile in Profile::ALL {
        assert_eq!(Profile::named(profile.name()), Some(profile));
    }
    assert_eq!(Profile::named("to12"), None);
    let urls: Vec<_> = Profile::ALL.iter().filter_map(|profile| profile.schema_url()).collect();
    assert_eq!(urls, ["https://opentelemetry.io/schemas/1.41.1"], "where there is a release");
}

#[test]
fn a_misspelt_field_of_a_profile_is_an_error() {
    for text in [
        r#"{ "rulez": [] }"#,
        r#"{ "rules": [{ "from": ["a"], "too": ["b"] }] }"#,
        r#"{ "left_out": ["tool"] }"#,
        r#"{ "rules": [{ "from": ["a"], "as": "number" }] }"#,
    ] {
        assert!(Table::parse(text).is_err(), "{text}");
    }
    // Should it ever come to that, spans are exported as they are made.
    let span = calls::genai_span(calls::full());
    let mut written = Written::default();
    Table::embedded("{").write(&span, &mut written);
    assert_eq!(written.finish("marker"), span.attributes);
}

#[test]
fn the_calls_of_these_tests_have_every_attribute_that_a_span_can_have() {
    let mut seen = BTreeSet::new();
    for span in calls::all().into_iter().flat_map(|(_, genai)| calls::tree(genai)) {
        let of_events = span.events.iter().flat_map(|event| &event.attributes);
        let names = span.attributes.iter().chain(of_events).map(|(name, _)| name.to_string());
        seen.extend(names);
    }
    let [(_, pinned), ..] = &tables()[..] else { panic!("no profile") };
    for attribute in attributes() {
        let of_metrics = pinned.drop.get(attribute).is_some_and(|why| why == "a metric's");
        // These calls are answered; a refusal's HTTP span has one attribute more.
        let of_refusals =
            attribute == "gateway.error.code" || attribute.starts_with("gateway.limit.");
        // Nobody shows a key here.
        let of_keys = attribute.starts_with("gateway.key.") || attribute == "project.id";
        // What callers' headers say of a prompt comes as attributes of the operator's do.
        let of_headers = attribute.starts_with("gateway.prompt.");
        let elsewhere = of_metrics || of_refusals || of_keys || of_headers;
        assert_eq!(seen.contains(attribute), !elsewhere, "{attribute}");
    }
}
