//! A trace in one line, kept up to date span by span.
//!
//! What a trace's line says does not depend on the order in which its spans arrive: each part is a
//! sum, an extreme, or taken from the span that comes first by a fixed rule. So retention, which
//! takes spans away, adds the remaining ones up anew and comes to the same line.

use std::borrow::Cow;
use std::cmp::Reverse;

mod lines;
mod stretches;

#[cfg(test)]
mod tests;

pub(super) use lines::Lines;
pub(super) use stretches::{Stretches, from_ns};

/// How many values of each dimension a trace can be found by; a trace with more can be found by
/// those that arrived first.
pub(super) const FACTS_MAX: usize = 64;

/// How many dimensions there are.
pub(super) const DIMENSIONS: usize = 4;

/// An attribute by which traces are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Dimension {
    Provider,
    Model,
    Session,
    User,
}

/// What one span adds to its trace's line.
pub(super) struct SpanFacts<'a> {
    pub(super) timestamp_ns: i64,
    pub(super) duration_ns: i64,
    pub(super) parentless: bool,
    pub(super) name: &'a str,
    pub(super) status: &'static str,
    pub(super) failed: bool,
    pub(super) provider: Option<&'a str>,
    pub(super) model: Option<&'a str>,
    pub(super) ttft_seconds: Option<f64>,
    pub(super) input_tokens: Option<i64>,
    pub(super) output_tokens: Option<i64>,
    pub(super) session: Option<&'a str>,
    /// The numbers of the texts that it can be found by, in the order of [`Dimension::ALL`].
    pub(super) values: [Option<i64>; DIMENSIONS],
}

/// A trace's line.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Summary<'a> {
    id: i64,
    started_ns: i64,
    ended_ns: i64,
    spans: i64,
    errors: i64,
    root: Option<Root<'a>>,
    llm: Option<Llm<'a>>,
    input_tokens: Option<i64>,
    output_tokens: Option<i64>,
    session: Option<(i64, Cow<'a, str>)>,
    facts: Facts,
    /// Whether a span was added since.
    is_changed: bool,
    /// What the database has; `None` for a trace that it doesn't know.
    saved: Option<Saved>,
}

/// The span that gives the trace its name.
#[derive(Clone, Debug, PartialEq)]
struct Root<'a> {
    parentless: bool,
    timestamp_ns: i64,
    duration_ns: i64,
    name: Cow<'a, str>,
    status: Cow<'static, str>,
}

/// The first GenAI span.
#[derive(Clone, Debug, PartialEq)]
struct Llm<'a> {
    timestamp_ns: i64,
    duration_ns: i64,
    provider: Option<Cow<'a, str>>,
    model: Option<Cow<'a, str>>,
    ttft_seconds: Option<f64>,
}

#[derive(Clone, Debug, PartialEq)]
struct Saved {
    started_ns: i64,
    facts: Facts,
}

/// What a trace can be found by: dimension, and number of the text.
type Facts = Vec<(u8, i64)>;

// === impl Dimension ===

impl Dimension {
    pub(super) const ALL: [Self; DIMENSIONS] =
        [Self::Provider, Self::Model, Self::Session, Self::User];

    /// Its number in `trace_facts`, `trace_stretches` and lines.
    pub(super) const fn number(self) -> u8 {
        match self {
            Self::Provider => 0,
            Self::Model => 1,
            Self::Session => 2,
            Self::User => 3,
        }
    }

    /// Its column in `spans`.
    pub(super) const fn column(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Model => "model",
            Self::Session => "session",
            Self::User => "user",
        }
    }
}

// === impl Summary ===

impl<'a> Summary<'a> {
    /// The trace's number.
    pub(super) const fn id(&self) -> i64 {
        self.id
    }

    /// Whether the database has a line of it.
    pub(super) const fn is_saved(&self) -> bool {
        self.saved.is_some()
    }

    /// Adds a span that was not there before and outlives the line.
    pub(super) fn absorb(&mut self, span: &SpanFacts<'a>) {
        self.absorb_with(span, Cow::Borrowed);
    }

    /// The same of a span that does not.
    pub(super) fn absorb_copied(&mut self, span: &SpanFacts<'_>) {
        self.absorb_with(span, |text| Cow::Owned(text.to_owned()));
    }

    fn absorb_with<'b>(&mut self, span: &SpanFacts<'b>, keep: impl Fn(&'b str) -> Cow<'a, str>) {
        let ended_ns = span.timestamp_ns.saturating_add(span.duration_ns);
        if self.spans == 0 {
            (self.started_ns, self.ended_ns) = (span.timestamp_ns, ended_ns);
        }
        self.started_ns = self.started_ns.min(span.timestamp_ns);
        self.ended_ns = self.ended_ns.max(ended_ns);
        self.is_changed = true;
        self.spans += 1;
        self.errors += i64::from(span.failed);
        self.absorb_root(span, &keep);
        self.absorb_llm(span, &keep);
        add(&mut self.input_tokens, span.input_tokens);
        add(&mut self.output_tokens, span.output_tokens);
        if let Some(session) = span.session {
            let earlier = |(ns, known): &(i64, Cow<'_, str>)| {
                (*ns, known.as_ref()) <= (span.timestamp_ns, session)
            };
            if !self.session.as_ref().is_some_and(earlier) {
                self.session = Some((span.timestamp_ns, keep(session)));
            }
        }
        for (dimension, value) in Dimension::ALL.into_iter().zip(span.values) {
            self.remember(dimension, value);
        }
    }

    /// Whether no span was added.
    pub(super) const fn is_empty(&self) -> bool {
        self.spans == 0
    }

    fn absorb_root<'b>(&mut self, span: &SpanFacts<'b>, keep: impl Fn(&'b str) -> Cow<'a, str>) {
        let rank = |parentless: bool, timestamp_ns: i64, duration_ns: i64| {
            (!parentless, timestamp_ns, Reverse(duration_ns))
        };
        let new = rank(span.parentless, span.timestamp_ns, span.duration_ns);
        let first = self.root.as_ref().is_none_or(|root| {
            let old = rank(root.parentless, root.timestamp_ns, root.duration_ns);
            (new, span.name) < (old, root.name.as_ref())
        });
        if first {
            self.root = Some(Root {
                parentless: span.parentless,
                timestamp_ns: span.timestamp_ns,
                duration_ns: span.duration_ns,
                name: keep(span.name),
                status: Cow::Borrowed(span.status),
            });
        }
    }

    fn absorb_llm<'b>(&mut self, span: &SpanFacts<'b>, keep: impl Fn(&'b str) -> Cow<'a, str>) {
        if span.provider.is_none() && span.model.is_none() {
            return;
        }
        let new = (span.timestamp_ns, Reverse(span.duration_ns), span.provider, span.model);
        let first = self.llm.as_ref().is_none_or(|llm| {
            let (provider, model) = (llm.provider.as_deref(), llm.model.as_deref());
            new < (llm.timestamp_ns, Reverse(llm.duration_ns), provider, model)
        });
        if first {
            self.llm = Some(Llm {
                timestamp_ns: span.timestamp_ns,
                duration_ns: span.duration_ns,
                provider: span.provider.map(&keep),
                model: span.model.map(&keep),
                ttft_seconds: span.ttft_seconds,
            });
        }
    }

    fn remember(&mut self, dimension: Dimension, value: Option<i64>) {
        let Some(value) = value else { return };
        let number = dimension.number();
        if self.facts.contains(&(number, value)) {
            return;
        }
        let known = self.facts.iter().filter(|(dimension, _)| *dimension == number).count();
        if known < FACTS_MAX {
            self.facts.push((number, value));
        }
    }
}

fn add(sum: &mut Option<i64>, count: Option<i64>) {
    if let Some(count) = count {
        *sum = Some(sum.unwrap_or(0).saturating_add(count));
    }
}
