//! The row that every back end shares: one span, as the Collector's ClickHouse schema has it.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::StoreError;

/// Attributes that hold what people wrote. Back ends keep them apart, so that looking at a list of
/// spans never touches them; a row that was read has them after its other attributes.
pub const CONTENT_KEYS: [&str; 5] = [
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.system_instructions",
    "gen_ai.tool.definitions",
    "gen_ai.tool.call.arguments",
];

/// Attributes in order, each value as text. Names that the program knows are not copied.
pub type Pairs = Vec<(Cow<'static, str>, String)>;

/// One span.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpanRow {
    /// Start, Unix time in nanoseconds.
    pub timestamp_ns: i64,
    /// End minus start.
    pub duration_ns: i64,
    /// 32 lower-case hexadecimal digits.
    pub trace_id: String,
    /// 16 lower-case hexadecimal digits.
    pub span_id: String,
    /// 16 lower-case hexadecimal digits, or empty for a root.
    pub parent_span_id: String,
    /// The W3C `tracestate`.
    pub trace_state: String,
    /// The span's name.
    pub name: String,
    /// Its kind.
    pub kind: SpanKind,
    /// The resource's `service.name`, or empty.
    pub service_name: String,
    /// The resource's attributes, `service.name` included: one list for all spans that came with it.
    #[serde(with = "pairs")]
    pub resource_attributes: Arc<Pairs>,
    /// The instrumentation scope.
    pub scope_name: String,
    /// The instrumentation scope's version.
    pub scope_version: String,
    /// The span's attributes, each value as text.
    #[serde(with = "pairs")]
    pub attributes: Pairs,
    /// Its status.
    pub status: StatusCode,
    /// What the status says.
    pub status_message: String,
    /// Its events.
    pub events: Vec<EventRow>,
    /// Its links.
    pub links: Vec<LinkRow>,
}

/// Something that happened during a span.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRow {
    /// When, Unix time in nanoseconds.
    pub timestamp_ns: i64,
    /// The event's name.
    pub name: String,
    /// Its attributes, each value as text.
    #[serde(with = "pairs")]
    pub attributes: Pairs,
}

/// A span that another one points to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkRow {
    /// 32 lower-case hexadecimal digits.
    pub trace_id: String,
    /// 16 lower-case hexadecimal digits.
    pub span_id: String,
    /// The W3C `tracestate`.
    pub trace_state: String,
    /// Its attributes, each value as text.
    #[serde(with = "pairs")]
    pub attributes: Pairs,
}

/// What part a span has in a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SpanKind {
    /// Not said.
    #[default]
    Unspecified,
    /// Neither calls nor is called.
    Internal,
    /// Answers a call.
    Server,
    /// Makes a call.
    Client,
    /// Puts something into a queue.
    Producer,
    /// Takes something out of a queue.
    Consumer,
}

/// How a span ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum StatusCode {
    /// Not said.
    #[default]
    Unset,
    /// Well.
    Ok,
    /// Badly.
    Error,
}

// === impl SpanRow ===

impl SpanRow {
    /// The value of an attribute.
    pub fn attribute(&self, key: &str) -> Option<&str> {
        value_of(&self.attributes, key)
    }

    /// The value of a resource attribute.
    pub fn resource_attribute(&self, key: &str) -> Option<&str> {
        value_of(&self.resource_attributes, key)
    }

    /// When it ended, Unix time in nanoseconds.
    pub const fn ended_ns(&self) -> i64 {
        self.timestamp_ns.saturating_add(self.duration_ns)
    }

    /// Whether a store can give this row back under its ids.
    ///
    /// # Errors
    /// [`StoreError::BadRow`] for an id of the wrong form or a time before 1970.
    pub fn check(&self) -> Result<(), StoreError> {
        let reason = if !is_hex(&self.trace_id, 32) {
            "the trace id is not 32 lower-case hexadecimal digits"
        } else if !is_hex(&self.span_id, 16) {
            "the span id is not 16 lower-case hexadecimal digits"
        } else if !self.parent_span_id.is_empty() && !is_hex(&self.parent_span_id, 16) {
            "the parent span id is neither empty nor 16 lower-case hexadecimal digits"
        } else if self.timestamp_ns < 0 || self.duration_ns < 0 {
            "its start or its duration is negative"
        } else {
            return Ok(());
        };
        Err(StoreError::BadRow { reason: reason.to_owned() })
    }
}

fn value_of<'a>(pairs: &'a Pairs, key: &str) -> Option<&'a str> {
    pairs.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
}

pub(crate) fn is_hex(text: &str, digits: usize) -> bool {
    let is_digit = |byte: u8| byte.wrapping_sub(b'0') < 10 || byte.wrapping_sub(b'a') < 6;
    // To the end in any case: many bytes at a time.
    text.len() == digits && text.bytes().fold(true, |all, byte| all & is_digit(byte))
}

// === impl SpanKind ===

impl SpanKind {
    const ALL: [Self; 6] = [
        Self::Unspecified,
        Self::Internal,
        Self::Server,
        Self::Client,
        Self::Producer,
        Self::Consumer,
    ];

    /// The word that the ClickHouse exporter writes.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unspecified => "Unspecified",
            Self::Internal => "Internal",
            Self::Server => "Server",
            Self::Client => "Client",
            Self::Producer => "Producer",
            Self::Consumer => "Consumer",
        }
    }

    /// OpenTelemetry's number of it (`SpanKind` of the protocol).
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::Unspecified => 0,
            Self::Internal => 1,
            Self::Server => 2,
            Self::Client => 3,
            Self::Producer => 4,
            Self::Consumer => 5,
        }
    }

    /// The kind with this word, upper or lower case.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str().eq_ignore_ascii_case(word))
    }
}

// === impl StatusCode ===

impl StatusCode {
    /// The word that the ClickHouse exporter writes.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unset => "Unset",
            Self::Ok => "Ok",
            Self::Error => "Error",
        }
    }

    /// OpenTelemetry's number of it (`Status.StatusCode` of the protocol).
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::Unset => 0,
            Self::Ok => 1,
            Self::Error => 2,
        }
    }

    /// The status with this word, upper or lower case.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Unset, Self::Ok, Self::Error]
            .into_iter()
            .find(|code| code.as_str().eq_ignore_ascii_case(word))
    }
}

/// Attribute lists as JSON objects, order kept.
pub(crate) mod pairs {
    use std::fmt;

    use serde::de::{MapAccess, Visitor};
    use serde::{Deserializer, Serializer};

    use super::Pairs;

    pub(crate) fn serialize<S: Serializer>(
        pairs: &impl AsRef<Pairs>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_map(pairs.as_ref().iter().map(|(key, value)| (key, value)))
    }

    pub(crate) fn deserialize<'de, T: From<Pairs>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of strings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(pairs)
            }
        }
        deserializer.deserialize_map(Object).map(T::from)
    }
}
