//! A trace in one line, kept up to date span by span.
//!
//! What a trace's line says does not depend on the order in which its spans arrive: each part is a
//! sum, an extreme, or taken from the span that comes first by a fixed rule. So retention, which
//! takes spans away, adds the remaining ones up anew and comes to the same line.

use std::cmp::Reverse;
use std::fmt::Write;

use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, params};

#[cfg(test)]
mod tests;

/// How many values of each dimension a trace can be found by; a trace with more can be found by
/// those that arrived first.
pub(super) const FACTS_MAX: usize = 64;

/// How many dimensions there are.
pub(super) const DIMENSIONS: usize = 4;

const LOAD: &str = "SELECT * FROM traces WHERE trace_id = ?";
/// The columns behind the two ids, in the order in which `save` has them.
const ADD: &str = "INSERT INTO traces (started_ns, ended_ns, spans, errors, root_parentless, \
    root_after_ns, root_duration_ns, root_name, status, llm_after_ns, llm_duration_ns, provider, \
    model, ttft_seconds, input_tokens, output_tokens, session_after_ns, session, facts, id, trace_id) \
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
const CHANGE: &str = "UPDATE traces SET started_ns = ?, ended_ns = ?, spans = ?, errors = ?, \
    root_parentless = ?, root_after_ns = ?, root_duration_ns = ?, root_name = ?, status = ?, \
    llm_after_ns = ?, llm_duration_ns = ?, provider = ?, model = ?, ttft_seconds = ?, \
    input_tokens = ?, output_tokens = ?, session_after_ns = ?, session = ?, facts = ? \
    WHERE id = ? AND trace_id = ?";
const ADD_FACT: &str = "INSERT OR IGNORE INTO trace_facts (dimension, value, started_ns, trace) \
    VALUES (?, ?, ?, ?)";
const DROP_FACT: &str = "DELETE FROM trace_facts \
    WHERE dimension = ? AND value = ? AND started_ns = ? AND trace = ?";

/// The traces' lines in the database, inside a transaction.
pub(super) struct Lines<'c> {
    connection: &'c Connection,
    load: CachedStatement<'c>,
    add: CachedStatement<'c>,
    add_fact: CachedStatement<'c>,
    /// The number of the next new trace, once it is known.
    next_id: Option<i64>,
}

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
    pub(super) status: &'a str,
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
pub(super) struct Summary {
    id: i64,
    started_ns: i64,
    ended_ns: i64,
    spans: i64,
    errors: i64,
    root: Option<Root>,
    llm: Option<Llm>,
    input_tokens: Option<i64>,
    output_tokens: Option<i64>,
    session: Option<(i64, String)>,
    facts: Facts,
    /// Whether a span was added since.
    is_changed: bool,
    /// What the database has; `None` for a trace that it doesn't know.
    saved: Option<Saved>,
}

/// The span that gives the trace its name.
#[derive(Clone, Debug, PartialEq)]
struct Root {
    parentless: bool,
    timestamp_ns: i64,
    duration_ns: i64,
    name: String,
    status: String,
}

/// The first GenAI span.
#[derive(Clone, Debug, PartialEq)]
struct Llm {
    timestamp_ns: i64,
    duration_ns: i64,
    provider: Option<String>,
    model: Option<String>,
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

    /// Its number in `trace_facts`.
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

// === impl Lines ===

impl<'c> Lines<'c> {
    pub(super) fn open(connection: &'c Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            connection,
            load: connection.prepare_cached(LOAD)?,
            add: connection.prepare_cached(ADD)?,
            add_fact: connection.prepare_cached(ADD_FACT)?,
            next_id: None,
        })
    }

    /// The trace's line as it is, or an empty one.
    pub(super) fn load(&mut self, trace_id: &str) -> rusqlite::Result<Summary> {
        let found = self.load.query_row([trace_id], Summary::read).optional()?;
        if let Some(found) = found {
            return Ok(found);
        }
        let id = match self.next_id {
            Some(id) => id,
            None => self
                .connection
                .prepare_cached("SELECT coalesce(max(id), 0) + 1 FROM traces")?
                .query_row([], |row| row.get(0))?,
        };
        self.next_id = Some(id + 1);
        Ok(Summary { id, ..Summary::default() })
    }

    /// An empty line that replaces the one in the database when saved.
    pub(super) fn anew(&mut self, trace_id: &str) -> rusqlite::Result<Summary> {
        let old = self.load(trace_id)?;
        Ok(Summary { id: old.id, saved: old.saved, ..Summary::default() })
    }

    fn drop_facts(&self, saved: &Saved, id: i64) -> rusqlite::Result<()> {
        let mut drop = self.connection.prepare_cached(DROP_FACT)?;
        for (dimension, value) in &saved.facts {
            drop.execute(params![dimension, value, saved.started_ns, id])?;
        }
        Ok(())
    }
}

// === impl Summary ===

impl Summary {
    /// The trace's number.
    pub(super) const fn id(&self) -> i64 {
        self.id
    }

    /// Adds a span that was not there before.
    pub(super) fn absorb(&mut self, span: &SpanFacts<'_>) {
        let ended_ns = span.timestamp_ns.saturating_add(span.duration_ns);
        if self.spans == 0 {
            (self.started_ns, self.ended_ns) = (span.timestamp_ns, ended_ns);
        }
        self.started_ns = self.started_ns.min(span.timestamp_ns);
        self.ended_ns = self.ended_ns.max(ended_ns);
        self.is_changed = true;
        self.spans += 1;
        self.errors += i64::from(span.failed);
        self.absorb_root(span);
        self.absorb_llm(span);
        add(&mut self.input_tokens, span.input_tokens);
        add(&mut self.output_tokens, span.output_tokens);
        if let Some(session) = span.session {
            let earlier =
                |(ns, known): &(i64, String)| (*ns, known.as_str()) <= (span.timestamp_ns, session);
            if !self.session.as_ref().is_some_and(earlier) {
                self.session = Some((span.timestamp_ns, session.to_owned()));
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

    /// Writes the line and the facts that changed. A line that has no span more than it had in the
    /// database is left alone.
    pub(super) fn save(&mut self, lines: &mut Lines<'_>, trace_id: &str) -> rusqlite::Result<()> {
        if !self.is_changed {
            return Ok(());
        }
        let root = self.root.as_ref();
        let llm = self.llm.as_ref();
        let after = |ns: i64| ns.saturating_sub(self.started_ns);
        let values = params![
            self.started_ns,
            self.ended_ns,
            self.spans,
            self.errors,
            root.is_some_and(|root| root.parentless),
            root.map_or(0, |root| after(root.timestamp_ns)),
            root.map_or(0, |root| root.duration_ns),
            root.map_or("", |root| &root.name),
            root.map_or("", |root| &root.status),
            llm.map(|llm| after(llm.timestamp_ns)),
            llm.map(|llm| llm.duration_ns),
            llm.and_then(|llm| llm.provider.as_deref()),
            llm.and_then(|llm| llm.model.as_deref()),
            llm.and_then(|llm| llm.ttft_seconds),
            self.input_tokens,
            self.output_tokens,
            self.session.as_ref().map(|(ns, _)| after(*ns)),
            self.session.as_ref().map(|(_, session)| session),
            written(&self.facts),
            self.id,
            trace_id,
        ];
        match self.saved {
            None => lines.add.execute(values)?,
            Some(_) => lines.connection.prepare_cached(CHANGE)?.execute(values)?,
        };
        self.save_facts(lines)
    }

    /// Removes the line from the database.
    pub(super) fn remove(&self, lines: &mut Lines<'_>) -> rusqlite::Result<()> {
        let Some(saved) = &self.saved else { return Ok(()) };
        lines.drop_facts(saved, self.id)?;
        lines.connection.prepare_cached("DELETE FROM traces WHERE id = ?")?.execute([self.id])?;
        Ok(())
    }

    fn save_facts(&mut self, lines: &mut Lines<'_>) -> rusqlite::Result<()> {
        // The facts carry the start; when it moves, or facts vanish, all are written again.
        let known = match self.saved.take() {
            Some(saved)
                if saved.started_ns == self.started_ns
                    && saved.facts.iter().all(|fact| self.facts.contains(fact)) =>
            {
                saved.facts
            }
            Some(saved) => {
                lines.drop_facts(&saved, self.id)?;
                Facts::new()
            }
            None => Facts::new(),
        };
        for fact in self.facts.iter().filter(|fact| !known.contains(fact)) {
            lines.add_fact.execute(params![fact.0, fact.1, self.started_ns, self.id])?;
        }
        self.saved = Some(Saved { started_ns: self.started_ns, facts: self.facts.clone() });
        Ok(())
    }

    fn absorb_root(&mut self, span: &SpanFacts<'_>) {
        let rank = |parentless: bool, timestamp_ns: i64, duration_ns: i64| {
            (!parentless, timestamp_ns, Reverse(duration_ns))
        };
        let new = rank(span.parentless, span.timestamp_ns, span.duration_ns);
        let first = self.root.as_ref().is_none_or(|root| {
            let old = rank(root.parentless, root.timestamp_ns, root.duration_ns);
            (new, span.name) < (old, root.name.as_str())
        });
        if first {
            self.root = Some(Root {
                parentless: span.parentless,
                timestamp_ns: span.timestamp_ns,
                duration_ns: span.duration_ns,
                name: span.name.to_owned(),
                status: span.status.to_owned(),
            });
        }
    }

    fn absorb_llm(&mut self, span: &SpanFacts<'_>) {
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
                provider: span.provider.map(str::to_owned),
                model: span.model.map(str::to_owned),
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

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let facts = facts(row.get_ref("facts")?.as_str()?);
        let started_ns: i64 = row.get("started_ns")?;
        let at = |after_ns: i64| started_ns.saturating_add(after_ns);
        let llm = match row.get("llm_after_ns")? {
            None => None,
            Some(after_ns) => Some(Llm {
                timestamp_ns: at(after_ns),
                duration_ns: row.get("llm_duration_ns")?,
                provider: row.get("provider")?,
                model: row.get("model")?,
                ttft_seconds: row.get("ttft_seconds")?,
            }),
        };
        let session = match row.get("session_after_ns")? {
            None => None,
            Some(after_ns) => Some((at(after_ns), row.get("session")?)),
        };
        Ok(Self {
            id: row.get("id")?,
            started_ns,
            ended_ns: row.get("ended_ns")?,
            spans: row.get("spans")?,
            errors: row.get("errors")?,
            root: Some(Root {
                parentless: row.get("root_parentless")?,
                timestamp_ns: at(row.get("root_after_ns")?),
                duration_ns: row.get("root_duration_ns")?,
                name: row.get("root_name")?,
                status: row.get("status")?,
            }),
            llm,
            input_tokens: row.get("input_tokens")?,
            output_tokens: row.get("output_tokens")?,
            session,
            is_changed: false,
            saved: Some(Saved { started_ns, facts: facts.clone() }),
            facts,
        })
    }
}

/// Facts as a line has them.
fn written(facts: &[(u8, i64)]) -> String {
    let mut text = String::with_capacity(facts.len() * 8);
    for (dimension, value) in facts {
        let between = if text.is_empty() { "" } else { "," };
        // Writing to a string does not fail.
        let _infallible = write!(text, "{between}{dimension}:{value}");
    }
    text
}

/// The same, read. What is no fact is none.
fn facts(text: &str) -> Facts {
    let pairs = text.split(',').filter_map(|fact| fact.split_once(':'));
    pairs.filter_map(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?))).collect()
}
fn add(sum: &mut Option<i64>, count: Option<i64>) {
    if let Some(count) = count {
        *sum = Some(sum.unwrap_or(0).saturating_add(count));
    }
}
