//! In which stretches of time which providers and models were called.
//!
//! They are few, and nearly every trace has one of each: a line in an index for every trace would cost
//! more than the trace's own. So the index has one for a short stretch of time in which they occur at
//! all, however many traces begin there, and a search looks at the lines of those traces. A stretch is
//! so short that these are a few hundred at most.

use std::collections::HashSet;

use foldhash::fast::RandomState;
use rusqlite::Connection;

use super::Dimension;
use crate::sqlite::inserter::{Inserter, Target};

#[cfg(test)]
mod tests;

/// How long a stretch is; a power of two, and part of the schema.
pub(in crate::sqlite) const STRETCH_NS: i64 = 1 << 26;
/// How many stretches are known by heart; then the writer starts over.
const KNOWN_STRETCHES_MAX: usize = 16_384;

static ADD: Target<3> =
    Target::new("INSERT OR IGNORE INTO trace_stretches (dimension, value, from_ns)");

/// The stretches that the database is known to have; the writer's own.
#[derive(Default)]
pub(in crate::sqlite) struct Stretches {
    known: HashSet<(u8, i64, i64), RandomState>,
}

/// One transaction's.
pub(super) struct ByStretch<'c, 's> {
    connection: &'c Connection,
    stretches: &'s mut Stretches,
    new: Vec<(u8, i64, i64)>,
}

/// The start of the stretch that a moment is in.
pub(in crate::sqlite) const fn from_ns(moment_ns: i64) -> i64 {
    moment_ns & !(STRETCH_NS - 1)
}

// === impl Stretches ===

impl Stretches {
    /// Whether traces are found by this dimension with stretches, and not one by one.
    pub(in crate::sqlite) const fn have(dimension: u8) -> bool {
        dimension == Dimension::Provider.number() || dimension == Dimension::Model.number()
    }

    pub(super) fn adding<'c, 's>(&'s mut self, connection: &'c Connection) -> ByStretch<'c, 's> {
        if self.known.len() >= KNOWN_STRETCHES_MAX {
            self.known.clear();
        }
        ByStretch { connection, stretches: self, new: Vec::new() }
    }

    /// To be called when a transaction was rolled back, or another process has written.
    pub(in crate::sqlite) fn forget(&mut self) {
        self.known.clear();
    }

    /// Drops the stretches that ended before the first trace.
    pub(in crate::sqlite) fn sweep(&mut self, connection: &Connection) -> rusqlite::Result<usize> {
        self.forget();
        connection
            .prepare_cached(
                "DELETE FROM trace_stretches WHERE from_ns <= \
                 coalesce((SELECT min(started_ns) FROM traces) - ?, 9223372036854775807)",
            )?
            .execute([STRETCH_NS])
    }
}

// === impl ByStretch ===

impl ByStretch<'_, '_> {
    /// Notes that a trace of which this is a fact started at this moment.
    pub(super) fn add(&mut self, (dimension, value): (u8, i64), started_ns: i64) {
        let stretch = (dimension, value, from_ns(started_ns));
        if self.stretches.known.insert(stretch) {
            self.new.push(stretch);
        }
    }

    pub(super) fn finish(self) -> rusqlite::Result<()> {
        let mut add = Inserter::new(self.connection, &ADD, self.new.len());
        for (dimension, value, from_ns) in self.new {
            add.row(&[dimension.into(), value.into(), from_ns.into()])?;
        }
        add.finish()
    }
}
