//! Attributes in the making: a name that is written stays with whoever wrote it first.

use std::collections::HashSet;

use crate::span::{Key, Value};

#[derive(Default)]
pub(super) struct Written {
    attributes: Vec<(Key, Value)>,
    names: HashSet<Key>,
    left_out: Vec<&'static str>,
}

// === impl Written ===

impl Written {
    pub(super) fn add(&mut self, name: impl Into<Key>, value: impl Into<Value>) {
        let name = name.into();
        if self.names.insert(name.clone()) {
            self.attributes.push((name, value.into()));
        }
    }

    pub(super) fn extend<'a>(&mut self, attributes: impl IntoIterator<Item = &'a (Key, Value)>) {
        for (name, value) in attributes {
            self.add(name.clone(), value.clone());
        }
    }

    /// Says that there is something for `name` that could not be written.
    pub(super) fn leave_out(&mut self, name: &'static str) {
        self.left_out.push(name);
    }

    /// The attributes; `marker` names what was left out, unless another vocabulary had it.
    pub(super) fn finish(mut self, marker: &'static str) -> Vec<(Key, Value)> {
        let mut left_out: Vec<String> = Vec::new();
        for name in std::mem::take(&mut self.left_out) {
            if !self.names.contains(name) && !left_out.iter().any(|known| known == name) {
                left_out.push(name.to_owned());
            }
        }
        if !left_out.is_empty() {
            self.add(marker, Value::Strs(left_out));
        }
        self.attributes
    }
}
