//! What goes wrong once a head has been promised.

use std::time::Duration;

use bytes::Bytes;

use crate::answer::reply::Reply;
use crate::answer::{Answer, Chunk, End, Event, errors, pace, responses};
use crate::reading::Api;
use crate::scenario::{Fault, Scenario};

/// Neither JSON nor events nor UTF-8.
const GARBAGE: &[u8] = b"<html>\x00\xff\xfe data: {\"id\": [not json\n\ndata: {{{\n\n\xc3\x28";

/// Shortens a stream where its fault says; how it ends then.
pub(crate) fn on_events(events: &mut Vec<Event>, reply: &Reply<'_>, api: Api) -> End {
    match &reply.scenario.fault {
        Some(Fault::Stall { after_events }) => {
            events.truncate(*after_events);
            End::Hang
        }
        Some(Fault::CutAfterEvents(after)) => {
            events.truncate(*after);
            End::Cut
        }
        Some(Fault::ResetAfterEvents(after)) => {
            events.truncate(*after);
            End::Reset
        }
        Some(Fault::ErrorEventAfter(after)) => {
            events.truncate(*after);
            if api == Api::Responses {
                events.extend(responses::failed(reply, events.len()));
            } else {
                let (name, error) = errors::stream_event(api);
                let error = error.text();
                let event = name.map(|name| Event::named(name, &error, false));
                events.push(event.unwrap_or_else(|| Event::data(&error, false)));
            }
            End::Complete
        }
        _ => End::Complete,
    }
}

/// The same for an answer in one piece: half of it counts as "after so many events".
pub(crate) fn on_plain(answer: &mut Answer, scenario: &Scenario) {
    let end = match &scenario.fault {
        Some(Fault::Stall { .. }) => End::Hang,
        Some(Fault::CutAfterEvents(_)) => End::Cut,
        Some(Fault::ResetAfterEvents(_)) => End::Reset,
        _ => return,
    };
    let half = pace::body_bytes(&answer.chunks) / 2;
    pace::truncate(&mut answer.chunks, half);
    answer.end = end;
}

/// The faults that look at bytes, not at events.
pub(crate) fn on_chunks(answer: &mut Answer, scenario: &Scenario) {
    match &scenario.fault {
        Some(Fault::CutAfterBytes(after)) => {
            pace::truncate(&mut answer.chunks, *after);
            answer.end = End::Cut;
        }
        Some(Fault::Garbage) => {
            let bytes = Bytes::from_static(GARBAGE);
            answer.content_length = answer.content_length.map(|_| bytes.len());
            answer.chunks = vec![Chunk { wait: Duration::ZERO, bytes, content: false }];
        }
        Some(Fault::SlowBytes { bytes, gap_ms }) => {
            let gap = Duration::from_millis(*gap_ms);
            answer.chunks = pace::dribble(&answer.chunks, *bytes, gap);
        }
        Some(Fault::Truncated) => {
            let all = pace::body_bytes(&answer.chunks);
            answer.content_length = Some(all);
            pace::truncate(&mut answer.chunks, all / 2);
            answer.end = End::Cut;
        }
        _ => {}
    }
}
