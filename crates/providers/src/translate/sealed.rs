//! Reasoning that only its provider can read, on its way through a caller that speaks another
//! dialect: kept whole, so that the provider gets it back with the next request.
//!
//! The Messages API has one field for it (`signature`), the Responses API another
//! (`encrypted_content`). What did not come from there is written into that field with a tag in
//! front, which says who can read it.

use crate::event::Opaque;

/// Before what came from another dialect.
const TAG: &str = "to11";

/// Opaque reasoning, owned; see [`Opaque`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sealed {
    pub(crate) format: String,
    pub(crate) signs: bool,
    pub(crate) id: String,
    pub(crate) data: String,
}

impl Sealed {
    /// Of an event.
    pub(crate) fn of(opaque: &Opaque<'_>) -> Self {
        Self {
            format: opaque.format.decode().into_owned(),
            signs: opaque.signs,
            id: opaque.id.decode().into_owned(),
            data: opaque.data.decode().into_owned(),
        }
    }

    /// Whether `format` can be read where it goes.
    pub(crate) fn is(&self, format: &str) -> bool {
        self.format == format
    }

    /// As one string, for a field of another dialect.
    pub(crate) fn to_tagged(&self) -> String {
        let Self { format, signs, id, data } = self;
        let kind = if *signs { 's' } else { 'e' };
        // Lengths in front, since an id may hold any character.
        format!("{TAG}:{kind}:{}:{}:{format}{id}{data}", format.len(), id.len())
    }

    /// Reads what [`Sealed::to_tagged`] wrote; `None` for anything else.
    pub(crate) fn from_tagged(text: &str) -> Option<Self> {
        let mut fields = text.strip_prefix(TAG)?.strip_prefix(':')?.splitn(4, ':');
        let signs = match fields.next()? {
            "s" => true,
            "e" => false,
            _ => return None,
        };
        let (format, id) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        let (format, rest) = fields.next()?.split_at_checked(format)?;
        let (id, data) = rest.split_at_checked(id)?;
        Some(Self { format: format.into(), signs, id: id.into(), data: data.into() })
    }
}
