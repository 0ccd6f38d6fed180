//! The `usage` object: input without cached tokens, and what the caches did.

use crate::event::Usage;
use crate::json::Cursor;

pub(super) fn read_usage(cursor: &mut Cursor<'_>) -> Option<Usage> {
    let mut usage = Usage { input_excludes_cache: true, ..Usage::default() };
    cursor.object(|cursor, key| {
        match key {
            b"input_tokens" => usage.input = cursor.count()?,
            b"output_tokens" => usage.output = cursor.count()?,
            b"cache_read_input_tokens" => usage.cache_read = cursor.count()?,
            b"cache_creation_input_tokens" => usage.cache_creation = cursor.count()?,
            b"cache_creation" => cursor.object(|cursor, key| {
                match key {
                    b"ephemeral_5m_input_tokens" => usage.cache_creation_5m = cursor.count()?,
                    b"ephemeral_1h_input_tokens" => usage.cache_creation_1h = cursor.count()?,
                    _ => cursor.skip()?,
                }
                Some(())
            })?,
            b"output_tokens_details" => cursor.object(|cursor, key| {
                match key {
                    b"thinking_tokens" | b"reasoning_tokens" => usage.reasoning = cursor.count()?,
                    _ => cursor.skip()?,
                }
                Some(())
            })?,
            _ => cursor.skip()?,
        }
        Some(())
    })?;
    Some(usage)
}
