//! Inserts that wait together share a transaction.

use rusqlite::{Connection, TransactionBehavior};

use super::{Rows, write};
use crate::sqlite::failure::Place;
use crate::sqlite::writer::Answer;

/// One insert of metrics or logs, and who waits for it.
pub(in crate::sqlite) struct Insert {
    pub(in crate::sqlite) rows: Rows,
    pub(in crate::sqlite) done: Answer,
}

/// Writes all of `group` and answers everyone.
pub(in crate::sqlite) fn insert_group(
    connection: &mut Connection,
    place: &Place,
    group: Vec<Insert>,
) {
    match commit(connection, &group) {
        Ok(stored) => {
            for (insert, stored) in group.into_iter().zip(stored) {
                // Whoever asked may have gone.
                let _gone = insert.done.send(Ok(stored));
            }
        }
        Err(error) if group.len() == 1 => {
            for insert in group {
                let _gone = insert.done.send(Err(place.failure(&error)));
            }
        }
        // One insert's rows may be to blame: each gets its own chance.
        Err(_) => {
            for insert in group {
                insert_group(connection, place, vec![insert]);
            }
        }
    }
}

/// On an error nothing was written.
fn commit(connection: &mut Connection, group: &[Insert]) -> rusqlite::Result<Vec<u64>> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let inserts: Vec<_> = group.iter().map(|insert| &insert.rows).collect();
    let stored = write(&transaction, &inserts)?;
    transaction.commit()?;
    Ok(stored)
}
