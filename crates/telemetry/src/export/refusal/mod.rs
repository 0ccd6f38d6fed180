//! What an OTLP backend's answer means for a batch: try again, or give it up.
//!
//! By the OTLP specification, "Failures" of OTLP/gRPC and OTLP/HTTP.

use std::error::Error as _;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode, header};
use prost::Message;
use tonic::{Code, Status};

use super::ExportError;

#[cfg(test)]
mod tests;

/// The type of the detail that tells when to come back.
const RETRY_INFO: &str = "type.googleapis.com/google.rpc.RetryInfo";
/// The longest text of an answer that is repeated, in characters.
const ANSWER_CHARS_MAX: usize = 200;

/// `google.rpc.Status`, as far as it is needed.
#[derive(Clone, PartialEq, Message)]
struct RpcStatus {
    #[prost(message, repeated, tag = "3")]
    details: Vec<Detail>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, Message)]
struct Detail {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// `google.rpc.RetryInfo`.
#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<Delay>,
}

/// `google.protobuf.Duration`.
#[derive(Clone, PartialEq, Message)]
struct Delay {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

/// A gRPC status. One that has a source was made here, of a connection that failed.
pub(super) fn of_status(status: &Status) -> ExportError {
    let message = format!("{:?}: {}", status.code(), brief(status.message()));
    let after = retry_delay(status.details());
    let again = match status.code() {
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss => true,
        // Exhausted for good, unless the backend says when to come back.
        Code::ResourceExhausted => after.is_some(),
        _ => false,
    };
    if again || status.source().is_some() {
        ExportError::Unavailable { message, after }
    } else {
        ExportError::Refused { message }
    }
}

/// The head of an HTTP answer that is no success.
pub(super) fn of_answer(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> ExportError {
    let text = brief(&String::from_utf8_lossy(body));
    let message = format!("{status}: {text}");
    let again = matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    );
    if again {
        ExportError::Unavailable { message, after: retry_after(headers) }
    } else {
        ExportError::Refused { message }
    }
}

fn retry_delay(details: &[u8]) -> Option<Duration> {
    let status = RpcStatus::decode(details).ok()?;
    let detail = status.details.iter().find(|detail| detail.type_url == RETRY_INFO)?;
    let delay = RetryInfo::decode(&*detail.value).ok()?.retry_delay.unwrap_or_default();
    let seconds = u64::try_from(delay.seconds).ok()?;
    Some(Duration::new(seconds, u32::try_from(delay.nanos).unwrap_or(0).min(999_999_999)))
}

/// RFC 9110, section 10.2.3: seconds, or a date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    if let Ok(seconds) = value.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

/// Printable, and not longer than a line of a log.
fn brief(text: &str) -> String {
    let legible = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    legible.take(ANSWER_CHARS_MAX).collect::<String>().trim().to_owned()
}
