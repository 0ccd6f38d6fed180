//! Rows without their last column, for tables that older exporters made.
//!
//! What waits on the disk is whole: whether the server's table has a place for everything may be
//! known only when it is there.

use super::tables::{Column, LOW, TIME};
use crate::clickhouse::schema::ATTRIBUTES;

/// `rows` in `RowBinary` without the last of `columns`; `None` if they are not of these columns.
pub(super) fn without(columns: &[Column], rows: &[u8]) -> Option<Vec<u8>> {
    let (last, kept) = columns.split_last()?;
    let mut out = Vec::with_capacity(rows.len());
    let mut rest = rows;
    while !rest.is_empty() {
        let row = rest;
        for column in kept {
            rest = behind(column, rest)?;
        }
        out.extend_from_slice(row.get(..row.len() - rest.len())?);
        rest = behind(last, rest)?;
    }
    Some(out)
}

/// What comes after a value of `column`.
fn behind<'a>((_, ty, _): &Column, bytes: &'a [u8]) -> Option<&'a [u8]> {
    match *ty {
        TIME => bytes.get(8..),
        "UInt8" => bytes.get(1..),
        "String" | LOW => behind_text(bytes),
        ATTRIBUTES => {
            let (pairs, mut rest) = length(bytes)?;
            for _ in 0..pairs {
                rest = behind_text(behind_text(rest)?)?;
            }
            Some(rest)
        }
        _ => None,
    }
}

fn behind_text(bytes: &[u8]) -> Option<&[u8]> {
    let (length, rest) = length(bytes)?;
    rest.get(length..)
}

/// A length in LEB128, and what comes after it.
fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut length = 0_usize;
    for (at, byte) in bytes.iter().enumerate() {
        let shift = u32::try_from(at * 7).ok()?;
        length |= usize::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some((length, bytes.get(at + 1..)?));
        }
    }
    None
}
