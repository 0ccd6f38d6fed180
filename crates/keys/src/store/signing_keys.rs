//! The signing keys in the file.

use rusqlite::{Connection, TransactionBehavior, params};

use super::{KeyStore, KeyStoreError, signed, unsigned};
use crate::signing::{Lives, SigningKey};

// === impl KeyStore ===

impl KeyStore {
    /// All signing keys, newest first. One that cannot be read counts as absent.
    pub(crate) fn signing_keys(&self) -> Result<Vec<SigningKey>, KeyStoreError> {
        read(&self.connection()).map_err(|error| self.failed(&error))
    }

    /// Makes and drops signing keys as their lives ask for. `true` if anything changed.
    pub(crate) fn rotate(&self, now_s: u64) -> Result<bool, KeyStoreError> {
        let fresh = SigningKey::generate(now_s)?;
        self.rotate_to(&fresh, now_s).map_err(|error| self.failed(&error))
    }

    fn rotate_to(&self, fresh: &SigningKey, now_s: u64) -> rusqlite::Result<bool> {
        let mut connection = self.connection();
        // What is due is judged inside: another process may just have done it.
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let keys = read(&transaction)?;
        let lives = Lives::of(keys.iter().map(|key| key.created_s), now_s);
        if lives.is_due {
            transaction.execute(
                "INSERT INTO signing_keys (kid, pkcs8, created_s) VALUES (?1, ?2, ?3)",
                params![fresh.kid, fresh.pkcs8(), signed(fresh.created_s)],
            )?;
        }
        for key in keys.iter().skip(lives.kept) {
            transaction.execute("DELETE FROM signing_keys WHERE kid = ?1", [&key.kid])?;
        }
        transaction.commit()?;
        Ok(lives.is_due || lives.kept < keys.len())
    }
}

fn read(connection: &Connection) -> rusqlite::Result<Vec<SigningKey>> {
    let select =
        "SELECT kid, pkcs8, created_s FROM signing_keys ORDER BY created_s DESC, rowid DESC";
    let mut statement = connection.prepare_cached(select)?;
    let rows = statement.query_map([], |row| {
        let pkcs8: Vec<u8> = row.get(1)?;
        Ok(SigningKey::of(row.get(0)?, pkcs8, unsigned(row.get(2)?)))
    })?;
    rows.filter_map(Result::transpose).collect()
}
