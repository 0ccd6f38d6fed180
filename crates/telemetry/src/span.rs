//! A finished span: plain data, cheap to build, the same for every destination.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// A trace's id; never zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId(u128);

/// An attribute's name: one of ours, or one that the operator's configuration gives.
pub type Key = Cow<'static, str>;

/// A span's id; never zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanId(u64);

/// Which of the two exporters a span belongs to. The store takes both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pipeline {
    /// HTTP spans.
    Application,
    /// Model calls, their tool calls, and declared operations.
    GenAi,
}

/// A span's kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanKind {
    /// Work inside the process.
    Internal,
    /// A request that was served.
    Server,
    /// A request that was made.
    Client,
}

/// How a span ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Well, as far as anybody knows.
    Unset,
    /// With an error, and a summary of it.
    Error(String),
}

/// An attribute's value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Text, JSON included.
    Str(Text),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// Yes or no.
    Bool(bool),
    /// Texts, in order. The default vocabulary writes lists as JSON text; others have real ones.
    Strs(Vec<String>),
}

/// A text of a span: one of our own words, one made for this span, or one that many spans share.
#[derive(Clone)]
pub enum Text {
    /// Ours.
    Static(&'static str),
    /// Of this span alone.
    Owned(String),
    /// Of a key, a target, a model: the same for many calls.
    Shared(Arc<str>),
}

/// Something that happened at one moment of a span.
#[derive(Clone, Debug, PartialEq)]
pub struct SpanEvent {
    /// When, in nanoseconds since 1970.
    pub at_ns: u64,
    /// What.
    pub name: &'static str,
    /// Details.
    pub attributes: Vec<(Key, Value)>,
}

/// A span that another one points to.
#[derive(Clone, Debug, PartialEq)]
pub struct SpanLink {
    /// Its trace.
    pub trace_id: TraceId,
    /// Its id.
    pub span_id: SpanId,
    /// What it is to the one that points.
    pub attributes: Vec<(Key, Value)>,
}

/// A finished span.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// The trace it belongs to.
    pub trace_id: TraceId,
    /// Its own id.
    pub span_id: SpanId,
    /// The span it is part of.
    pub parent: Option<SpanId>,
    /// The caller's `tracestate`, as it came.
    pub trace_state: Option<Arc<str>>,
    /// Its name.
    pub name: Cow<'static, str>,
    /// Its kind.
    pub kind: SpanKind,
    /// Its beginning, in nanoseconds since 1970.
    pub start_ns: u64,
    /// Its end, in nanoseconds since 1970.
    pub end_ns: u64,
    /// How it ended.
    pub status: Status,
    /// What is known of it. Names are unique.
    pub attributes: Vec<(Key, Value)>,
    /// What happened meanwhile.
    pub events: Vec<SpanEvent>,
    /// Spans it points to.
    pub links: Vec<SpanLink>,
    /// Where it is exported.
    pub pipeline: Pipeline,
}

// === impl TraceId ===

impl TraceId {
    /// An id; zero, which means "none", becomes one.
    pub const fn new(id: u128) -> Self {
        Self(if id == 0 { 1 } else { id })
    }

    /// The id's bytes, most significant first.
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// The id as it is shown, for less than a formatter takes: 32 digits.
    pub fn to_hex(self) -> String {
        hex(&self.to_bytes())
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

// === impl SpanId ===

impl SpanId {
    /// An id; zero, which means "none", becomes one.
    pub const fn new(id: u64) -> Self {
        Self(if id == 0 { 1 } else { id })
    }

    /// The id's bytes, most significant first.
    pub const fn to_bytes(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }

    /// The id as it is shown, for less than a formatter takes: 16 digits.
    pub fn to_hex(self) -> String {
        hex(&self.to_bytes())
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

// === impl Text ===

impl Text {
    /// As a text of its own.
    pub fn into_owned(self) -> String {
        match self {
            Self::Owned(text) => text,
            Self::Static(_) | Self::Shared(_) => (*self).to_owned(),
        }
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Static(text) => text,
            Self::Owned(text) => text,
            Self::Shared(text) => text,
        }
    }
}

/// Texts are what they say, whoever has them.
impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl From<&'static str> for Text {
    fn from(text: &'static str) -> Self {
        Self::Static(text)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

// === impl Value ===

impl From<&'static str> for Value {
    fn from(text: &'static str) -> Self {
        Self::Str(Text::Static(text))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Str(Text::Owned(text))
    }
}

impl From<Cow<'static, str>> for Value {
    fn from(text: Cow<'static, str>) -> Self {
        match text {
            Cow::Borrowed(text) => text.into(),
            Cow::Owned(text) => text.into(),
        }
    }
}

impl From<&Arc<str>> for Value {
    fn from(text: &Arc<str>) -> Self {
        Self::Str(Text::Shared(Arc::clone(text)))
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Int(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Int(i64::from(number))
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Float(number)
    }
}

impl From<bool> for Value {
    fn from(yes: bool) -> Self {
        Self::Bool(yes)
    }
}

impl Value {
    /// The value as a map of strings holds it, as [`fmt::Display`] writes it.
    pub fn to_text(&self) -> String {
        match self {
            Self::Str(text) => (**text).to_owned(),
            // Without a formatter, which costs more than the digits.
            Self::Int(number) => number.to_string(),
            Self::Bool(yes) => if *yes { "true" } else { "false" }.to_owned(),
            Self::Float(_) | Self::Strs(_) => self.to_string(),
        }
    }
}

/// As a map of strings holds it: what the documented queries compare with.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Str(text) => f.write_str(text),
            Self::Int(number) => write!(f, "{number}"),
            Self::Float(number) => write!(f, "{number}"),
            Self::Bool(yes) => write!(f, "{yes}"),
            Self::Strs(texts) => f.write_str(&json_array(texts)),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    push_hex(&mut text, bytes);
    text
}

/// Adds two digits for each byte of a multiple of four. Without a formatter, and not digit by digit:
/// this is done several times for each request.
pub(crate) fn push_hex(text: &mut String, bytes: &[u8]) {
    let (fours, _) = bytes.as_chunks::<4>();
    for four in fours {
        let digits = eight_digits(u32::from_be_bytes(*four));
        text.push_str(std::str::from_utf8(&digits).unwrap_or_default());
    }
}

/// The digits of a number, the first one first.
const fn eight_digits(number: u32) -> [u8; 8] {
    const fn all(byte: u8) -> u64 {
        u64::from_ne_bytes([byte; 8])
    }
    // Half a byte each to a byte of its own.
    let word = number as u64;
    let word = (word | word << 16) & 0x0000_FFFF_0000_FFFF;
    let word = (word | word << 8) & 0x00FF_00FF_00FF_00FF;
    let word = (word | word << 4) & all(0x0F);
    let is_letter = ((word + all(6)) >> 4) & all(1);
    (word + all(b'0') + is_letter * (b'a' - b'0' - 10) as u64).to_be_bytes()
}

/// Texts as a JSON array.
pub(crate) fn json_array(texts: &[String]) -> String {
    let mut out = String::from("[");
    for (at, text) in texts.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        out.push('"');
        for ch in text.chars() {
            match ch {
                '"' | '\\' => out.extend(['\\', ch]),
                ch if ch.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(ch))),
                ch => out.push(ch),
            }
        }
        out.push('"');
    }
    out.push(']');
    out
}

// === impl Span ===

impl Span {
    /// The value of an attribute.
    pub fn attribute(&self, name: &str) -> Option<&Value> {
        self.attributes.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }
}
