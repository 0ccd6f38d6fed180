//! The traces' lines in the database: looked up, written, removed.

use std::fmt::Write;

use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, params};

use super::{Facts, Llm, Root, Saved, Summary};

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
pub(in crate::sqlite) struct Lines<'c> {
    connection: &'c Connection,
    load: CachedStatement<'c>,
    add: CachedStatement<'c>,
    add_fact: CachedStatement<'c>,
    /// The number of the next new trace, once it is known.
    next_id: Option<i64>,
}

// === impl Lines ===

impl<'c> Lines<'c> {
    pub(in crate::sqlite) fn open(connection: &'c Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            connection,
            load: connection.prepare_cached(LOAD)?,
            add: connection.prepare_cached(ADD)?,
            add_fact: connection.prepare_cached(ADD_FACT)?,
            next_id: None,
        })
    }

    /// The trace's line as it is, or an empty one.
    pub(in crate::sqlite) fn load(&mut self, trace_id: &str) -> rusqlite::Result<Summary> {
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
    pub(in crate::sqlite) fn anew(&mut self, trace_id: &str) -> rusqlite::Result<Summary> {
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
    /// Writes the line and the facts that changed. A line that has no span more than it had in the
    /// database is left alone.
    pub(in crate::sqlite) fn save(
        &mut self,
        lines: &mut Lines<'_>,
        trace_id: &str,
    ) -> rusqlite::Result<()> {
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
    pub(in crate::sqlite) fn remove(&self, lines: &mut Lines<'_>) -> rusqlite::Result<()> {
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
