//! The head of an answer.

#[cfg(test)]
mod tests;

use bytes::Bytes;
use http::header::{CONNECTION, TRANSFER_ENCODING};
use http::{HeaderMap, StatusCode, Version};
use httparse::{EMPTY_HEADER, ParserConfig, Response, Status};
use pingora_http::{ResponseHeader, header_value_from_raw};

use crate::{Framing, Malformed};

/// The longest head that is read, in bytes.
pub const HEAD_BYTES_MAX: usize = 64 * 1024;
/// The most fields of one head.
pub const FIELDS_MAX: usize = 256;
/// What nearly every head has room in.
const FIELDS_USUAL: usize = 48;

/// The head of an answer, and what it says of what follows.
#[derive(Debug)]
pub struct Head {
    /// Status and fields, as they were sent but for `content-length`: one at most, and none beside a
    /// transfer encoding.
    pub header: Box<ResponseHeader>,
    /// Its length in bytes, with the empty line.
    pub bytes: usize,
    /// What follows.
    pub framing: Framing,
    /// The connection may take another request behind this answer.
    pub keeps: bool,
}

/// Reads a head that `buffer` begins with; `None` where it has not ended yet.
///
/// # Errors
/// It is none, or is longer than [`HEAD_BYTES_MAX`] or [`FIELDS_MAX`].
pub fn parse(buffer: &Bytes) -> Result<Option<Head>, Malformed> {
    let mut fields = [EMPTY_HEADER; FIELDS_USUAL];
    match parse_with(buffer, &mut fields) {
        Err(Malformed::Head(httparse::Error::TooManyHeaders)) => {
            parse_with(buffer, &mut [EMPTY_HEADER; FIELDS_MAX])
        }
        parsed => parsed,
    }
}

fn parse_with<'b>(
    buffer: &'b Bytes,
    fields: &mut [httparse::Header<'b>],
) -> Result<Option<Head>, Malformed> {
    let mut response = Response::new(fields);
    let mut config = ParserConfig::default();
    config.allow_spaces_after_header_name_in_responses(true);
    config.allow_obsolete_multiline_headers_in_responses(true);
    let parsed = config.parse_response(&mut response, buffer).map_err(Malformed::Head)?;
    match parsed {
        Status::Partial if buffer.len() >= HEAD_BYTES_MAX => Err(Malformed::HeadTooLong),
        Status::Partial => Ok(None),
        Status::Complete(bytes) if bytes > HEAD_BYTES_MAX => Err(Malformed::HeadTooLong),
        Status::Complete(bytes) => {
            let mut header = header(buffer, &response)?;
            let framing = Framing::of(&mut header)?;
            let keeps = framing != Framing::UntilClose && keeps(&header);
            Ok(Some(Head { header: Box::new(header), bytes, framing, keeps }))
        }
    }
}

/// Names and values stay where they are.
fn header(buffer: &Bytes, response: &Response<'_, '_>) -> Result<ResponseHeader, Malformed> {
    let code = response.code.ok_or(Malformed::Field)?;
    let mut header =
        ResponseHeader::build(code, Some(response.headers.len())).map_err(|_| Malformed::Field)?;
    let is_old = response.version == Some(0);
    header.set_version(if is_old { Version::HTTP_10 } else { Version::HTTP_11 });
    header.set_reason_phrase(response.reason).map_err(|_| Malformed::Field)?;
    for field in response.headers.iter() {
        let name = buffer.slice_ref(field.name.as_bytes());
        let value = header_value_from_raw(buffer.slice_ref(field.value));
        header.append_header(name, value).map_err(|_| Malformed::Field)?;
    }
    Ok(header)
}

/// RFC 9112, sections 6.1 and 9.3.
fn keeps(header: &ResponseHeader) -> bool {
    if header.status == StatusCode::SWITCHING_PROTOCOLS {
        return false;
    }
    let says = |option| says(&header.headers, option);
    match header.version {
        Version::HTTP_11 => !says("close"),
        _ => {
            says("keep-alive") && !says("close") && !header.headers.contains_key(TRANSFER_ENCODING)
        }
    }
}

fn says(headers: &HeaderMap, option: &str) -> bool {
    let options = headers.get_all(CONNECTION).iter();
    let mut options = options.flat_map(|field| field.as_bytes().split(|byte| *byte == b','));
    options.any(|it| it.trim_ascii().eq_ignore_ascii_case(option.as_bytes()))
}
