//! What is kept of a key.

use rusqlite::{Connection, Row};

use super::{Grants, unsigned};
use crate::{ApiKey, Environment, Scope};

/// A key to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKey {
    /// What people call it; may be empty.
    pub name: String,
    /// The one project it is for; `None` for all of them.
    pub project: Option<String>,
    /// What it is good for.
    pub scopes: Vec<Scope>,
    /// When it ends, in seconds since 1970; `None` for never.
    pub expires_s: Option<u64>,
    /// What its text says of where it is used.
    pub environment: Option<Environment>,
    /// What calls with it may use.
    pub grants: Grants,
}

/// A key without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRecord {
    /// What it is revoked by.
    pub id: String,
    /// The part of its text that is no secret.
    pub prefix: String,
    /// What people call it.
    pub name: String,
    /// The one project it is for; `None` for all of them.
    pub project: Option<String>,
    /// What it is good for.
    pub scopes: Vec<Scope>,
    /// When it was made, in seconds since 1970.
    pub created_s: u64,
    /// When it ends, in seconds since 1970.
    pub expires_s: Option<u64>,
    /// When it was revoked, in seconds since 1970.
    pub revoked_s: Option<u64>,
    /// What calls with it may use.
    pub grants: Grants,
    /// SHA-256 of the whole key.
    pub(crate) hash: Vec<u8>,
}

// === impl KeyRecord ===

impl KeyRecord {
    pub(super) fn new(id: String, key: &ApiKey, new: &NewKey, now_s: u64) -> Self {
        Self {
            id,
            prefix: key.prefix().to_owned(),
            name: new.name.clone(),
            project: new.project.clone(),
            scopes: new.scopes.clone(),
            created_s: now_s,
            expires_s: new.expires_s,
            revoked_s: None,
            grants: new.grants.clone(),
            hash: key.hash(),
        }
    }

    /// Whether it has ended by itself.
    pub fn is_expired(&self, now_s: u64) -> bool {
        self.expires_s.is_some_and(|expires_s| expires_s <= now_s)
    }

    /// Whether it may do this.
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }

    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        let scopes: String = row.get("scopes")?;
        Ok(Self {
            id: row.get("id")?,
            prefix: row.get("prefix")?,
            name: row.get("name")?,
            project: row.get("project")?,
            // A scope that only a later version knows gives no right here.
            scopes: scopes.split(' ').filter_map(|scope| scope.parse().ok()).collect(),
            created_s: unsigned(row.get("created_s")?),
            expires_s: row.get::<_, Option<i64>>("expires_s")?.map(unsigned),
            revoked_s: row.get::<_, Option<i64>>("revoked_s")?.map(unsigned),
            grants: Grants::of(row)?,
            hash: row.get("hash")?,
        })
    }
}

/// Every key, oldest first.
pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<KeyRecord>> {
    let mut statement =
        connection.prepare_cached("SELECT * FROM keys ORDER BY created_s, rowid")?;
    let rows = statement.query_map([], KeyRecord::of)?;
    rows.collect()
}
