//! The boundary, from the content type.

use super::FormError;
use super::head::parameters;

/// The longest boundary (RFC 2046, 5.1.1).
const BOUNDARY_BYTES_MAX: usize = 70;

/// The boundary that a content type names.
pub(super) fn of(content_type: &str) -> Result<String, FormError> {
    let (kind, rest) = content_type.split_once(';').ok_or_else(|| {
        if is_form(content_type) { FormError::NoBoundary } else { FormError::NotForm }
    })?;
    if !is_form(kind) {
        return Err(FormError::NotForm);
    }
    let parameters = parameters(rest.as_bytes()).ok_or(FormError::NoBoundary)?;
    let mut named = parameters.into_iter().filter(|(name, _)| name == "boundary");
    let (Some((_, boundary)), None) = (named.next(), named.next()) else {
        return Err(FormError::NoBoundary);
    };
    if !(1..=BOUNDARY_BYTES_MAX).contains(&boundary.len())
        || !boundary.iter().copied().all(is_allowed)
        || boundary.ends_with(b" ")
    {
        return Err(FormError::BadBoundary);
    }
    String::from_utf8(boundary).map_err(|_| FormError::BadBoundary)
}

fn is_form(kind: &str) -> bool {
    kind.trim_matches([' ', '\t']).eq_ignore_ascii_case("multipart/form-data")
}

/// `bchars` of RFC 2046.
const fn is_allowed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'\''
                | b'('
                | b')'
                | b'+'
                | b'_'
                | b','
                | b'-'
                | b'.'
                | b'/'
                | b':'
                | b'='
                | b'?'
                | b' '
        )
}
