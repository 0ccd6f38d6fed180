//! A stream of any dialect: bytes in any split, events out.

use crate::anthropic::MessagesReader;
use crate::event::StreamEvent;
use crate::openai::chat::ChatReader;
use crate::openai::responses::ResponsesReader;
use crate::provider::Dialect;
use crate::sse::SseDecoder;

/// Reads one streamed response in place.
///
/// Invariant: any split of the input gives the same events, but for the offsets in
/// [`StreamEvent::Boundary`].
#[derive(Debug)]
pub struct StreamReader {
    decoder: SseDecoder,
    reader: Reader,
}

#[derive(Debug)]
enum Reader {
    Chat(ChatReader),
    Messages(MessagesReader),
    Responses(ResponsesReader),
}

// === impl StreamReader ===

impl StreamReader {
    /// At the beginning of a response in `dialect`.
    pub fn new(dialect: Dialect) -> Self {
        let reader = match dialect {
            Dialect::Chat => Reader::Chat(ChatReader::default()),
            Dialect::Messages => Reader::Messages(MessagesReader::default()),
            Dialect::Responses => Reader::Responses(ResponsesReader::default()),
        };
        Self { decoder: SseDecoder::new(), reader }
    }

    /// Reads the next bytes.
    pub fn feed(&mut self, chunk: &[u8], sink: &mut dyn FnMut(StreamEvent<'_>)) {
        let Self { decoder, reader } = self;
        decoder.feed(chunk, &mut |event| {
            let usage_only = reader.read(event.data, event.is_error, sink);
            sink(StreamEvent::Boundary { end: event.end, usage_only });
        });
    }

    /// The response is over: what is unfinished counts as it is.
    pub fn finish(&mut self, sink: &mut dyn FnMut(StreamEvent<'_>)) {
        let Self { decoder, reader } = self;
        decoder.finish(&mut |event| {
            let usage_only = reader.read(event.data, event.is_error, sink);
            sink(StreamEvent::Boundary { end: event.end, usage_only });
        });
        reader.end(sink);
    }

    /// Whether an event was too long to be read whole: what is known of the response is partial.
    pub const fn lost(&self) -> bool {
        self.decoder.lost()
    }
}

// === impl Reader ===

impl Reader {
    /// Returns whether the event holds usage and nothing else. What is no JSON says nothing.
    fn read(&mut self, data: &[u8], is_error: bool, sink: &mut dyn FnMut(StreamEvent<'_>)) -> bool {
        match self {
            Self::Chat(reader) => return reader.read_event(data, is_error, sink),
            Self::Messages(reader) => reader.read_event(data, sink),
            Self::Responses(reader) => reader.read_event(data, sink),
        };
        false
    }

    fn end(&mut self, sink: &mut dyn FnMut(StreamEvent<'_>)) {
        match self {
            Self::Chat(reader) => reader.end(sink),
            Self::Messages(reader) => reader.end(sink),
            Self::Responses(reader) => reader.end(sink),
        }
    }
}
