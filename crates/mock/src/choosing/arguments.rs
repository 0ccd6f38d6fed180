//! Arguments that satisfy a tool's JSON schema, well enough for a client that validates them.

use serde_json::{Map, Value};

/// How deep a schema is followed; what lies deeper becomes `null`.
const DEPTH_MAX: usize = 8;
/// Values to tell parallel calls apart.
const WORDS: [&str; 2] = ["Paris", "Oslo"];

/// The JSON text of arguments for `schema`; `n` makes parallel calls differ.
pub(super) fn matching(schema: &Value, n: usize) -> String {
    match value(schema, n, 0) {
        arguments @ Value::Object(_) => arguments.to_string(),
        _ => "{}".to_owned(),
    }
}

fn value(schema: &Value, n: usize, depth: usize) -> Value {
    if depth > DEPTH_MAX {
        return Value::Null;
    }
    if let Some(constant) = schema.get("const") {
        return constant.clone();
    }
    if let Some(Value::Array(choices)) = schema.get("enum") {
        return choices.get(n).or_else(|| choices.first()).cloned().unwrap_or(Value::Null);
    }
    for key in ["anyOf", "oneOf", "allOf"] {
        if let Some(first) = schema.get(key).and_then(|of| of.get(0)) {
            return value(first, n, depth + 1);
        }
    }
    let kind = match schema.get("type") {
        Some(Value::Array(kinds)) => kinds.first(),
        kind => kind,
    };
    match kind.and_then(Value::as_str) {
        Some("object") => object(schema, n, depth),
        None if schema.get("properties").is_some() => object(schema, n, depth),
        Some("array") => {
            let item = schema.get("items").unwrap_or(&Value::Null);
            Value::Array(vec![value(item, n, depth + 1)])
        }
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or(Value::from(1)),
        Some("boolean") => Value::Bool(true),
        Some("string") | None => Value::from(WORDS[n % WORDS.len()]),
        Some(_) => Value::Null,
    }
}

fn object(schema: &Value, n: usize, depth: usize) -> Value {
    let Some(Value::Object(properties)) = schema.get("properties") else {
        return Value::Object(Map::new());
    };
    let of = |(name, schema): (&String, &Value)| (name.clone(), value(schema, n, depth + 1));
    Value::Object(properties.iter().map(of).collect())
}
