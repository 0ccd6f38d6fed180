//! What is too much in a decoded request is cut or rejected, and counted: never silently lost.
//!
//! Items beyond the limit are rejected: the sender is told by a partial success. Attributes, events
//! and links beyond it are dropped, as SDKs do, and added to the `dropped_*_count` beside them. Texts
//! are cut between two characters.

mod signals;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;

use crate::Limits;
use crate::pipeline::PROJECT_ID;
pub(crate) use signals::Limited;

#[cfg(test)]
mod tests;

/// What an element of a list or map is charged beside its own text, in bytes: about its punctuation.
const ELEMENT_BYTES: usize = 8;
/// Kept wherever in a resource they stand: without them nobody knows whose an item is.
const PINNED: [&str; 2] = [PROJECT_ID, "service.name"];

/// What was too much.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cut {
    /// Spans, points or log records that were rejected.
    pub(crate) items: usize,
    /// Attributes that were dropped.
    pub(crate) attributes: usize,
    /// Events, links and exemplars that were dropped.
    pub(crate) events: usize,
    /// Texts, bytes, lists and maps that were cut.
    pub(crate) values: usize,
    /// Lists and maps that lay too deep and became nothing.
    pub(crate) depths: usize,
}

/// Applies the limits to one request.
pub(crate) struct Limiter<'l> {
    limits: &'l Limits,
    items_left: usize,
    cut: Cut,
}

// === impl Limiter ===

impl<'l> Limiter<'l> {
    fn new(limits: &'l Limits) -> Self {
        Self { limits, items_left: limits.items_max, cut: Cut::default() }
    }

    /// Keeps as many items as there may still be.
    fn items<T>(&mut self, items: &mut Vec<T>) {
        let kept = items.len().min(self.items_left);
        self.cut.items += items.len() - kept;
        self.items_left -= kept;
        items.truncate(kept);
    }

    fn resource(&mut self, resource: &mut Option<Resource>) {
        let Some(resource) = resource else { return };
        self.pinned(&mut resource.attributes);
        let max = self.limits.attributes_max.max(PINNED.len());
        self.first(&mut resource.attributes, max, &mut resource.dropped_attributes_count);
    }

    fn scope(&mut self, scope: &mut Option<InstrumentationScope>) {
        let Some(scope) = scope else { return };
        self.text(&mut scope.name);
        self.text(&mut scope.version);
        self.attributes(&mut scope.attributes, &mut scope.dropped_attributes_count);
    }

    /// Brings what must be kept to the front, if it would be dropped.
    fn pinned(&self, attributes: &mut [KeyValue]) {
        for (to, name) in PINNED.into_iter().enumerate() {
            let at = attributes.iter().position(|attribute| attribute.key == name);
            if let Some(at) = at.filter(|at| *at >= self.limits.attributes_max) {
                attributes.swap(to, at);
            }
        }
    }

    fn attributes(&mut self, attributes: &mut Vec<KeyValue>, dropped: &mut u32) {
        self.first(attributes, self.limits.attributes_max, dropped);
    }

    fn first(&mut self, attributes: &mut Vec<KeyValue>, max: usize, dropped: &mut u32) {
        let over = drop_beyond(attributes, max, dropped);
        self.cut.attributes += over;
        for KeyValue { key, value, .. } in attributes {
            self.text(key);
            if let Some(value) = value {
                self.value(value);
            }
        }
    }

    /// Keeps as many events, links or exemplars as there may be.
    fn events<T>(&mut self, events: &mut Vec<T>, dropped: &mut u32) {
        self.cut.events += drop_beyond(events, self.limits.events_max, dropped);
    }

    fn value(&mut self, value: &mut AnyValue) {
        let mut left = self.limits.value_bytes_max;
        self.inner_value(value, &mut left, 0);
    }

    fn text(&mut self, text: &mut String) {
        let mut left = self.limits.value_bytes_max;
        self.inner_text(text, &mut left);
    }

    fn inner_text(&mut self, text: &mut String, left: &mut usize) {
        if text.len() > *left {
            text.truncate(text.floor_char_boundary(*left));
            self.cut.values += 1;
        }
        *left = left.saturating_sub(text.len());
    }

    /// Depth is that of the lists and maps around it. The decoders bound how deep this goes.
    fn inner_value(&mut self, value: &mut AnyValue, left: &mut usize, depth: usize) {
        let is_too_deep = depth >= self.limits.value_depth_max;
        match &mut value.value {
            Some(Value::ArrayValue(_) | Value::KvlistValue(_)) if is_too_deep => {
                value.value = None;
                self.cut.depths += 1;
            }
            Some(Value::StringValue(text)) => self.inner_text(text, left),
            Some(Value::BytesValue(bytes)) => {
                if bytes.len() > *left {
                    bytes.truncate(*left);
                    self.cut.values += 1;
                }
                *left = left.saturating_sub(bytes.len());
            }
            Some(Value::ArrayValue(array)) => {
                let kept = array.values.iter_mut().position(|element| {
                    !take_element(left) || {
                        self.inner_value(element, left, depth + 1);
                        false
                    }
                });
                self.elements(&mut array.values, kept);
            }
            Some(Value::KvlistValue(list)) => {
                let kept = list.values.iter_mut().position(|KeyValue { key, value, .. }| {
                    !take_element(left) || {
                        self.inner_text(key, left);
                        if let Some(value) = value {
                            self.inner_value(value, left, depth + 1);
                        }
                        false
                    }
                });
                self.elements(&mut list.values, kept);
            }
            _ => {}
        }
    }

    fn elements<T>(&mut self, elements: &mut Vec<T>, kept: Option<usize>) {
        if let Some(kept) = kept {
            elements.truncate(kept);
            self.cut.values += 1;
        }
    }
}

/// Whether there is room for one more.
fn take_element(left: &mut usize) -> bool {
    let is_room = *left >= ELEMENT_BYTES;
    *left = left.saturating_sub(ELEMENT_BYTES);
    is_room
}

fn drop_beyond<T>(list: &mut Vec<T>, max: usize, dropped: &mut u32) -> usize {
    let over = list.len().saturating_sub(max);
    list.truncate(max);
    *dropped = dropped.saturating_add(u32::try_from(over).unwrap_or(u32::MAX));
    over
}
