//! Whose request it is, for routes that send the same subject to the same arm.

use http::HeaderMap;
use tollgate_filters::request::Context;
use tollgate_routing::{StickyBy, Subject};

/// The subject of a request whose body names this user; none where the request does not name it.
pub(crate) fn of(
    by: &StickyBy,
    headers: &HeaderMap,
    user: Option<&str>,
    context: &Context,
) -> Option<Subject> {
    let value = match by {
        StickyBy::User => context.user_id.as_deref().or(user).map(str::as_bytes),
        StickyBy::Session => context.session_id.as_ref().map(String::as_bytes),
        StickyBy::Conversation => context.conversation_id.as_ref().map(String::as_bytes),
        StickyBy::Header(name) => headers.get(name).map(|value| value.as_bytes().trim_ascii()),
    };
    value.filter(|value| !value.is_empty()).map(Subject::of)
}
