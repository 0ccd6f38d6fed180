//! The list that was written last, of so many pairs: the next one mostly has the same keys and many of
//! the same values, and comparing takes less than looking up.

use super::super::words::Word;

/// How many lists are remembered, by how many pairs they have.
pub(super) const LASTS: usize = 8;
/// Pairs beyond are not remembered.
const PAIRS_MAX: usize = 64;

/// What the last list had.
#[derive(Default)]
pub(super) struct Last {
    keys: Vec<String>,
    shape: Option<Word>,
    values: Vec<Value>,
}

/// A value that is a word.
#[derive(Default)]
struct Value {
    text: String,
    item: Vec<u8>,
    /// Until which start of spans the word is kept.
    used_ns: i64,
}

// === impl Last ===

impl Last {
    /// The number of the shape, if these are its keys.
    pub(super) fn shape<'a>(
        &self,
        keys: impl Iterator<Item = &'a str>,
        count: usize,
        started_ns: i64,
    ) -> Option<u64> {
        let shape = self.shape.filter(|shape| shape.used_ns >= started_ns)?;
        let is_same = self.keys.len() == count && self.keys.iter().zip(keys).all(|(a, b)| a == b);
        is_same.then_some(shape.id)
    }

    pub(super) fn set_shape<'a>(&mut self, keys: impl Iterator<Item = &'a str>, shape: Word) {
        self.keys.clear();
        self.keys.extend(keys.map(str::to_owned));
        self.shape = Some(shape);
    }

    /// What was written for this value in this place.
    pub(super) fn value(&self, at: usize, text: &str, started_ns: i64) -> Option<&[u8]> {
        let value = self.values.get(at)?;
        (value.text == text && value.used_ns >= started_ns && !value.item.is_empty())
            .then_some(&value.item)
    }

    pub(super) fn set_value(&mut self, at: usize, text: &str, item: &[u8], word: Word) {
        if at >= PAIRS_MAX {
            return;
        }
        if self.values.len() <= at {
            self.values.resize_with(at + 1, Value::default);
        }
        let Some(value) = self.values.get_mut(at) else { return };
        value.text.clear();
        value.text.push_str(text);
        value.item.clear();
        value.item.extend_from_slice(item);
        value.used_ns = word.used_ns;
    }
}
