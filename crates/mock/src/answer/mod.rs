//! From a scenario and a request to what is sent, and when: pure, no clock and no socket.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use crate::ordered::object;
use crate::reading::{Api, Ask, Target};
use crate::scenario::{Fault, Scenario};

mod chat;
mod cohere;
mod errors;
mod faults;
mod files;
mod gemini;
mod listing;
mod media;
mod messages;
mod pace;
mod reply;
mod responses;
#[cfg(test)]
mod tests;

pub(crate) use files::Shelf;
use reply::{Event, Reply};

const JSON: &str = "application/json";
const EVENTS: &str = "text/event-stream; charset=utf-8";

/// A chunk of the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// Since the one before was due.
    pub(crate) wait: Duration,
    pub(crate) bytes: Bytes,
    /// Whether it holds an event with content; never in a plain answer, which is content as a whole.
    pub(crate) content: bool,
}

/// What follows the last chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Complete,
    /// The body breaks off.
    Cut,
    /// The connection is reset.
    Reset,
    /// Nothing.
    Hang,
}

/// A response, ready to send.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// `None`: chunked.
    pub(crate) content_length: Option<usize>,
    pub(crate) chunks: Vec<Chunk>,
    pub(crate) end: End,
    /// Whether the moment of sending is written into each chunk.
    pub(crate) stamp: bool,
    /// Wait before the head, on top of the scenario's `head_delay_ms`.
    pub(crate) wait: Duration,
}

/// What a request comes to.
#[derive(Debug)]
pub(crate) enum Outcome {
    Answer(Answer),
    /// No head, ever.
    Hang,
    /// No answer; the connection is closed, or reset.
    Close {
        reset: bool,
    },
}

/// A request as the answer depends on it.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'a http::Method,
    pub(crate) target: &'a Target,
    pub(crate) headers: &'a HeaderMap,
    /// The error is what is wrong with the body.
    pub(crate) ask: Result<&'a Ask, &'a str>,
    pub(crate) body: &'a Bytes,
    /// What was uploaded before.
    pub(crate) shelf: &'a Shelf,
    /// The requests answered before this one.
    pub(crate) number: u64,
}

/// What `scenario` makes of `request`.
pub(crate) fn answer(scenario: &Scenario, request: &Request<'_>) -> Outcome {
    if let Some(problem) = scenario.problem() {
        return Outcome::Answer(request.refusal(StatusCode::BAD_REQUEST, Some(&problem)));
    }
    let mut answer = match answer_early(scenario, request) {
        Some(Outcome::Answer(answer)) => answer,
        Some(outcome) => return outcome,
        None => match request.problem() {
            Some((status, message)) => request.refusal(status, Some(&message)),
            None => answer_api(scenario, request),
        },
    };
    set_headers(&mut answer.headers, &scenario.headers);
    if let Some(Fault::BadContentType) = scenario.fault {
        answer.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html"));
    }
    Outcome::Answer(answer)
}

/// What does not depend on the body: the key, and the faults that leave no answer.
fn answer_early(scenario: &Scenario, request: &Request<'_>) -> Option<Outcome> {
    if let Some(key) = &scenario.expect_key
        && !request.keys().any(|sent| key.matches(sent))
    {
        return Some(Outcome::Answer(request.refusal(StatusCode::UNAUTHORIZED, None)));
    }
    match scenario.fault.as_ref()? {
        Fault::RefuseAfterAccept => Some(Outcome::Close { reset: false }),
        Fault::Reset => Some(Outcome::Close { reset: true }),
        Fault::HangHead => Some(Outcome::Hang),
        Fault::Status { code, body, headers } => {
            let status = StatusCode::from_u16(*code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let mut answer = match body {
                Some(body) => Answer::plain(status, Bytes::from(body.clone())),
                None => request.refusal(status, None),
            };
            set_headers(&mut answer.headers, headers);
            Some(Outcome::Answer(answer))
        }
        _ => None,
    }
}

/// `request.problem()` has been asked before, so that the body is good where it is needed.
fn answer_api(scenario: &Scenario, request: &Request<'_>) -> Answer {
    let nothing = Ask::default();
    let ask = request.ask.unwrap_or(&nothing);
    let api = request.target.api;
    let body = match api {
        Api::Models => listing::models(request.target.id.as_deref(), request.anthropic()),
        Api::Embeddings => listing::embeddings(scenario, ask),
        Api::CountTokens => object! { "input_tokens" => scenario.usage.map_or(0, |it| it.input) },
        Api::Rerank => media::ranking(scenario, ask),
        Api::Files | Api::File | Api::FileContent => return request.shelf.answer(request),
        Api::Images | Api::Speech | Api::Transcriptions => {
            let reply = Reply::new(scenario, ask, api, request.number);
            if ask.stream {
                return answer_stream(&reply, api);
            }
            let (content_type, bytes) = media::plain(&reply, api);
            return answer_bytes(scenario, request, bytes, content_type);
        }
        _ => {
            let mut reply = Reply::new(scenario, ask, api, request.number);
            reply.generate(match api {
                Api::Messages => messages::text_event_bytes(&reply),
                Api::Responses => responses::text_event_bytes(&reply),
                Api::Cohere => cohere::text_event_bytes(&reply),
                Api::Gemini => gemini::text_event_bytes(&reply),
                _ => chat::text_event_bytes(&reply),
            });
            if ask.stream {
                return answer_stream(&reply, api);
            }
            match api {
                Api::Messages => messages::plain(&reply),
                Api::Responses => responses::plain(&reply),
                Api::Cohere => cohere::plain(&reply),
                Api::Gemini => gemini::plain(&reply),
                _ => chat::plain(&reply),
            }
        }
    };
    answer_bytes(scenario, request, Bytes::from(body.text()), JSON)
}

fn answer_stream(reply: &Reply<'_>, api: Api) -> Answer {
    let mut events = match api {
        Api::Messages => messages::stream(reply),
        Api::Responses => responses::stream(reply),
        Api::Cohere => cohere::stream(reply),
        Api::Gemini => gemini::stream(reply),
        Api::Images | Api::Speech | Api::Transcriptions => media::stream(reply, api),
        _ => chat::stream(reply),
    };
    let end = faults::on_events(&mut events, reply, api);
    let chunks = pace::chunks(reply.scenario, events);
    let mut answer = Answer {
        chunks,
        end,
        stamp: reply.scenario.stamp,
        ..Answer::empty(StatusCode::OK, EVENTS)
    };
    answer.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    answer.headers.extend(request_id(api == Api::Messages, reply.number));
    faults::on_chunks(&mut answer, reply.scenario);
    answer
}

fn answer_bytes(
    scenario: &Scenario,
    request: &Request<'_>,
    body: Bytes,
    content_type: &'static str,
) -> Answer {
    if let Some(Fault::ErrorEventAfter(_)) = scenario.fault {
        let overloaded = if request.anthropic() { errors::OVERLOADED } else { 500 };
        let status = StatusCode::from_u16(overloaded).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        return request.refusal(status, None);
    }
    let mut answer = Answer::plain(StatusCode::OK, body);
    answer.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer.wait = Duration::from_millis(scenario.first_delay_ms);
    let number = if scenario.unique { request.number } else { 0 };
    answer.headers.extend(request_id(request.anthropic(), number));
    answer.chunks = pace::split(scenario, answer.chunks);
    faults::on_plain(&mut answer, scenario);
    faults::on_chunks(&mut answer, scenario);
    answer
}

fn request_id(anthropic: bool, number: u64) -> Option<(HeaderName, HeaderValue)> {
    let name = if anthropic { "request-id" } else { "x-request-id" };
    let value = HeaderValue::try_from(format!("req_mock{number:016}")).ok()?;
    Some((HeaderName::from_static(name), value))
}

/// The scenario was found good before: what is no header is left out.
fn set_headers(headers: &mut HeaderMap, add: &BTreeMap<String, String>) {
    for (name, value) in add {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.insert(name, value);
        }
    }
}

// === impl Answer ===

impl Answer {
    fn empty(status: StatusCode, content_type: &'static str) -> Self {
        let content_type = HeaderValue::from_static(content_type);
        Self {
            status,
            headers: HeaderMap::from_iter([(header::CONTENT_TYPE, content_type)]),
            content_length: None,
            chunks: Vec::new(),
            end: End::Complete,
            stamp: false,
            wait: Duration::ZERO,
        }
    }

    fn plain(status: StatusCode, bytes: Bytes) -> Self {
        let content_length = Some(bytes.len());
        let chunks = vec![Chunk { wait: Duration::ZERO, bytes, content: false }];
        Self { content_length, chunks, ..Self::empty(status, JSON) }
    }
}

// === impl Request ===

impl Request<'_> {
    /// An error in the dialect's envelope.
    pub(crate) fn refusal(&self, status: StatusCode, message: Option<&str>) -> Answer {
        let body = errors::envelope(self.anthropic(), status, message);
        let mut answer = Answer::plain(status, Bytes::from(body.text()));
        answer.headers.extend(request_id(self.anthropic(), 0));
        if status == StatusCode::METHOD_NOT_ALLOWED {
            let allow = HeaderValue::from_static(self.target.api.allow());
            answer.headers.insert(header::ALLOW, allow);
        }
        answer
    }

    fn anthropic(&self) -> bool {
        matches!(self.target.api, Api::Messages | Api::CountTokens)
            || self.headers.contains_key("anthropic-version")
    }

    /// Every key that came, whichever way.
    fn keys(&self) -> impl Iterator<Item = &[u8]> {
        let bearer = self.headers.get_all(header::AUTHORIZATION).iter();
        let bearer = bearer.filter_map(|value| value.as_bytes().strip_prefix(b"Bearer "));
        let named = ["x-api-key", "x-goog-api-key"].into_iter();
        let named = named.flat_map(|name| self.headers.get_all(name).iter());
        bearer.chain(named.map(HeaderValue::as_bytes))
    }

    /// Why the provider would not serve this.
    fn problem(&self) -> Option<(StatusCode, String)> {
        let api = self.target.api;
        if api == Api::Unknown {
            return Some((StatusCode::NOT_FOUND, "Unknown request URL.".to_owned()));
        }
        if !api.allow().split(", ").any(|allowed| allowed == self.method.as_str()) {
            let message = format!("Not allowed to {} here.", self.method);
            return Some((StatusCode::METHOD_NOT_ALLOWED, message));
        }
        match self.ask {
            _ if !api.names_model() => None,
            Err(problem) => Some((StatusCode::BAD_REQUEST, problem.to_owned())),
            Ok(ask) if ask.model.is_none() => {
                Some((StatusCode::BAD_REQUEST, "you must provide a model parameter".to_owned()))
            }
            Ok(_) => None,
        }
    }
}
