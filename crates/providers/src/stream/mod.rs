//! A stream of any dialect: bytes in any split, events out.

use crate::anthropic::MessagesReader;
use crate::cohere::CohereReader;
use crate::event::StreamEvent;
use crate::gemini::{self, GeminiReader};
use crate::openai::chat::{self, ChatReader};
use crate::openai::responses::ResponsesReader;
use crate::provider::Dialect;
use crate::sse::{SseDecoder, SseEvent};

mod template;
#[cfg(test)]
mod tests;

use template::{Lesson, Template, UsageKey};

/// Reads one streamed response in place.
///
/// Invariant: any split of the input gives the same events, but for the offsets in
/// [`StreamEvent::Boundary`].
#[derive(Debug)]
pub struct StreamReader {
    decoder: SseDecoder,
    parser: Parser,
}

/// What turns one event's data into events: the reader, and the shortcut past it.
#[derive(Debug)]
struct Parser {
    reader: Reader,
    template: Template,
}

#[derive(Debug)]
enum Reader {
    Chat(ChatReader),
    Messages(MessagesReader),
    Responses(ResponsesReader),
    Cohere(CohereReader),
    Gemini(GeminiReader),
}

// === impl StreamReader ===

impl StreamReader {
    /// At the beginning of a response in `dialect`.
    pub fn new(dialect: Dialect) -> Self {
        let reader = match dialect {
            Dialect::Chat => Reader::Chat(ChatReader::default()),
            Dialect::Messages => Reader::Messages(MessagesReader::default()),
            Dialect::Responses => Reader::Responses(ResponsesReader::default()),
            Dialect::Cohere => Reader::Cohere(CohereReader::default()),
            Dialect::Gemini => Reader::Gemini(GeminiReader::default()),
        };
        let parser = Parser { reader, template: Template::default() };
        Self { decoder: SseDecoder::new(), parser }
    }

    /// Reads events of up to `event_bytes_max` bytes whole, for those who pass on what they say.
    #[must_use]
    pub fn holding(self, event_bytes_max: usize) -> Self {
        Self { decoder: SseDecoder::holding(event_bytes_max), ..self }
    }

    /// Reads the next bytes.
    pub fn feed(&mut self, chunk: &[u8], sink: &mut dyn FnMut(StreamEvent<'_>)) {
        let Self { decoder, parser } = self;
        let mut at = 0;
        while at < chunk.len() {
            let from = at;
            let is_start = decoder.is_between_events();
            if is_start
                && let Some(end) =
                    parser.template.replay_framed(chunk, at, decoder.event_bytes_max(), sink)
            {
                at = end;
                continue;
            }
            at = decoder.feed_block(chunk, at, &mut |event| {
                parser.read(&event, sink);
                if is_start {
                    parser.template.frame(chunk, from, event.data, event.end);
                }
            });
        }
    }

    /// The response is over: what is unfinished counts as it is.
    pub fn finish(&mut self, sink: &mut dyn FnMut(StreamEvent<'_>)) {
        let Self { decoder, parser } = self;
        decoder.finish(&mut |event| parser.read(&event, sink));
        parser.reader.end(sink);
    }

    /// Whether an event was too long to be read whole: what is known of the response is partial.
    pub const fn lost(&self) -> bool {
        self.decoder.lost()
    }
}

// === impl Parser ===

impl Parser {
    #[inline]
    fn read(&mut self, event: &SseEvent<'_>, sink: &mut dyn FnMut(StreamEvent<'_>)) {
        let SseEvent { data, is_error, is_condensed, end } = *event;
        if is_condensed {
            sink(StreamEvent::Condensed);
        }
        let usage_only = if !is_error && self.template.replay(data, sink) {
            false
        } else {
            self.read_new(data, is_error, sink)
        };
        sink(StreamEvent::Boundary { end, usage_only });
    }

    /// An event unlike the last one.
    fn read_new(
        &mut self,
        data: &[u8],
        is_error: bool,
        sink: &mut dyn FnMut(StreamEvent<'_>),
    ) -> bool {
        let mut lesson = Lesson::new(data, self.reader.usage_key());
        let usage_only = self.reader.read(data, is_error, &mut |event| {
            lesson.note(&event);
            sink(event);
        });
        self.template.learn(&lesson);
        usage_only
    }
}

// === impl Reader ===

impl Reader {
    /// Where an event that says more says what was used up so far, and who reads it there.
    const fn usage_key(&self) -> Option<UsageKey> {
        match self {
            Self::Chat(_) => Some((b"\"usage\"", chat::read_usage)),
            Self::Gemini(_) => Some((b"\"usageMetadata\"", gemini::read_usage)),
            Self::Messages(_) | Self::Responses(_) | Self::Cohere(_) => None,
        }
    }

    /// Returns whether the event holds usage and nothing else. What is no JSON says nothing.
    fn read(&mut self, data: &[u8], is_error: bool, sink: &mut dyn FnMut(StreamEvent<'_>)) -> bool {
        match self {
            Self::Chat(reader) => return reader.read_event(data, is_error, sink),
            Self::Messages(reader) => reader.read_event(data, sink),
            Self::Responses(reader) => reader.read_event(data, sink),
            Self::Cohere(reader) => reader.read_event(data, sink),
            Self::Gemini(reader) => reader.read(data, sink),
        };
        false
    }

    fn end(&mut self, sink: &mut dyn FnMut(StreamEvent<'_>)) {
        match self {
            Self::Chat(reader) => reader.end(sink),
            Self::Messages(reader) => reader.end(sink),
            Self::Responses(reader) => reader.end(sink),
            Self::Cohere(reader) => reader.end(sink),
            Self::Gemini(reader) => reader.end(sink),
        }
    }
}
