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

/// What any field is charged: more than a number takes, for its place in a growing list; what a text
/// takes beside its bytes.
const FIELD_BYTES: usize = 16;
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

/// What was found so far.
struct Scales {
    bytes: usize,
    bytes_max: usize,
}

/// Bytes that `body`, a message of this shape, becomes; once more than `bytes_max` it looks no
/// further.
pub(crate) fn weigh(body: &[u8], shape: &Shape, bytes_max: usize) -> usize {
    let mut scales = Scales { bytes: 0, bytes_max };
    scales.message(body, shape, 0);
    scales.bytes
}

// === impl Scales ===

impl Scales {
    fn message(&mut self, mut rest: &[u8], shape: &Shape, depth: usize) {
        self.add(shape.bytes.saturating_mul(GROWTH));
        while self.bytes <= self.bytes_max
            && let Some((key, after)) = varint(rest)
        {
            let after = match key & 7 {
                0 => varint(after).map(|(_, after)| after),
                1 => after.get(8..),
                5 => after.get(4..),
                2 => piece(after).map(|(piece, after)| {
                    let field = shape.fields.iter().find(|(tag, _)| *tag == key >> 3);
                    self.value(piece, field.map(|(_, field)| field), depth);
                    after
                }),
                // A group's fields count as the message's: too much, if anything.
                3 | 4 => Some(after),
                _ => None,
            };
            let Some(after) = after else { return };
            // Of what has a length this is its place in a list.
            self.add(FIELD_BYTES);
            rest = after;
        }
    }

    fn value(&mut self, piece: &[u8], field: Option<&Field>, depth: usize) {
        match field {
            Some(Field::Message(shape)) if depth < DEPTH_MAX => {
                self.message(piece, shape, depth + 1);
            }
            Some(Field::Message(_)) => {}
            Some(Field::Packed) => self.add(piece.len().saturating_mul(FIELD_BYTES)),
            None => self.add(piece.len()),
        }
    }

    fn add(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes);
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
