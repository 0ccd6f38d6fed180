//! How much memory a request becomes, before it is decoded.
//!
//! An empty span is two bytes of protobuf and hundreds in memory: the size of a body says little about
//! what its decoder allocates. This reads the wire format, or JSON, once, allocates nothing, and
//! estimates from above. What it cannot read the decoder cannot either, and it stops where this does.

mod json;
mod shapes;

pub(crate) use json::weigh as weigh_json;
pub(crate) use shapes::{LOGS, METRICS, TRACES};

#[cfg(test)]
mod tests;

/// What a number is charged: more than it takes, for its place in a growing list.
const NUMBER_BYTES: usize = 16;
/// What a text takes beside its bytes.
const ALLOCATION_BYTES: usize = 16;
/// Lists grow by doubling.
const GROWTH: usize = 2;
/// As deep as the decoder goes.
const DEPTH_MAX: usize = 100;

/// What a message is in memory, and which of its fields are messages.
pub(crate) struct Shape {
    /// Of the struct itself; 0 where it lies inside its parent.
    bytes: usize,
    fields: &'static [(u64, Field)],
}

enum Field {
    Message(&'static Shape),
    /// Numbers in one piece, each at least a byte.
    Packed,
}

/// Bytes that `body`, a message of this shape, becomes.
pub(crate) fn weigh(body: &[u8], shape: &Shape) -> usize {
    message(body, shape, 0)
}

fn message(mut rest: &[u8], shape: &Shape, depth: usize) -> usize {
    let mut bytes = shape.bytes.saturating_mul(GROWTH);
    while let Some((key, after)) = varint(rest) {
        let field = shape.fields.iter().find(|(tag, _)| *tag == key >> 3).map(|(_, field)| field);
        let taken = match key & 7 {
            0 => varint(after).map(|(_, after)| (NUMBER_BYTES, after)),
            1 => after.split_at_checked(8).map(|(_, after)| (NUMBER_BYTES, after)),
            5 => after.split_at_checked(4).map(|(_, after)| (NUMBER_BYTES, after)),
            2 => piece(after).map(|(piece, after)| (value(piece, field, depth), after)),
            // A group's fields count as the message's: too much, if anything.
            3 | 4 => Some((0, after)),
            _ => None,
        };
        let Some((taken, after)) = taken else { break };
        bytes = bytes.saturating_add(taken);
        rest = after;
    }
    bytes
}

fn value(piece: &[u8], field: Option<&Field>, depth: usize) -> usize {
    match field {
        Some(Field::Message(shape)) if depth < DEPTH_MAX => message(piece, shape, depth + 1),
        Some(Field::Message(_)) => 0,
        Some(Field::Packed) => piece.len().saturating_mul(NUMBER_BYTES),
        None => piece.len() + ALLOCATION_BYTES,
    }
}

fn piece(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = varint(rest)?;
    rest.split_at_checked(usize::try_from(length).ok()?)
}

/// A number of at most ten bytes, and what follows it.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0_u64;
    for (at, byte) in bytes.iter().enumerate().take(10) {
        number |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((number, bytes.get(at + 1..)?));
        }
    }
    None
}
