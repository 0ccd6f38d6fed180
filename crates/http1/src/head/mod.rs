//! The head of an answer.

#[cfg(test)]
mod tests;

use bytes::Bytes;
use http::{StatusCode, Version};
use httparse::{EMPTY_HEADER, ParserConfig, Response, Status};

use crate::{Framing, Malformed};

/// The longest head that is read, in bytes.
pub const HEAD_BYTES_MAX: usize = 64 * 1024;
/// The most fields of one head.
pub const FIELDS_MAX: usize = 256;
/// What nearly every head has room in.
const FIELDS_USUAL: usize = 48;

/// The head of an answer, and what it says of what follows.
#[derive(Clone, Debug)]
pub struct Head {
    /// 1.0 or 1.1.
    pub version: Version,
    /// The status.
    pub status: StatusCode,
    /// The words behind it.
    pub reason: String,
    /// The fields, as they were sent but for `content-length`: one at most, and none beside a
    /// transfer encoding.
    pub fields: Fields,
    /// Its length in bytes, with the empty line.
    pub bytes: usize,
    /// What follows.
    pub framing: Framing,
    /// The connection may take another request behind this answer.
    pub keeps: bool,
}

/// Fields in their order, names and values as bytes of the head: a value that goes on in a further
/// line still has the line's end in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields(Vec<(Bytes, Bytes)>);

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
    match config.parse_response(&mut response, buffer).map_err(Malformed::Head)? {
        Status::Partial if buffer.len() >= HEAD_BYTES_MAX => Err(Malformed::HeadTooLong),
        Status::Partial => Ok(None),
        Status::Complete(bytes) if bytes > HEAD_BYTES_MAX => Err(Malformed::HeadTooLong),
        Status::Complete(bytes) => head(buffer, &response, bytes).map(Some),
    }
}

fn head(buffer: &Bytes, response: &Response<'_, '_>, bytes: usize) -> Result<Head, Malformed> {
    let code = response.code.unwrap_or_default();
    let status = StatusCode::from_u16(code).map_err(|_| Malformed::Status)?;
    let is_old = response.version == Some(0);
    let version = if is_old { Version::HTTP_10 } else { Version::HTTP_11 };
    let mut fields = Fields(Vec::with_capacity(response.headers.len()));
    for field in response.headers.iter() {
        // They stay where they are.
        fields.add(buffer.slice_ref(field.name.as_bytes()), buffer.slice_ref(field.value));
    }
    let framing = Framing::of(status, &mut fields)?;
    let keeps = framing != Framing::UntilClose
        && status != StatusCode::SWITCHING_PROTOCOLS
        && keeps(version, &fields);
    let reason = response.reason.unwrap_or_default().to_owned();
    Ok(Head { version, status, reason, fields, bytes, framing, keeps })
}

/// RFC 9112, sections 6.1 and 9.3.
fn keeps(version: Version, fields: &Fields) -> bool {
    let says = |option: &[u8]| {
        fields.members("connection").any(|member| member.eq_ignore_ascii_case(option))
    };
    let is_old = version == Version::HTTP_10;
    !says(b"close") && !(is_old && (!says(b"keep-alive") || fields.has("transfer-encoding")))
}

// === impl Fields ===

impl Fields {
    /// Names and values, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &(Bytes, Bytes)> {
        self.0.iter()
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The values of one name.
    pub fn values<'f>(&'f self, name: &str) -> impl Iterator<Item = &'f Bytes> {
        self.0.iter().filter(move |(known, _)| is(known, name)).map(|(_, value)| value)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.values(name).next().is_some()
    }

    /// The members of all lists of one name.
    pub(crate) fn members<'f>(&'f self, name: &str) -> impl Iterator<Item = &'f [u8]> {
        let lists = self.values(name);
        lists.flat_map(|list| list.split(|byte| *byte == b',').map(<[u8]>::trim_ascii))
    }

    pub(crate) fn add(&mut self, name: Bytes, value: Bytes) {
        self.0.push((name, value));
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.0.retain(|(known, _)| !is(known, name));
    }
}

fn is(known: &[u8], name: &str) -> bool {
    known.eq_ignore_ascii_case(name.as_bytes())
}

impl IntoIterator for Fields {
    type Item = (Bytes, Bytes);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
