//! What a response said, folded from its events: the one source for spans, `inspect` and tests.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use crate::estimate::TextCount;
use crate::event::{JsonStr, Medium, StreamEvent, Usage};
use crate::provider::Dialect;

mod arguments;
#[cfg(test)]
mod tests;

use arguments::ArgumentChecks;

/// Longest id, model, reason or tool name that is kept, in bytes.
const NAME_BYTES_MAX: usize = 512;
/// Most tool calls and choices that are kept.
const CALLS_MAX: usize = 512;

/// What a response said.
#[derive(Clone, Debug, Default)]
pub struct Transcript {
    content_bytes_max: usize,
    content_bytes: usize,
    truncated: bool,
    id: Option<String>,
    model: Option<String>,
    usage: Option<Usage>,
    finish_reasons: Vec<(u32, String)>,
    tool_calls: Vec<ToolCall>,
    arguments: ArgumentChecks,
    /// By choice.
    texts: Vec<String>,
    reasoning: String,
    refusal: String,
    first: Vec<(First, u64)>,
    /// The dialect has no event that opens a call: its first fragment is as good as any.
    opens_by_fragment: bool,
    /// Where a call's first arguments stand, until it is known that the call goes on after them.
    first_arguments: Option<u64>,
    error: Option<String>,
    events: u64,
    done: bool,
    output_bytes: u64,
    output_text: TextCount,
}

/// What came first at some event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum First {
    Text,
    Reasoning,
    Refusal,
    Audio,
    Image,
    Tool,
    ToolStart,
}

/// One tool call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolCall {
    /// The provider's id of the call; empty if it gave none.
    pub id: String,
    /// The function's name.
    pub name: String,
    /// The arguments as text; empty when no content is kept.
    pub arguments: String,
}

// === impl Transcript ===

impl Transcript {
    /// Keeps at most `content_bytes_max` bytes of text, reasoning, refusals and arguments together.
    pub fn new(content_bytes_max: usize) -> Self {
        Self { content_bytes_max, ..Self::default() }
    }

    /// For a recording in `dialect`: all content is kept.
    pub(crate) fn of_recording(dialect: Dialect) -> Self {
        Self { opens_by_fragment: dialect == Dialect::Chat, ..Self::new(usize::MAX) }
    }

    /// Takes the next event.
    pub fn on_event(&mut self, event: &StreamEvent<'_>) {
        self.arguments.on_event(event, self.events);
        match event {
            StreamEvent::Id(id) => {
                self.id.get_or_insert_with(|| name(*id));
            }
            StreamEvent::Model(model) => {
                if self.model.as_ref().is_none_or(|known| known.as_bytes() != model.raw()) {
                    self.model = Some(name(*model));
                }
            }
            StreamEvent::Text { choice, text } => self.on_text(*choice, *text),
            StreamEvent::Reasoning { text, .. } => {
                self.on_first(First::Reasoning);
                let kept = self.on_generated(*text);
                self.reasoning.push_str(&kept);
            }
            StreamEvent::Refusal { text, .. } => {
                self.on_first(First::Refusal);
                let kept = self.on_generated(*text);
                self.refusal.push_str(&kept);
            }
            StreamEvent::Media { medium: Medium::Audio, .. } => self.on_first(First::Audio),
            StreamEvent::Media { medium: Medium::Image, .. } => self.on_first(First::Image),
            StreamEvent::ToolCallStart { call, id, name } => self.on_call(*call, *id, *name),
            StreamEvent::ToolCallArguments { call, fragment } => {
                self.first_arguments.get_or_insert(self.events);
                let text = self.on_generated(*fragment);
                if let Some(call) = self.tool_calls.get_mut(*call as usize) {
                    call.arguments.push_str(&text);
                }
            }
            StreamEvent::ToolCallInput { call, json } => self.on_input(*call, json),
            StreamEvent::FinishReason { choice, reason } => self.on_reason(*choice, *reason),
            StreamEvent::Usage(usage) => {
                if !usage.is_empty() {
                    self.usage.get_or_insert_default().merge(usage);
                }
            }
            StreamEvent::Error { kind, message } => {
                let said = message.or(*kind).map_or_else(|| "error".to_owned(), name);
                self.error.get_or_insert(said);
            }
            StreamEvent::Done => self.done = true,
            StreamEvent::Boundary { .. } => {
                if self.first_arguments == Some(self.events) {
                    self.on_first(First::Tool);
                }
                self.events += 1;
            }
            // Arguments that come with the call's end were not generated there.
            StreamEvent::ToolCallEnd { .. } => {
                self.first_arguments = self.first_arguments.filter(|at| *at < self.events);
            }
            StreamEvent::Opaque(_)
            | StreamEvent::ToolCallFreeform { .. }
            | StreamEvent::Condensed => {}
        }
    }

    /// Arguments that come as one JSON value.
    fn on_input(&mut self, call: u32, json: &[u8]) {
        self.output_bytes += json.len() as u64;
        self.output_text.add(&String::from_utf8_lossy(json));
        if self.content_bytes_max == 0 {
            return;
        }
        let json = crate::json::respaced(json);
        let text = self.admit(String::from_utf8_lossy(&json));
        if let Some(call) = self.tool_calls.get_mut(call as usize) {
            call.arguments.push_str(&text);
        }
    }

    /// The response's id.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The model that answered.
    pub fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// Token counts as reported, if any were.
    pub const fn usage(&self) -> Option<Usage> {
        self.usage
    }

    /// Why each choice ended, in the order of the choices.
    pub fn finish_reasons(&self) -> impl Iterator<Item = &str> {
        self.finish_reasons.iter().map(|(_, reason)| &**reason)
    }

    /// The tool calls, in order of appearance.
    pub fn tool_calls(&self) -> &[ToolCall] {
        &self.tool_calls
    }

    /// Whether the arguments of a call are one JSON object; no text at all counts as `{}`. `None`
    /// where that is not known: the call was not seen to its end, or its input is free text.
    pub fn arguments_valid(&self, call: usize) -> Option<bool> {
        let over = self.done || !self.finish_reasons.is_empty();
        self.arguments.valid(call, over, self.events)
    }

    /// The first choice's text, as far as it was kept.
    pub fn text(&self) -> &str {
        self.texts.first().map_or("", String::as_str)
    }

    /// Each choice's text, as far as it was kept.
    pub fn texts(&self) -> &[String] {
        &self.texts
    }

    /// The reasoning, as far as it was kept.
    pub fn reasoning(&self) -> &str {
        &self.reasoning
    }

    /// Whether there were words of refusal, kept or not.
    pub fn is_refused(&self) -> bool {
        self.first.iter().any(|(kind, _)| *kind == First::Refusal)
    }

    /// The refusal, as far as it was kept.
    pub fn refusal(&self) -> &str {
        &self.refusal
    }

    /// What the provider said of a failure inside the response.
    pub fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// Whether the dialect's end mark was seen.
    pub const fn is_done(&self) -> bool {
        self.done
    }

    /// Whether content was cut off at the limit.
    pub const fn is_truncated(&self) -> bool {
        self.truncated
    }

    /// Generated text, reasoning and arguments by kinds of characters, kept or not: what an estimate
    /// goes by.
    pub const fn output_text(&self) -> &TextCount {
        &self.output_text
    }

    /// Bytes of generated text, reasoning and arguments as written, kept or not.
    pub const fn output_bytes(&self) -> u64 {
        self.output_bytes
    }

    /// All of it as one JSON object, with the names that `tollgate inspect` prints.
    pub fn to_json(&self) -> Value {
        let calls: Vec<_> = self
            .tool_calls
            .iter()
            .map(|call| json!({ "id": call.id, "name": call.name, "arguments": call.arguments }))
            .collect();
        // A plain answer comes all at once.
        let first = self.first.iter().filter(|_| self.events > 0);
        let first: Map<_, _> =
            first.map(|(kind, at)| (kind.name().to_owned(), json!(at))).collect();
        let reasons: Vec<_> = self.finish_reasons().collect();
        json!({
            "id": self.id,
            "model": self.model,
            "usage": self.usage.map(|usage| usage_json(&usage)),
            "finish_reasons": reasons,
            "tool_calls": calls,
            "text": self.text(),
            "reasoning": self.reasoning,
            "refusal": self.refusal,
            "first": first,
            "error": self.error,
            "n_events": self.events,
        })
    }

    fn on_text(&mut self, choice: u32, text: JsonStr<'_>) {
        self.on_first(First::Text);
        let text = self.on_generated(text);
        let choice = (choice as usize).min(CALLS_MAX);
        if self.content_bytes_max == 0 {
            return;
        }
        if self.texts.len() <= choice {
            self.texts.resize(choice + 1, String::new());
        }
        if let Some(slot) = self.texts.get_mut(choice) {
            slot.push_str(&text);
        }
    }

    /// Something that the model generated: what is kept of it.
    fn on_generated<'a>(&mut self, text: JsonStr<'a>) -> Cow<'a, str> {
        self.output_bytes += text.raw().len() as u64;
        self.output_text.add_escaped(text.raw());
        if self.content_bytes_max == 0 { Cow::Borrowed("") } else { self.admit(text.decode()) }
    }

    fn on_call(&mut self, call: u32, id: JsonStr<'_>, called: JsonStr<'_>) {
        self.on_first(if self.opens_by_fragment { First::Tool } else { First::ToolStart });
        if call as usize >= CALLS_MAX {
            return;
        }
        while self.tool_calls.len() <= call as usize {
            self.tool_calls.push(ToolCall::default());
        }
        let Some(slot) = self.tool_calls.get_mut(call as usize) else { return };
        if slot.id.is_empty() {
            slot.id = name(id);
        }
        if slot.name.is_empty() {
            slot.name = name(called);
        }
    }

    /// Some providers repeat a reason; the last one of a choice counts, and counts once.
    fn on_reason(&mut self, choice: u32, reason: JsonStr<'_>) {
        match self.finish_reasons.binary_search_by_key(&choice, |(choice, _)| *choice) {
            Ok(at) => {
                if let Some(slot) = self.finish_reasons.get_mut(at) {
                    slot.1 = name(reason);
                }
            }
            Err(at) if self.finish_reasons.len() < CALLS_MAX => {
                self.finish_reasons.insert(at, (choice, name(reason)));
            }
            Err(_) => {}
        }
    }

    fn on_first(&mut self, kind: First) {
        if self.first.iter().all(|(known, _)| *known != kind) {
            self.first.push((kind, self.events));
        }
    }

    /// As much of the text as there is room for, cut on a character boundary.
    fn admit<'a>(&mut self, text: Cow<'a, str>) -> Cow<'a, str> {
        let room = self.content_bytes_max.saturating_sub(self.content_bytes);
        let kept = text.floor_char_boundary(room);
        self.content_bytes += kept;
        if kept == text.len() {
            return text;
        }
        self.truncated |= self.content_bytes_max > 0;
        Cow::Owned(text.get(..kept).unwrap_or_default().to_owned())
    }
}

// === impl First ===

impl First {
    /// As `tollgate inspect` prints it.
    const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Reasoning => "reasoning",
            Self::Refusal => "refusal",
            Self::Audio => "audio",
            Self::Image => "image",
            Self::Tool => "tool",
            Self::ToolStart => "tool_start",
        }
    }
}

fn usage_json(usage: &Usage) -> Value {
    if let Some(milliseconds) = usage.duration_ms {
        let seconds = std::time::Duration::from_millis(milliseconds);
        let whole = seconds.subsec_millis() == 0;
        let seconds = if whole { json!(seconds.as_secs()) } else { json!(seconds.as_secs_f64()) };
        return json!({ "type": "duration", "seconds": seconds });
    }
    let mut object = json!({
        "input_tokens": usage.input,
        "output_tokens": usage.output,
        "total_tokens": usage.total,
        "cache_read": usage.cache_read,
        "cache_creation": usage.cache_creation,
        "reasoning": usage.reasoning,
    });
    if usage.input_excludes_cache
        && let Some(object) = object.as_object_mut()
    {
        object.insert("cache_creation_5m".to_owned(), json!(usage.cache_creation_5m));
        object.insert("cache_creation_1h".to_owned(), json!(usage.cache_creation_1h));
        object.insert("input_total_with_cache".to_owned(), json!(usage.input_total()));
    }
    object
}

fn name(text: JsonStr<'_>) -> String {
    let text = text.decode();
    text.get(..text.floor_char_boundary(NAME_BYTES_MAX)).unwrap_or_default().to_owned()
}
