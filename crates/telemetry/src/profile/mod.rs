//! Vocabularies of span attributes. A finished span is written in the default vocabulary, which
//! is the richest; a profile says how it reads in another one. What a profile maps is data:
//! `data/*.json`. Nothing here runs while a request waits: a profile is applied where spans are
//! exported.

mod messages;
mod span_type;
mod table;
mod written;

use std::borrow::Cow;
use std::sync::LazyLock;

use crate::span::Span;
use span_type::SpanType;
use table::Table;
use written::Written;

#[cfg(test)]
mod tests;

/// Texts of messages that a vocabulary could not take over, because they were cut off and are no
/// JSON any more: the names they would have had.
const CONTENT_LEFT_OUT: &str = "gateway.content.left_out";

/// A vocabulary of span attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Profile {
    /// The documented attribute names, as spans are made.
    To11,
    /// OpenTelemetry semantic conventions 1.41.
    SemconvPinned,
    /// OpenTelemetry semantic conventions for generative AI, which have no release yet.
    SemconvLatest,
    /// OpenInference.
    OpenInference,
}

static SEMCONV_PINNED: LazyLock<Table> =
    LazyLock::new(|| Table::embedded(include_str!("data/semconv-1.41.json")));
static SEMCONV_LATEST: LazyLock<Table> =
    LazyLock::new(|| Table::embedded(include_str!("data/semconv-latest.json")));
static OPENINFERENCE: LazyLock<Table> =
    LazyLock::new(|| Table::embedded(include_str!("data/openinference.json")));

// === impl Profile ===

impl Profile {
    /// Every profile.
    pub const ALL: [Self; 4] =
        [Self::To11, Self::SemconvPinned, Self::SemconvLatest, Self::OpenInference];

    /// The profile of this name in the configuration.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.name() == name)
    }

    /// The name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::To11 => "to11",
            Self::SemconvPinned => "semconv-1.41",
            Self::SemconvLatest => "semconv-latest",
            Self::OpenInference => "openinference",
        }
    }

    /// Where the vocabulary is published; `None` where no release of it is.
    pub fn schema_url(self) -> Option<&'static str> {
        self.table()?.schema_url.as_deref()
    }

    /// Whether a span of this sort is part of the vocabulary.
    pub fn takes(self, span: &Span) -> bool {
        self.table().is_none_or(|table| !table.left_out.contains(&SpanType::of(span)))
    }

    /// `None`: the vocabulary that spans are made in.
    fn table(self) -> Option<&'static Table> {
        match self {
            Self::To11 => None,
            Self::SemconvPinned => Some(&SEMCONV_PINNED),
            Self::SemconvLatest => Some(&SEMCONV_LATEST),
            Self::OpenInference => Some(&OPENINFERENCE),
        }
    }
}

/// The schema of a set of profiles: that of the first which has one.
pub fn schema_url(profiles: &[Profile]) -> Option<&'static str> {
    profiles.iter().find_map(|profile| profile.schema_url())
}

/// `span` in all of `profiles` at once; where two write one name, the first has it. No profile at
/// all is `to11`. `None`: the span has no place in any of them.
pub fn apply<'a>(profiles: &[Profile], span: &'a Span) -> Option<Cow<'a, Span>> {
    let takers = || profiles.iter().filter(|profile| profile.takes(span));
    if profiles.is_empty() || takers().all(|profile| profile.table().is_none()) {
        let taken = profiles.is_empty() || takers().next().is_some();
        return taken.then_some(Cow::Borrowed(span));
    }
    let mut written = Written::default();
    for profile in takers() {
        match profile.table() {
            None => written.extend(&span.attributes),
            Some(table) => table.write(span, &mut written),
        }
    }
    Some(Cow::Owned(Span {
        attributes: written.finish(CONTENT_LEFT_OUT),
        name: span.name.clone(),
        status: span.status.clone(),
        trace_state: span.trace_state.clone(),
        events: span.events.clone(),
        links: span.links.clone(),
        ..*span
    }))
}
