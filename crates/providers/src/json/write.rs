//! A JSON value as text. Most strings have nothing to escape: that is seen eight bytes at a time, and
//! they are copied whole.

use serde_json::Value;

use super::cursor::quote_escape_or_control;

/// Appends `value`, as `serde_json` writes it.
pub(crate) fn write(out: &mut Vec<u8>, value: &Value) -> Result<(), serde_json::Error> {
    match value {
        Value::String(text) => write_string(out, text),
        Value::Array(elements) => {
            out.push(b'[');
            for (at, element) in elements.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write(out, element)?;
            }
            out.push(b']');
            Ok(())
        }
        Value::Object(members) => {
            out.push(b'{');
            for (at, (name, member)) in members.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write_string(out, name)?;
                out.push(b':');
                write(out, member)?;
            }
            out.push(b'}');
            Ok(())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => serde_json::to_writer(out, value),
    }
}

fn write_string(out: &mut Vec<u8>, text: &str) -> Result<(), serde_json::Error> {
    if quote_escape_or_control(text.as_bytes()).is_some() {
        return serde_json::to_writer(out, text);
    }
    out.reserve(text.len() + 2);
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
    Ok(())
}
