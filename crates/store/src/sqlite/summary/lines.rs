//! The traces' lines in the database: looked up, written, removed.

use std::borrow::Cow;

use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, params, params_from_iter};

use super::stretches::{ByStretch, Stretches};
use super::{Facts, Llm, Root, Saved, Summary};
use crate::sqlite::inserter::{Inserter, Target};

const LOAD: &str = "SELECT * FROM traces WHERE trace_id = ?";
const COLUMNS: usize = 20;
/// The columns in the order in which `save` has them. Lines are added in the order of their numbers.
static ADD: Target<COLUMNS> = Target::new(
    "INSERT OR FAIL INTO traces (started_ns, ended_ns, spans, errors, root_parentless, \
    root_after_ns, root_duration_ns, root_name, status, llm_after_ns, llm_duration_ns, provider, \
    model, ttft_seconds, input_tokens, output_tokens, session_after_ns, session, facts, trace_id)",
);
const CHANGE: &str = "UPDATE traces SET started_ns = ?, ended_ns = ?, spans = ?, errors = ?, \
    root_parentless = ?, root_after_ns = ?, root_duration_ns = ?, root_name = ?, status = ?, \
    llm_after_ns = ?, llm_duration_ns = ?, provider = ?, model = ?, ttft_seconds = ?, \
    input_tokens = ?, output_tokens = ?, session_after_ns = ?, session = ?, facts = ? \
    WHERE trace_id = ?";
static ADD_FACTS: Target<4> =
    Target::new("INSERT OR IGNORE INTO trace_facts (dimension, value, started_ns, trace)");
/// What most facts take in a line.
const FACT_BYTES_USUAL: usize = 10;
const DROP_FACT: &str = "DELETE FROM trace_facts \
    WHERE dimension = ? AND value = ? AND started_ns = ? AND trace = ?";

/// The traces' lines in the database, inside a transaction.
pub(in crate::sqlite) struct Lines<'c> {
    connection: &'c Connection,
    load: CachedStatement<'c>,
    /// The number of the next new trace, once it is known.
    next_id: Option<i64>,
}

/// The writing of lines, at the end of a transaction.
pub(in crate::sqlite) struct Saving<'c, 's> {
    connection: &'c Connection,
    add: Inserter<'c, COLUMNS>,
    /// Facts to be added: dimension, value, start, trace.
    facts: Vec<(u8, i64, i64, i64)>,
    stretches: ByStretch<'c, 's>,
    /// The number behind that of the last line that was added.
    next_id: i64,
}

// === impl Lines ===

impl<'c> Lines<'c> {
    pub(in crate::sqlite) fn open(connection: &'c Connection) -> rusqlite::Result<Self> {
        Ok(Self { connection, load: connection.prepare_cached(LOAD)?, next_id: None })
    }

    /// So many lines can be saved now that none has to be looked up any more.
    pub(in crate::sqlite) fn saving<'s>(
        self,
        stretches: &'s mut Stretches,
        new_lines: usize,
    ) -> Saving<'c, 's> {
        Saving {
            connection: self.connection,
            add: Inserter::new(self.connection, &ADD, new_lines),
            facts: Vec::new(),
            stretches: stretches.adding(self.connection),
            next_id: 0,
        }
    }

    /// The trace's line as it is, or an empty one.
    pub(in crate::sqlite) fn load(&mut self, trace_id: &str) -> rusqlite::Result<Summary<'static>> {
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
    pub(in crate::sqlite) fn anew(&mut self, trace_id: &str) -> rusqlite::Result<Summary<'static>> {
        let old = self.load(trace_id)?;
        Ok(Summary { id: old.id, saved: old.saved, ..Summary::default() })
    }
}

// === impl Saving ===

impl Saving<'_, '_> {
    /// Writes what was put off.
    pub(in crate::sqlite) fn finish(self) -> rusqlite::Result<()> {
        let Self { connection, add, mut facts, stretches, next_id } = self;
        add.finish_before(next_id)?;
        // Neighbours in the index come together.
        facts.sort_unstable();
        let mut add = Inserter::new(connection, &ADD_FACTS, facts.len());
        for (dimension, value, started_ns, trace) in facts {
            add.row(&[dimension.into(), value.into(), started_ns.into(), trace.into()])?;
        }
        add.finish()?;
        stretches.finish()
    }

    fn drop_facts(&self, saved: &Saved, id: i64) -> rusqlite::Result<()> {
        let mut drop = self.connection.prepare_cached(DROP_FACT)?;
        for (dimension, value) in &saved.facts {
            if !Stretches::have(*dimension) {
                drop.execute(params![dimension, value, saved.started_ns, id])?;
            }
        }
        Ok(())
    }
}

// === impl Summary ===

impl Summary<'_> {
    /// Writes the line and the facts that changed. A line that has no span more than it had in the
    /// database is left alone.
    pub(in crate::sqlite) fn save(
        self,
        saving: &mut Saving<'_, '_>,
        trace_id: &str,
    ) -> rusqlite::Result<()> {
        if !self.is_changed {
            return Ok(());
        }
        let root = self.root.as_ref();
        let llm = self.llm.as_ref();
        let after = |ns: i64| ns.saturating_sub(self.started_ns);
        let facts = written(&self.facts);
        let values = [
            self.started_ns.into(),
            self.ended_ns.into(),
            self.spans.into(),
            self.errors.into(),
            root.is_some_and(|root| root.parentless).into(),
            root.map_or(0, |root| after(root.timestamp_ns)).into(),
            root.map_or(0, |root| root.duration_ns).into(),
            root.map_or("", |root| root.name.as_ref()).into(),
            root.map_or("", |root| root.status.as_ref()).into(),
            llm.map(|llm| after(llm.timestamp_ns)).into(),
            llm.map(|llm| llm.duration_ns).into(),
            llm.and_then(|llm| llm.provider.as_deref()).into(),
            llm.and_then(|llm| llm.model.as_deref()).into(),
            llm.and_then(|llm| llm.ttft_seconds).into(),
            self.input_tokens.into(),
            self.output_tokens.into(),
            self.session.as_ref().map(|(ns, _)| after(*ns)).into(),
            self.session.as_ref().map(|(_, session)| session.as_ref()).into(),
            facts.as_str().into(),
            trace_id.into(),
        ];
        match self.saved {
            None => {
                saving.add.row(&values)?;
                saving.next_id = self.id + 1;
            }
            Some(_) => {
                saving.connection.prepare_cached(CHANGE)?.execute(params_from_iter(values))?;
            }
        }
        self.save_facts(saving)
    }

    /// Removes the line from the database.
    pub(in crate::sqlite) fn remove(&self, saving: &mut Saving<'_, '_>) -> rusqlite::Result<()> {
        let Some(saved) = &self.saved else { return Ok(()) };
        saving.drop_facts(saved, self.id)?;
        saving.connection.prepare_cached("DELETE FROM traces WHERE id = ?")?.execute([self.id])?;
        Ok(())
    }

    fn save_facts(self, saving: &mut Saving<'_, '_>) -> rusqlite::Result<()> {
        // The facts carry the start; when it moves, or facts vanish, all are written again.
        let known = match &self.saved {
            Some(saved)
                if saved.started_ns == self.started_ns
                    && saved.facts.iter().all(|fact| self.facts.contains(fact)) =>
            {
                saved.facts.as_slice()
            }
            Some(saved) => {
                saving.drop_facts(saved, self.id)?;
                &[]
            }
            None => &[],
        };
        for fact in self.facts.iter().filter(|fact| !known.contains(fact)) {
            if Stretches::have(fact.0) {
                saving.stretches.add(*fact, self.started_ns);
            } else {
                saving.facts.push((fact.0, fact.1, self.started_ns, self.id));
            }
        }
        Ok(())
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Summary<'static>> {
        let facts = facts(row.get_ref("facts")?.as_str()?);
        let started_ns: i64 = row.get("started_ns")?;
        let at = |after_ns: i64| started_ns.saturating_add(after_ns);
        let llm = match row.get("llm_after_ns")? {
            None => None,
            Some(after_ns) => Some(Llm {
                timestamp_ns: at(after_ns),
                duration_ns: row.get("llm_duration_ns")?,
                provider: owned(row, "provider")?,
                model: owned(row, "model")?,
                ttft_seconds: row.get("ttft_seconds")?,
            }),
        };
        let session = match row.get("session_after_ns")? {
            None => None,
            Some(after_ns) => owned(row, "session")?.map(|session| (at(after_ns), session)),
        };
        Ok(Summary {
            id: row.get("id")?,
            started_ns,
            ended_ns: row.get("ended_ns")?,
            spans: row.get("spans")?,
            errors: row.get("errors")?,
            root: Some(Root {
                parentless: row.get("root_parentless")?,
                timestamp_ns: at(row.get("root_after_ns")?),
                duration_ns: row.get("root_duration_ns")?,
                name: owned(row, "root_name")?.unwrap_or_default(),
                status: owned(row, "status")?.unwrap_or_default(),
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

/// A text of its own.
fn owned(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<Cow<'static, str>>> {
    Ok(row.get::<_, Option<String>>(column)?.map(Cow::Owned))
}

/// Facts as a line has them.
fn written(facts: &[(u8, i64)]) -> String {
    let mut text = String::with_capacity(facts.len() * FACT_BYTES_USUAL);
    for (dimension, value) in facts {
        if !text.is_empty() {
            text.push(',');
        }
        push(&mut text, u64::from(*dimension));
        text.push(':');
        push(&mut text, value.unsigned_abs());
    }
    text
}

/// Writes a number; `fmt` takes ten times as many instructions.
fn push(text: &mut String, number: u64) {
    if number > 9 {
        push(text, number / 10);
    }
    text.push(char::from(b'0' + (number % 10) as u8));
}

/// The same, read. What is no fact is none.
fn facts(text: &str) -> Facts {
    let pairs = text.split(',').filter_map(|fact| fact.split_once(':'));
    pairs.filter_map(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?))).collect()
}
