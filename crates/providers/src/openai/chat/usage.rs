//! The `usage` object in all its spellings.

use crate::event::Usage;
use crate::json::Cursor;

/// Reads the object; fields that are not there stay `None`.
pub(crate) fn read_usage(cursor: &mut Cursor<'_>) -> Option<Usage> {
    let mut usage = Usage::default();
    cursor.object(|cursor, key| {
        match key {
            b"prompt_tokens" | b"input_tokens" => usage.input = cursor.count()?,
            b"completion_tokens" | b"output_tokens" => usage.output = cursor.count()?,
            b"total_tokens" => usage.total = cursor.count()?,
            b"prompt_tokens_details" | b"input_tokens_details" => {
                input_details(cursor, &mut usage)?;
            }
            b"completion_tokens_details" | b"output_tokens_details" => {
                output_details(cursor, &mut usage)?;
            }
            // DeepSeek, Mistral and Together say it beside the details, if they have any.
            b"prompt_cache_hit_tokens" | b"num_cached_tokens" | b"cached_tokens" => {
                let cached = cursor.count()?;
                usage.cache_read = usage.cache_read.or(cached);
            }
            b"cache_creation_input_tokens" => {
                let written = cursor.count()?;
                usage.cache_creation = usage.cache_creation.or(written);
            }
            b"reasoning_tokens" => {
                let reasoning = cursor.count()?;
                usage.reasoning = usage.reasoning.or(reasoning);
            }
            // A transcription may be counted by its length.
            b"seconds" => usage.duration_ms = milliseconds(cursor.raw()?),
            _ => cursor.skip()?,
        }
        Some(())
    })?;
    // xAI's chat counts reasoning beside the completion, as its total gives away.
    if let (Some(input), Some(output), Some(total), Some(reasoning @ 1..)) =
        (usage.input, usage.output, usage.total, usage.reasoning)
    {
        let all = input.saturating_add(output).saturating_add(reasoning);
        usage.output_excludes_reasoning = total == all;
    }
    Some(usage)
}

/// Seconds, with or without a fraction.
fn milliseconds(number: &[u8]) -> Option<u64> {
    let seconds: f64 = std::str::from_utf8(number).ok()?.parse().ok()?;
    std::time::Duration::try_from_secs_f64(seconds).ok()?.as_millis().try_into().ok()
}

fn input_details(cursor: &mut Cursor<'_>, usage: &mut Usage) -> Option<()> {
    cursor.object(|cursor, key| {
        match key {
            b"cached_tokens" => usage.cache_read = cursor.count()?.or(usage.cache_read),
            b"cache_write_tokens" | b"cache_creation_tokens" => {
                usage.cache_creation = cursor.count()?.or(usage.cache_creation);
            }
            _ => cursor.skip()?,
        }
        Some(())
    })
}

fn output_details(cursor: &mut Cursor<'_>, usage: &mut Usage) -> Option<()> {
    cursor.object(|cursor, key| {
        match key {
            b"reasoning_tokens" => usage.reasoning = cursor.count()?.or(usage.reasoning),
            _ => cursor.skip()?,
        }
        Some(())
    })
}
