//! What the three chat dialects have in common: the scenario, resolved for one request.

use std::borrow::Cow;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use crate::ordered::Json;
use crate::reading::{Api, Ask};
use crate::scenario::{CREATED_DEFAULT, Fault, Piece, STAMP, STAMP_DIGITS, Scenario, Tokens};

/// What load events say, over and over.
const FILLER: &str = "lorem ipsum dolor sit amet ";

/// One SSE event, ready to send.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// With its blank line.
    pub(crate) bytes: Bytes,
    /// Whether it is paced; frames around the content are sent at once.
    pub(crate) content: bool,
}

/// A piece of the scenario's content, resolved.
#[derive(Clone, Debug)]
pub(crate) enum Part<'a> {
    Text(Cow<'a, [String]>),
    Reasoning(&'a [String]),
    Refusal(Cow<'a, [String]>),
    Tool { id: String, name: &'a str, arguments: &'a [String] },
}

/// Token counts, resolved.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counts {
    pub(crate) input: u64,
    pub(crate) output: u64,
    pub(crate) cached: u64,
    pub(crate) cache_creation: u64,
    pub(crate) reasoning: u64,
}

/// The scenario, resolved for one request.
#[derive(Debug)]
pub(crate) struct Reply<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) ask: &'a Ask,
    pub(crate) parts: Vec<Part<'a>>,
    pub(crate) id: String,
    pub(crate) model: String,
    pub(crate) created: u64,
    /// `None` when usage is not to be reported.
    pub(crate) usage: Option<Counts>,
    /// Tells answers apart that are to be unique; 0 otherwise.
    pub(crate) number: u64,
}

// === impl Event ===

impl Event {
    /// `data:` alone, as chat has it.
    pub(crate) fn data(data: &str, content: bool) -> Self {
        Self { bytes: Bytes::from(format!("data: {data}\n\n")), content }
    }

    /// `event:` and `data:`.
    pub(crate) fn named(name: &str, data: &str, content: bool) -> Self {
        Self { bytes: Bytes::from(format!("event: {name}\ndata: {data}\n\n")), content }
    }
}

// === impl Reply ===

impl<'a> Reply<'a> {
    /// `number` is this answer's own if the scenario wants unique ones.
    pub(crate) fn new(scenario: &'a Scenario, ask: &'a Ask, api: Api, number: u64) -> Self {
        let number = if scenario.unique { number } else { 0 };
        let (id, call_id) = match api {
            Api::Messages => ("msg_mock", "toolu_mock"),
            Api::Responses => ("resp_mock", "call_mock"),
            Api::Cohere => ("mock", "weather_mock"),
            Api::Gemini => ("gemini_mock", "fc_mock"),
            _ => ("chatcmpl-mock", "call_mock"),
        };
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |t| t.as_secs());
        let created = if scenario.unique { now() } else { CREATED_DEFAULT };
        let model = scenario.model.as_ref().or(ask.model.as_ref());
        let mut parts = Vec::with_capacity(scenario.content.len());
        for (i, piece) in scenario.content.iter().enumerate() {
            parts.push(match piece {
                Piece::Text(text) => Part::Text(Cow::Borrowed(&text.0)),
                Piece::Reasoning(text) => Part::Reasoning(&text.0),
                Piece::Refusal(text) => Part::Refusal(Cow::Borrowed(&text.0)),
                Piece::ToolCall(call) => Part::Tool {
                    id: call.id.clone().unwrap_or_else(|| format!("{call_id}{number:012}{i:04}")),
                    name: &call.name,
                    arguments: &call.arguments.0,
                },
            });
        }
        let mut reply = Self {
            scenario,
            ask,
            parts,
            id: scenario.id.clone().unwrap_or_else(|| format!("{id}{number:016}")),
            model: model.cloned().unwrap_or_default(),
            created: scenario.created.unwrap_or(created),
            usage: None,
            number,
        };
        if !matches!(scenario.fault, Some(Fault::NoUsage)) {
            reply.usage = scenario.usage.map(|tokens| reply.count(tokens));
        }
        reply
    }

    /// Puts generated text in the content's place, if asked for; `text_event_bytes` is the size of
    /// an event with no text.
    pub(crate) fn generate(&mut self, text_event_bytes: usize) {
        let Some(events) = self.scenario.stream_events else { return };
        let text_bytes = self.scenario.event_bytes.saturating_sub(text_event_bytes).max(1);
        let stamp = if self.scenario.stamp {
            // The digits are written when the event is sent.
            format!("{STAMP}{} ", "0".repeat(STAMP_DIGITS))
        } else {
            String::new()
        };
        let filled = text_bytes.saturating_sub(stamp.len());
        let text: String = stamp.chars().chain(FILLER.chars().cycle().take(filled)).collect();
        self.parts = vec![Part::Text(Cow::Owned(vec![text; events]))];
        if self.usage.is_some() {
            self.usage = self.scenario.usage.map(|tokens| self.count(tokens));
        }
    }

    pub(crate) fn text(&self) -> Option<String> {
        let texts = self.parts.iter().filter_map(|part| match part {
            Part::Text(fragments) => Some(fragments.concat()),
            _ => None,
        });
        texts.reduce(|all, text| all + &text)
    }

    pub(crate) fn refusal(&self) -> Option<String> {
        let texts = self.parts.iter().filter_map(|part| match part {
            Part::Refusal(fragments) => Some(fragments.concat()),
            _ => None,
        });
        texts.reduce(|all, text| all + &text)
    }

    pub(crate) fn reasoning(&self) -> Option<String> {
        let texts = self.parts.iter().filter_map(|part| match part {
            Part::Reasoning(fragments) => Some(fragments.concat()),
            _ => None,
        });
        texts.reduce(|all, text| all + &text)
    }

    /// `(id, name, argument fragments)` of each call.
    pub(crate) fn tools(&self) -> Vec<(&str, &str, &[String])> {
        let tools = self.parts.iter().filter_map(|part| match part {
            Part::Tool { id, name, arguments } => Some((id.as_str(), *name, *arguments)),
            _ => None,
        });
        tools.collect()
    }

    /// Why it ends, in OpenAI's words.
    pub(crate) fn finish(&self) -> &str {
        let calls = self.parts.iter().any(|part| matches!(part, Part::Tool { .. }));
        let natural = if calls { "tool_calls" } else { "stop" };
        self.scenario.finish.as_deref().unwrap_or(natural)
    }

    /// Whether the end mark is to be sent.
    pub(crate) const fn marks_end(&self) -> bool {
        !matches!(self.scenario.fault, Some(Fault::NoDone))
    }

    fn count(&self, tokens: Tokens) -> Counts {
        let (mut all, mut reasoning) = (0, 0);
        for part in &self.parts {
            all += match part {
                Part::Text(fragments) | Part::Refusal(fragments) => fragments.len(),
                Part::Tool { arguments, .. } => arguments.len() + 1,
                Part::Reasoning(fragments) => {
                    reasoning += fragments.len();
                    fragments.len()
                }
            };
        }
        Counts {
            input: tokens.input,
            output: tokens.output.unwrap_or(all as u64),
            cached: tokens.cached,
            cache_creation: tokens.cache_creation,
            reasoning: tokens.reasoning.unwrap_or(reasoning as u64),
        }
    }
}

/// The value of a fragment list as JSON, or the raw text where it is none.
pub(crate) fn arguments_value(arguments: &[String]) -> Json {
    let text = arguments.concat();
    if text.is_empty() {
        return Json::Object(Vec::new());
    }
    serde_json::from_str::<serde_json::Value>(&text).map_or_else(|_| Json::from(text), Json::from)
}
