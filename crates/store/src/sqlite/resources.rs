//! Resources: many rows repeat one, so what a row has for it is remembered.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::RandomState;
use rusqlite::types::ToSqlOutput;
use rusqlite::{Connection, ToSql};
use serde::Serialize;

use super::insert::json;
use super::inserter::Field;
use super::packing::{Packed, Packer};
use super::texts::{Shared, TEXT_BYTES_MAX, Texts};
use crate::span_row::pairs;
use crate::{Pairs, SpanRow};

/// The resource attribute that has a column of its own.
const PROJECT_ID: &str = "project.id";
/// How many resources are remembered; then the writer starts over.
const KNOWN_RESOURCES_MAX: usize = 1_024;

/// The resources that the writer has met.
#[derive(Default)]
pub(super) struct Resources {
    known: HashMap<u64, Known, RandomState>,
    hasher: RandomState,
    /// The list that was met last, with its hash: the next row often has the same one.
    last: Option<(Arc<Pairs>, u64)>,
}

/// What a row has for its resource.
#[derive(Clone)]
pub(super) struct Resource {
    pub(super) all: Kept,
    pub(super) project: Option<Kept>,
}

/// A text in a row: its number, itself, or packed.
#[derive(Clone)]
pub(super) enum Kept {
    Number(i64),
    Text(String),
    Packed(Packed),
}

struct Known {
    pairs: Arc<Pairs>,
    /// Until which start of spans its texts are kept.
    used_ns: i64,
    resource: Resource,
}

/// A resource as a JSON object.
#[derive(Serialize)]
struct Object<'a>(#[serde(serialize_with = "pairs::serialize")] &'a Pairs);

// === impl Resources ===

impl Resources {
    /// What this row has for its resource.
    pub(super) fn of(
        &mut self,
        connection: &Connection,
        texts: &mut Texts,
        packer: &mut Packer,
        row: &SpanRow,
    ) -> rusqlite::Result<Resource> {
        let (pairs, ns) = (&row.resource_attributes, row.timestamp_ns);
        let hash = self.hash(pairs);
        if let Some(known) = self.known.get(&hash)
            && known.used_ns >= ns
            && known.pairs == *pairs
        {
            return Ok(known.resource.clone());
        }
        let mut used_ns = i64::MAX;
        let mut share = |texts: &mut Texts, text: &str| {
            let shared = texts.share(connection, text, ns)?;
            if let Shared::Number(_) = shared {
                used_ns = used_ns.min(texts.used_ns(text).unwrap_or(ns));
            }
            Ok::<_, rusqlite::Error>(Kept::from(shared))
        };
        let json = json(&Object(pairs))?;
        let all = share(texts, &json)?;
        let project = row.resource_attribute(PROJECT_ID);
        let project = project.map(|project| share(texts, project)).transpose()?;
        let is_long = json.len() > TEXT_BYTES_MAX;
        let all = if is_long { Kept::Packed(packer.pack(json)?) } else { all };
        let resource = Resource { all, project };
        // What is long is rare, and would fill the memory.
        if !is_long {
            if self.known.len() >= KNOWN_RESOURCES_MAX {
                self.known.clear();
            }
            let known = Known { pairs: Arc::clone(pairs), used_ns, resource: resource.clone() };
            self.known.insert(hash, known);
        }
        Ok(resource)
    }

    fn hash(&mut self, pairs: &Arc<Pairs>) -> u64 {
        if let Some((last, hash)) = &self.last
            && Arc::ptr_eq(last, pairs)
        {
            return *hash;
        }
        let hash = self.hasher.hash_one(pairs);
        self.last = Some((Arc::clone(pairs), hash));
        hash
    }

    /// To be called when the numbers of texts may have become others.
    pub(super) fn forget(&mut self) {
        self.known.clear();
    }
}

// === impl Kept ===

impl Kept {
    /// Whether it has no place in a row that statistics go through.
    pub(super) const fn is_long(&self) -> bool {
        matches!(self, Self::Packed(_))
    }
}

impl From<Shared<'_>> for Kept {
    fn from(shared: Shared<'_>) -> Self {
        match shared {
            Shared::Number(number) => Self::Number(number),
            Shared::Text(text) => Self::Text(text.to_owned()),
        }
    }
}

impl<'a> From<&'a Kept> for Field<'a> {
    fn from(kept: &'a Kept) -> Self {
        match kept {
            Kept::Number(number) => Self::Whole(*number),
            Kept::Text(text) | Kept::Packed(Packed::Text(text)) => Self::Text(text),
            Kept::Packed(Packed::Bytes(bytes)) => Self::Bytes(bytes),
        }
    }
}

impl ToSql for Kept {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        match self {
            Self::Number(number) => Ok(ToSqlOutput::from(*number)),
            Self::Text(text) => text.to_sql(),
            Self::Packed(packed) => packed.to_sql(),
        }
    }
}
