//! Spans as ClickHouse's `RowBinary` has them: the columns of [`COLUMNS`] in that order, without
//! names. Integers are little-endian, a text is its length and its bytes, lists and maps begin with
//! their length; lengths are LEB128. `LowCardinality` does not show. Source: ClickHouse's
//! documentation of the format.

use crate::{Pairs, SpanRow};

#[cfg(test)]
mod tests;

/// The columns of a span and their types, in the order in which [`encode`] writes them.
pub(super) const COLUMNS: [(&str, &str); 22] = [
    ("Timestamp", "DateTime64(9)"),
    ("TraceId", "String"),
    ("SpanId", "String"),
    ("ParentSpanId", "String"),
    ("TraceState", "String"),
    ("SpanName", "String"),
    ("SpanKind", "String"),
    ("ServiceName", "String"),
    ("ResourceAttributes", "Map(String, String)"),
    ("ScopeName", "String"),
    ("ScopeVersion", "String"),
    ("SpanAttributes", "Map(String, String)"),
    ("Duration", "UInt64"),
    ("StatusCode", "String"),
    ("StatusMessage", "String"),
    ("Events.Timestamp", "Array(DateTime64(9))"),
    ("Events.Name", "Array(String)"),
    ("Events.Attributes", "Array(Map(String, String))"),
    ("Links.TraceId", "Array(String)"),
    ("Links.SpanId", "Array(String)"),
    ("Links.TraceState", "Array(String)"),
    ("Links.Attributes", "Array(Map(String, String))"),
];

/// The bytes of an insert.
#[derive(Default)]
pub(super) struct Writer(pub(super) Vec<u8>);

/// All `rows`, one after the other. The same rows are always the same bytes.
pub(super) fn encode<'a>(rows: impl IntoIterator<Item = &'a SpanRow>) -> Vec<u8> {
    let mut writer = Writer::default();
    for row in rows {
        writer.row(row);
    }
    writer.0
}

// === impl Writer ===

impl Writer {
    fn row(&mut self, row: &SpanRow) {
        self.signed(row.timestamp_ns);
        for text in [
            &row.trace_id,
            &row.span_id,
            &row.parent_span_id,
            &row.trace_state,
            &row.name,
            row.kind.as_str(),
            &row.service_name,
        ] {
            self.text(text);
        }
        self.map(&row.resource_attributes);
        self.text(&row.scope_name);
        self.text(&row.scope_version);
        self.map(&row.attributes);
        // Never negative in a row that was checked.
        self.signed(row.duration_ns);
        self.text(row.status.as_str());
        self.text(&row.status_message);
        let (events, links) = (&row.events, &row.links);
        self.list(events, |writer, event| writer.signed(event.timestamp_ns));
        self.list(events, |writer, event| writer.text(&event.name));
        self.list(events, |writer, event| writer.map(&event.attributes));
        self.list(links, |writer, link| writer.text(&link.trace_id));
        self.list(links, |writer, link| writer.text(&link.span_id));
        self.list(links, |writer, link| writer.text(&link.trace_state));
        self.list(links, |writer, link| writer.map(&link.attributes));
    }

    pub(super) fn signed(&mut self, number: i64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    pub(super) fn signed_32(&mut self, number: i32) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    pub(super) fn unsigned(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    pub(super) fn unsigned_32(&mut self, number: u32) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    pub(super) fn float(&mut self, number: f64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    pub(super) fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    pub(super) fn flag(&mut self, flag: bool) {
        self.byte(u8::from(flag));
    }

    fn length(&mut self, mut length: usize) {
        loop {
            let low = u8::try_from(length & 0x7f).unwrap_or_default();
            length >>= 7;
            if length == 0 {
                self.0.push(low);
                return;
            }
            self.0.push(low | 0x80);
        }
    }

    pub(super) fn text(&mut self, text: &str) {
        self.length(text.len());
        self.0.extend_from_slice(text.as_bytes());
    }

    pub(super) fn map(&mut self, pairs: &Pairs) {
        self.list(pairs, |writer, (key, value)| {
            writer.text(key);
            writer.text(value);
        });
    }

    pub(super) fn list<T>(&mut self, items: &[T], mut item: impl FnMut(&mut Self, &T)) {
        self.length(items.len());
        for one in items {
            item(self, one);
        }
    }
}
