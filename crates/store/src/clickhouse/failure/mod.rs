//! What ClickHouse says when it does not do what it was asked, and whether asking again may help.

use http::StatusCode;
use serde::Deserialize;

use crate::StoreError;

/// The longest part of a message that is passed on, in bytes.
const REASON_BYTES_MAX: usize = 1_000;
/// `TIMEOUT_EXCEEDED`: a query took longer than `max_execution_time`.
pub(super) const TIMEOUT_EXCEEDED: u32 = 159;
/// `AUTHENTICATION_FAILED`.
pub(super) const AUTHENTICATION_FAILED: u32 = 516;
/// Codes of `src/Common/ErrorCodes.cpp` that pass: want of memory, disk, threads or replicas, too
/// many parts or queries, networks, quotas by the hour, a server that stops or starts.
const PASSING: [u32; 27] = [
    TIMEOUT_EXCEEDED,
    198,  // DNS_ERROR
    201,  // QUOTA_EXCEEDED
    202,  // TOO_MANY_SIMULTANEOUS_QUERIES
    203,  // NO_FREE_CONNECTION
    209,  // SOCKET_TIMEOUT
    210,  // NETWORK_ERROR
    225,  // NO_ZOOKEEPER
    236,  // ABORTED
    241,  // MEMORY_LIMIT_EXCEEDED
    242,  // TABLE_IS_READ_ONLY: a replica without its keeper
    243,  // NOT_ENOUGH_SPACE
    252,  // TOO_MANY_PARTS
    279,  // ALL_CONNECTION_TRIES_FAILED
    285,  // TOO_FEW_LIVE_REPLICAS
    286,  // UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE
    319,  // UNKNOWN_STATUS_OF_INSERT
    394,  // QUERY_WAS_CANCELLED
    425,  // SYSTEM_ERROR
    439,  // CANNOT_SCHEDULE_TASK
    473,  // DEADLOCK_AVOIDED
    499,  // S3_ERROR
    745,  // SERVER_OVERLOADED
    999,  // KEEPER_EXCEPTION
    1000, // POCO_EXCEPTION
    1001, // STD_EXCEPTION
    1002, // UNKNOWN_EXCEPTION
];

/// An exception in the answer's own format, as servers from 23.9 to 25 write it by default.
#[derive(Deserialize)]
struct InJson {
    exception: String,
}

/// The error for an answer other than 200.
///
/// `code` is the header `X-ClickHouse-Exception-Code`; whoever stands in between has none.
pub(super) fn refused(status: StatusCode, code: Option<u32>, body: &[u8]) -> StoreError {
    let body = serde_json::from_slice(body)
        .map(|InJson { exception }| exception)
        .unwrap_or_else(|_| String::from_utf8_lossy(body).into_owned());
    match code.or_else(|| code_in(&body)) {
        Some(code) => StoreError::Refused {
            what: format!("code {code}"),
            code: Some(code),
            reason: reason(&body),
            retryable: PASSING.contains(&code),
        },
        None => StoreError::Refused {
            what: format!("HTTP {}", status.as_u16()),
            code: None,
            reason: reason(&body),
            retryable: status.is_server_error()
                || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT),
        },
    }
}

/// The number of `Code: 60. DB::Exception: ...`.
fn code_in(body: &str) -> Option<u32> {
    let (_, rest) = body.split_once("Code: ")?;
    let end = rest.find(|letter: char| !letter.is_ascii_digit())?;
    rest.get(..end)?.parse().ok()
}

/// The message without what the error says anyway, nor the server's version.
fn reason(body: &str) -> String {
    let mut text = body.trim();
    while text.starts_with("Code: ")
        && let Some((_, rest)) = text.split_once("DB::Exception: ")
    {
        text = rest.trim();
    }
    let text = text.rsplit_once(" (version ").map_or(text, |(text, _)| text).trim_end();
    if text.len() <= REASON_BYTES_MAX {
        return text.to_owned();
    }
    format!("{}...", text.get(..text.floor_char_boundary(REASON_BYTES_MAX)).unwrap_or_default())
}

#[cfg(test)]
mod tests;
