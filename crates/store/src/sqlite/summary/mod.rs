//! A trace in one line, kept up to date span by span.
//!
//! What a trace's line says does not depend on the order in which its spans arrive: each part is a
//! sum, an extreme, or taken from the span that comes first by a fixed rule. So retention, which
//! takes spans away, adds the remaining ones up anew and comes to the same line.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, Row, params};

#[cfg(test)]
mod tests;

/// How many values of each dimension a trace can be found by; a trace with more can be found by
/// those that arrived first.
pub(super) const FACTS_MAX: usize = 64;

const LOAD: &str = "SELECT * FROM traces WHERE trace_id = ?";
const SAVE: &str = "INSERT INTO traces (id, trace_id, started_ns, ended_ns, spans, errors, \
    root_parentless, root_after_ns, root_duration_ns, root_name, status, llm_after_ns, llm_duration_ns, \
    provider, model, ttft_seconds, input_tokens, output_tokens, session_after_ns, session, facts) \
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
    ON CONFLICT (trace_id) DO UPDATE SET started_ns = excluded.started_ns, \
    ended_ns = excluded.ended_ns, spans = excluded.spans, errors = excluded.errors, \
    root_parentless = excluded.root_parentless, root_after_ns = excluded.root_after_ns, \
    root_duration_ns = excluded.root_duration_ns, root_name = excluded.root_name, \
    status = excluded.status, llm_after_ns = excluded.llm_after_ns, \
    llm_duration_ns = excluded.llm_duration_ns, provider = excluded.provider, \
    model = excluded.model, ttft_seconds = excluded.ttft_seconds, \
    input_tokens = excluded.input_tokens, output_tokens = excluded.output_tokens, \
    session_after_ns = excluded.session_after_ns, session = excluded.session, facts = excluded.facts";
const ADD_FACT: &str = "INSERT OR IGNORE INTO trace_facts (dimension, value, started_ns, trace) \
    VALUES (?, ?, ?, ?)";
const DROP_FACT: &str = "DELETE FROM trace_facts \
    WHERE dimension = ? AND value = ? AND started_ns = ? AND trace = ?";

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
    pub(super) user: Option<&'a str>,
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
    facts: BTreeSet<(u8, String)>,
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
    facts: BTreeSet<(u8, String)>,
}

// === impl Dimension ===

impl Dimension {
    /// Its number in `trace_facts`.
    pub(super) const fn number(self) -> u8 {
        match self {
            Self::Provider => 0,
            Self::Model => 1,
            Self::Session => 2,
            Self::User => 3,
        }
    }
}

// === impl Summary ===

impl Summary {
    /// The trace's line as it is in the database, or an empty one. `next_id` is the number of the
    /// next new trace, as far as this transaction knows it.
    pub(super) fn load(
        connection: &Connection,
        trace_id: &str,
        next_id: &mut Option<i64>,
    ) -> rusqlite::Result<Self> {
        let found =
            connection.prepare_cached(LOAD)?.query_row([trace_id], Self::read).optional()?;
        if let Some(found) = found {
            return Ok(found);
        }
        let id = match *next_id {
            Some(id) => id,
            None => connection
                .prepare_cached("SELECT coalesce(max(id), 0) + 1 FROM traces")?
                .query_row([], |row| row.get(0))?,
        };
        *next_id = Some(id + 1);
        Ok(Self { id, ..Self::default() })
    }

    /// An empty line that replaces the one in the database when saved.
    pub(super) fn anew(connection: &Connection, trace_id: &str) -> rusqlite::Result<Self> {
        let old = Self::load(connection, trace_id, &mut None)?;
        Ok(Self { id: old.id, saved: old.saved, ..Self::default() })
    }

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
        self.remember(Dimension::Provider, span.provider);
        self.remember(Dimension::Model, span.model);
        self.remember(Dimension::Session, span.session);
        self.remember(Dimension::User, span.user);
    }

    /// Whether no span was added.
    pub(super) const fn is_empty(&self) -> bool {
        self.spans == 0
    }

    /// Writes the line and the facts that changed.
    pub(super) fn save(&mut self, connection: &Connection, trace_id: &str) -> rusqlite::Result<()> {
        let root = self.root.as_ref();
        let llm = self.llm.as_ref();
        let after = |ns: i64| ns.saturating_sub(self.started_ns);
        let facts = serde_json::to_string(&self.facts)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
        // By place, in the order of `SAVE`: names would be looked up one by one, for every trace.
        connection.prepare_cached(SAVE)?.execute(params![
            self.id,
            trace_id,
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
            facts,
        ])?;
        self.save_facts(connection)
    }

    /// Removes the line from the database.
    pub(super) fn remove(&self, connection: &Connection) -> rusqlite::Result<()> {
        let Some(saved) = &self.saved else { return Ok(()) };
        saved.drop_facts(connection, self.id)?;
        connection.prepare_cached("DELETE FROM traces WHERE id = ?")?.execute([self.id])?;
        Ok(())
    }

    fn save_facts(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        // The facts carry the start; when it moves, or facts vanish, all are written again.
        let known = match self.saved.take() {
            Some(saved)
                if saved.started_ns == self.started_ns && saved.facts.is_subset(&self.facts) =>
            {
                saved.facts
            }
            Some(saved) => {
                saved.drop_facts(connection, self.id)?;
                BTreeSet::new()
            }
            None => BTreeSet::new(),
        };
        let mut add = connection.prepare_cached(ADD_FACT)?;
        for (dimension, value) in self.facts.difference(&known) {
            add.execute(params![dimension, value, self.started_ns, self.id])?;
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

    fn remember(&mut self, dimension: Dimension, value: Option<&str>) {
        let Some(value) = value else { return };
        let number = dimension.number();
        let known = self.facts.iter().filter(|(dimension, _)| *dimension == number).count();
        if known < FACTS_MAX {
            self.facts.insert((number, value.to_owned()));
        }
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let facts: BTreeSet<(u8, String)> = super::read::json(row, "facts")?;
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
            saved: Some(Saved { started_ns, facts: facts.clone() }),
            facts,
        })
    }
}

// === impl Saved ===

impl Saved {
    fn drop_facts(&self, connection: &Connection, id: i64) -> rusqlite::Result<()> {
        for (dimension, value) in &self.facts {
            connection.prepare_cached(DROP_FACT)?.execute(params![
                dimension,
                value,
                self.started_ns,
                id
            ])?;
        }
        Ok(())
    }
}

fn add(sum: &mut Option<i64>, count: Option<i64>) {
    if let Some(count) = count {
        *sum = Some(sum.unwrap_or(0).saturating_add(count));
    }
}
