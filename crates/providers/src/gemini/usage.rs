//! `usageMetadata`: cumulative, with thoughts beside the candidates' tokens, or, from some versions
//! of the API, among them.

use crate::event::Usage;
use crate::json::Cursor;

pub(crate) fn read_usage(cursor: &mut Cursor<'_>) -> Option<Usage> {
    let mut usage = Usage { output_excludes_reasoning: true, ..Usage::default() };
    let mut tool_use = None;
    cursor.object(|cursor, key| {
        match key {
            b"promptTokenCount" => usage.input = cursor.count()?,
            // What the provider's own tools put into the prompt.
            b"toolUsePromptTokenCount" => tool_use = cursor.count()?,
            b"candidatesTokenCount" => usage.output = cursor.count()?,
            b"thoughtsTokenCount" => usage.reasoning = cursor.count()?,
            b"cachedContentTokenCount" => usage.cache_read = cursor.count()?,
            b"totalTokenCount" => usage.total = cursor.count()?,
            _ => cursor.skip()?,
        }
        Some(())
    })?;
    if let (Some(input), Some(more)) = (usage.input, tool_use) {
        usage.input = Some(input.saturating_add(more));
    }
    // An answer that only thinks has no candidates' tokens.
    if usage.output.is_none() && usage.input.is_some() && usage.reasoning.is_some() {
        usage.output = Some(0);
    }
    // Whether thoughts are counted twice over is seen at the total.
    if let (Some(input), Some(output), Some(total)) = (usage.input, usage.output, usage.total) {
        usage.output_excludes_reasoning = input.saturating_add(output) != total;
    }
    Some(usage)
}
