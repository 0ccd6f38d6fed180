//! Events to blocks: what a dialect with blocks needs to be told in order.
//!
//! Chat completions may send pieces of several tool calls in turns; the Messages and Responses APIs
//! open a block, fill it and close it before the next. [`Blocks`] keeps back what belongs to a later
//! block until the open one is over, so that indices have no gaps and blocks never overlap.

mod balance;

use std::collections::VecDeque;

use crate::event::{JsonStr, StreamEvent, Usage};

use super::finish::Finish;
use super::sealed::Sealed;
use balance::Balance;

#[cfg(test)]
mod tests;

/// The most that waits for an open block, in bytes.
pub(crate) const WAITING_BYTES_MAX: usize = 64 * 1024;

/// How much of the answer's id goes into the ids that are made: some APIs take 40 characters.
const MADE_ID_CHARS: usize = 24;

/// What a block that waits counts for, whatever it holds.
const WAITING_BLOCK_BYTES: usize = 64;

/// What a block holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Refusal,
    Reasoning,
    ToolCall { id: String, name: String },
}

/// What happens next in an answer with blocks.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step<'a> {
    /// The answer begins. Comes once, before any block.
    Begin { id: &'a str, model: &'a str, usage: Option<Usage> },
    /// A block opens; the index counts up from 0.
    Open { index: u32, kind: &'a Kind },
    /// More of the open block: text, or a piece of a call's arguments (JSON as text).
    Delta { index: u32, kind: &'a Kind, text: &'a str },
    /// The open block is reasoning, and this is what its provider wants back.
    Sealed { index: u32, sealed: &'a Sealed },
    /// The block is complete.
    Close { index: u32, kind: &'a Kind },
    /// The answer is complete. Comes once, last.
    End { finish: Finish, usage: Option<Usage> },
    /// The provider reports a failure, with its type or none (`""`); or, without a `kind`, we do.
    /// Comes once, last.
    Fail { kind: Option<&'a str>, message: &'a str },
}

/// Orders one answer's events. Only the first choice counts: a request for more is not translated.
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    /// Makes up for ids that the upstream does not give.
    request_id: String,
    id: String,
    model: String,
    usage: Option<Usage>,
    finish: Option<Finish>,
    begun: bool,
    over: bool,
    /// One more than the highest number of a call that was opened or waits.
    calls_opened: u32,
    next_index: u32,
    open: Option<Open>,
    waiting: VecDeque<Waiting>,
    waiting_bytes: usize,
}

#[derive(Debug)]
struct Open {
    index: u32,
    kind: Kind,
    call: Option<u32>,
    /// Whether the call's arguments are one whole JSON value.
    balance: Balance,
    /// The reader took the call for complete.
    ended: bool,
    /// Something was said of it.
    said: bool,
}

/// A block that has to wait for the open one.
#[derive(Debug)]
struct Waiting {
    kind: Kind,
    call: Option<u32>,
    text: String,
    sealed: Option<Sealed>,
    ended: bool,
}

/// Where steps go.
pub(crate) type Sink<'s> = &'s mut dyn FnMut(Step<'_>);

impl Blocks {
    /// For the answer to the request of this id.
    pub(crate) fn new(request_id: &str) -> Self {
        Self { request_id: request_id.to_owned(), ..Self::default() }
    }

    /// Takes the next event.
    pub(crate) fn on_event(&mut self, event: &StreamEvent<'_>, sink: Sink<'_>) {
        if self.over {
            return;
        }
        match *event {
            StreamEvent::Id(id) if self.id.is_empty() => self.id = id.decode().into_owned(),
            StreamEvent::Model(model) if !model.is_empty() && !self.begun => {
                self.model = model.decode().into_owned();
            }
            StreamEvent::Text { choice: 0, text } => self.text(Kind::Text, text, sink),
            StreamEvent::Refusal { choice: 0, text } => self.text(Kind::Refusal, text, sink),
            StreamEvent::Reasoning { choice: 0, text } => self.text(Kind::Reasoning, text, sink),
            StreamEvent::Opaque(opaque) if opaque.choice == 0 => {
                self.sealed(Sealed::of(&opaque), sink);
            }
            StreamEvent::ToolCallStart { call, id, name } => self.call(call, id, name, sink),
            StreamEvent::ToolCallArguments { call, fragment } => {
                self.arguments(call, &fragment.decode(), sink);
            }
            StreamEvent::ToolCallInput { call, json } => {
                self.arguments(call, &String::from_utf8_lossy(json), sink);
            }
            StreamEvent::ToolCallEnd { call } => self.call_ended(call, sink),
            StreamEvent::FinishReason { choice: 0, reason } => {
                self.finish = Some(Finish::read(&reason.decode()));
            }
            StreamEvent::Usage(usage) if !usage.is_empty() => {
                self.usage.get_or_insert_default().merge(&usage);
            }
            StreamEvent::Error { kind, message } => {
                let nothing = std::borrow::Cow::Borrowed("");
                let kind = kind.map_or(nothing.clone(), JsonStr::decode);
                let message = message.map_or(nothing, JsonStr::decode);
                self.over = true;
                sink(Step::Fail { kind: Some(&kind), message: &message });
            }
            // Told at once: some upstreams keep their connection open after their last word.
            StreamEvent::Done => self.complete(sink),
            _ => {}
        }
    }

    /// The response is over. `false`, with no step, if it broke off before its end.
    pub(crate) fn on_end(&mut self, sink: Sink<'_>) -> bool {
        if !self.over && self.finish.is_none() {
            return false;
        }
        self.complete(sink);
        true
    }

    /// Something else went wrong: the answer ends here, unless it has ended.
    pub(crate) fn fail(&mut self, message: &str, sink: Sink<'_>) {
        if !std::mem::replace(&mut self.over, true) {
            sink(Step::Fail { kind: None, message });
        }
    }

    fn complete(&mut self, sink: Sink<'_>) {
        if self.over {
            return;
        }
        self.begin(sink);
        self.close(sink);
        while let Some(waiting) = self.waiting.pop_front() {
            self.open_waiting(waiting, sink);
            self.close(sink);
        }
        self.over = true;
        let finish = self.finish.unwrap_or_default().with_calls(self.calls_opened > 0);
        sink(Step::End { finish, usage: self.usage });
    }

    fn begin(&mut self, sink: Sink<'_>) {
        if !std::mem::replace(&mut self.begun, true) {
            sink(Step::Begin { id: &self.id, model: &self.model, usage: self.usage });
        }
    }

    fn text(&mut self, kind: Kind, text: JsonStr<'_>, sink: Sink<'_>) {
        let text = text.decode();
        if self.call_is_open() {
            match self.waiting.back_mut().filter(|w| w.kind == kind && w.sealed.is_none()) {
                Some(last) => last.text.push_str(&text),
                None => {
                    self.wait(kind, None, &text, None);
                    self.waiting_bytes += WAITING_BLOCK_BYTES;
                }
            }
            self.waited(text.len(), sink);
            return;
        }
        if self.open.as_ref().is_none_or(|open| open.kind != kind) {
            self.close(sink);
            self.open(kind, None, sink);
        }
        self.delta(&text, sink);
    }

    fn sealed(&mut self, sealed: Sealed, sink: Sink<'_>) {
        if self.call_is_open() {
            let bytes = sealed.data.len();
            let last = self.waiting.back_mut();
            match last.filter(|w| sealed.signs && w.kind == Kind::Reasoning && w.sealed.is_none()) {
                Some(last) => last.sealed = Some(sealed),
                None => {
                    self.wait(Kind::Reasoning, None, "", Some(sealed));
                    self.waiting_bytes += WAITING_BLOCK_BYTES;
                }
            }
            self.waited(bytes, sink);
            return;
        }
        let continues =
            sealed.signs && self.open.as_ref().is_some_and(|open| open.kind == Kind::Reasoning);
        if !continues {
            self.close(sink);
            self.open(Kind::Reasoning, None, sink);
        }
        if let Some(open) = &self.open {
            sink(Step::Sealed { index: open.index, sealed: &sealed });
        }
        // What comes next belongs to another thought.
        self.close(sink);
    }

    fn call(&mut self, call: u32, id: JsonStr<'_>, name: JsonStr<'_>, sink: Sink<'_>) {
        let (id, name) = (id.decode().into_owned(), name.decode().into_owned());
        if let Some(waiting) = self.waiting.iter_mut().find(|w| w.call == Some(call)) {
            if let Kind::ToolCall { id: known_id, name: known_name } = &mut waiting.kind {
                fill(known_id, id);
                fill(known_name, name);
            }
            return;
        }
        // What comes late of a name: its block was opened and cannot be renamed.
        if call < self.calls_opened {
            return;
        }
        self.calls_opened = call + 1;
        let id = if id.is_empty() { made_call_id(&self.id, &self.request_id, call) } else { id };
        let kind = Kind::ToolCall { id, name };
        if self.call_is_open() {
            self.wait(kind, Some(call), "", None);
            self.waited(WAITING_BLOCK_BYTES, sink);
            return;
        }
        self.close(sink);
        self.open(kind, Some(call), sink);
    }

    fn arguments(&mut self, call: u32, text: &str, sink: Sink<'_>) {
        if let Some(open) = self.open.as_mut().filter(|open| open.call == Some(call)) {
            open.balance.feed(text);
            self.delta(text, sink);
            self.close_if_complete(sink);
        } else if let Some(waiting) = self.waiting.iter_mut().find(|w| w.call == Some(call)) {
            waiting.text.push_str(text);
            self.waited(text.len(), sink);
        } else if !text.trim().is_empty() {
            // Its block is closed.
            self.overlap(sink);
        }
    }

    fn call_ended(&mut self, call: u32, sink: Sink<'_>) {
        if let Some(open) = self.open.as_mut().filter(|open| open.call == Some(call)) {
            open.ended = true;
            self.close_if_complete(sink);
        } else if let Some(waiting) = self.waiting.iter_mut().find(|w| w.call == Some(call)) {
            waiting.ended = true;
        }
    }

    /// A call is over when its reader says so and its arguments are whole: where calls come in
    /// turns, the reader's word is a guess. What waited goes on, and what of it is not the last is
    /// over too, unless it is a call that may still go on.
    fn close_if_complete(&mut self, sink: Sink<'_>) {
        loop {
            let go_on = match &self.open {
                None => !self.waiting.is_empty(),
                Some(open) if open.call.is_none() => !self.waiting.is_empty(),
                Some(open) => open.ended && open.balance.is_whole(),
            };
            if !go_on {
                return;
            }
            self.close(sink);
            match self.waiting.pop_front() {
                Some(waiting) => self.open_waiting(waiting, sink),
                None => return,
            }
        }
    }

    fn open_waiting(&mut self, waiting: Waiting, sink: Sink<'_>) {
        let Waiting { kind, call, text, sealed, ended } = waiting;
        let sealed_bytes = sealed.as_ref().map_or(0, |sealed| sealed.data.len());
        let bytes = WAITING_BLOCK_BYTES + text.len() + sealed_bytes;
        self.waiting_bytes = self.waiting_bytes.saturating_sub(bytes);
        self.open(kind, call, sink);
        if let Some(open) = &mut self.open {
            open.balance.feed(&text);
            open.ended = ended;
        }
        self.delta(&text, sink);
        if let (Some(open), Some(sealed)) = (&self.open, &sealed) {
            sink(Step::Sealed { index: open.index, sealed });
            self.close(sink);
        }
    }

    fn open(&mut self, kind: Kind, call: Option<u32>, sink: Sink<'_>) {
        self.begin(sink);
        let index = self.next_index;
        self.next_index += 1;
        sink(Step::Open { index, kind: &kind });
        self.open = Some(Open {
            index,
            kind,
            call,
            balance: Balance::default(),
            ended: false,
            said: false,
        });
    }

    /// White space before a call's arguments is left out: alone, it would be no JSON.
    fn delta(&mut self, text: &str, sink: Sink<'_>) {
        let says = |open: &Open| match open.call {
            Some(_) if !open.said => !text.trim().is_empty(),
            _ => !text.is_empty(),
        };
        if let Some(open) = self.open.as_mut().filter(|open| says(open)) {
            open.said = true;
            sink(Step::Delta { index: open.index, kind: &open.kind, text });
        }
    }

    fn close(&mut self, sink: Sink<'_>) {
        if let Some(open) = self.open.take() {
            sink(Step::Close { index: open.index, kind: &open.kind });
        }
    }

    fn call_is_open(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.call.is_some())
    }

    fn wait(&mut self, kind: Kind, call: Option<u32>, text: &str, sealed: Option<Sealed>) {
        self.waiting.push_back(Waiting { kind, call, text: text.to_owned(), sealed, ended: false });
    }

    /// Counts what waits. Beyond the limit the reader's word that the open call is over has to do;
    /// without it the answer fails, since to go on would be to lose a part of it.
    fn waited(&mut self, bytes: usize, sink: Sink<'_>) {
        self.waiting_bytes += bytes;
        if self.waiting_bytes <= WAITING_BYTES_MAX {
            return;
        }
        if self.open.as_ref().is_some_and(|open| open.ended) {
            self.close(sink);
            self.close_if_complete(sink);
        } else {
            self.overlap(sink);
        }
    }

    fn overlap(&mut self, sink: Sink<'_>) {
        self.fail("the answer's tool calls overlap by more than can be held", sink);
    }
}

fn fill(known: &mut String, said: String) {
    if known.is_empty() {
        *known = said;
    }
}

/// The id of a call that its provider gives none, for the caller: one that no other call of the
/// conversation has, of characters and a length that every API takes. `response_id` may be empty.
pub fn made_call_id(response_id: &str, request_id: &str, call: u32) -> String {
    let unique = if response_id.is_empty() { request_id } else { response_id };
    let letters: Vec<char> = unique.chars().filter(char::is_ascii_alphanumeric).collect();
    let from = letters.len().saturating_sub(MADE_ID_CHARS);
    let letters: String = letters.get(from..).unwrap_or_default().iter().collect();
    format!("call_{letters}_{call}")
}
