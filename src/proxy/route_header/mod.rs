//! `x-to11-route`: which layer, which target, which attempt, in one line. Names only, as they stand
//! in the configuration; never an address, never a key.

use std::fmt::Write;

use tollgate_routing::{Attempt, Layer, Plan};

use crate::proxy::ctx::Routed;

#[cfg(test)]
mod tests;

/// Where the request went; of one that is between two attempts, where the last one did. `None`
/// before the first attempt.
pub(crate) fn describe(routed: &Routed) -> Option<String> {
    let running = routed.current.as_ref().map(|current| &current.attempt);
    let attempt = running.or_else(|| routed.failures.last().map(|failed| &failed.attempt))?;
    Some(line(&routed.plan, attempt))
}

fn line(plan: &Plan, attempt: &Attempt) -> String {
    let mut line = String::new();
    if let Some(name) = plan.name.as_ref().filter(|_| plan.layer != Layer::Passthrough) {
        push(&mut line, plan.layer.name(), name);
    }
    push(&mut line, "layer", plan.layer.name());
    push(&mut line, "target", &attempt.target.name);
    if let Some(variant) = &attempt.variant {
        push(&mut line, "variant", &variant.name);
    }
    push(&mut line, "attempt", &attempt.number.to_string());
    line
}

/// Adds a field. A target may be called as its model is, and a model's name can have anything in it.
fn push(line: &mut String, key: &str, value: &str) {
    if !line.is_empty() {
        line.push(';');
    }
    line.push_str(key);
    line.push('=');
    for byte in value.bytes() {
        if byte.is_ascii_graphic() && !matches!(byte, b';' | b'=' | b',' | b'%' | b'"') {
            line.push(char::from(byte));
        } else {
            // `write!` to a String cannot fail.
            let _ = write!(line, "%{byte:02X}");
        }
    }
}
