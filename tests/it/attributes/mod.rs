//! A row for every attribute, metric, dimension and header: there with the right type and value when
//! its source is, absent when that is. The documentation of them is made from the same tables.

mod calls;
mod endpoints;
mod headers;
mod metrics;
mod receiver;
mod record;
mod reference;
mod rows;
mod seeds;
mod trace;
mod traps;

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use tollgate_telemetry::genai::attributes::{Attribute, CATALOG, On, ValueKind};

use calls::Case;
use receiver::{Told, is_text_of, on_event, stands_on};
use rows::{AT_THE_RECORD, ROWS, Row};

#[test]
fn every_attribute_is_there_with_its_source_and_absent_without_over_otlp_and_in_the_store() {
    let told = calls::make_all();
    let mut wrong: Vec<String> = ROWS.iter().filter_map(|row| fault_of(row, &told)).collect();
    for (case, told) in &told {
        wrong.extend(strays(told).into_iter().map(|stray| format!("{case:?}: {stray}")));
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn every_attribute_of_the_catalogue_has_a_row() {
    for attribute in CATALOG {
        let spans = attribute.on.iter().filter(|on| **on != On::Metric);
        for on in spans {
            let row = ROWS.iter().any(|row| (row.name, row.on) == (attribute.name, *on));
            assert!(row || AT_THE_RECORD.contains(&attribute.name), "{} on {on:?}", attribute.name);
        }
    }
    for row in ROWS {
        let known = Attribute::named(row.name).unwrap_or_else(|| panic!("{}", row.name));
        assert!(known.on.contains(&row.on), "{row:?}");
    }
}

/// What is wrong with a row, if anything is.
fn fault_of(row: &Row, told: &BTreeMap<Case, Told>) -> Option<String> {
    let given = &told[&row.given];
    let Some(value) = given.value(row.on, row.name) else {
        return Some(format!("{}: absent in {:?}, on {:?}", row.name, row.given, row.on));
    };
    if !row.expected.is(&value) {
        return Some(format!("{}: {value:?} in place of {row:?}", row.name));
    }
    let absent = told.get(&row.absent?)?;
    if !matches!(row.on, On::Attempt | On::Guardrail) && absent.span(row.on).is_none() {
        return Some(format!("{}: {:?} has no such span", row.name, row.absent));
    }
    let value = absent.value(row.on, row.name)?;
    Some(format!("{}: {value:?} in {:?}, which has no source", row.name, row.absent))
}

/// Attributes that the catalogue does not know there, of another type or empty, and differences
/// between what was exported and what was stored.
fn strays(told: &Told) -> Vec<String> {
    let mut strays = Vec::new();
    for span in &told.spans {
        let on = stands_on(span);
        strays.extend(span.attributes.iter().filter_map(|it| stray(on, it)));
        for event in &span.events {
            strays.extend(event.attributes.iter().filter_map(|it| stray(on_event(event), it)));
        }
        let id = receiver::hex(&span.span_id);
        let row = told.rows.iter().find(|row| row.span_id == id).unwrap();
        if row.attributes.len() != span.attributes.len() {
            strays.push(format!("{}: not the same attributes in the store", span.name));
        }
        for (name, text) in &row.attributes {
            let exported = receiver::value_of(&span.attributes, name);
            if !exported.is_some_and(|value| is_text_of(&value, text)) {
                strays.push(format!("{name}: {text:?} in the store is not what was exported"));
            }
        }
    }
    strays
}

fn stray(on: On, attribute: &KeyValue) -> Option<String> {
    let name = &attribute.key;
    let value = attribute.value.as_ref().and_then(|value| value.value.clone());
    let Some(known) = Attribute::named(name).filter(|known| known.on.contains(&on)) else {
        return Some(format!("{name} on {on:?} is not in the catalogue"));
    };
    let sound = match (&value, known.kind) {
        (Some(Value::StringValue(text)), ValueKind::Str) => !text.is_empty(),
        (Some(Value::StringValue(text)), ValueKind::Json) => json(text).is_some(),
        (Some(Value::StringValue(text)), ValueKind::JsonArray) => {
            json(text).is_some_and(|json| json.is_array())
        }
        (Some(Value::IntValue(_)), ValueKind::Int)
        | (Some(Value::DoubleValue(_)), ValueKind::Float)
        | (Some(Value::BoolValue(_)), ValueKind::Bool) => true,
        _ => false,
    };
    (!sound).then(|| format!("{name}: {value:?} is no {}", known.kind.name()))
}

fn json(text: &str) -> Option<serde_json::Value> {
    serde_json::from_str(text).ok()
}
