//! Who calls: the key of ours that a request shows, wherever its SDK puts a key.
//!
//! A key of ours is known by its first letters. It is looked for in headers and in the query alone,
//! so that a stranger's body need not be read.

use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use tollgate_limits::{Patterns, Rule};

use super::Rejection;

#[cfg(test)]
mod tests;

/// Where a key of ours may stand beside the provider's.
pub const CALLER_KEY_HEADER: &str = "x-to11-authorization";
/// The same as a name that need not be parsed for each look.
static OWN_HEADER: HeaderName = HeaderName::from_static(CALLER_KEY_HEADER);
/// The project, where a key is for all of them.
static PROJECT_HEADER: HeaderName = HeaderName::from_static("x-to11-project-id");
/// How every key of ours begins.
const MARK: &str = "tg_";
/// Headers in which SDKs send the key that they were given.
static SDK_HEADERS: [HeaderName; 4] = [
    header::AUTHORIZATION,
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("api-key"),
    HeaderName::from_static("x-goog-api-key"),
];
/// The query parameter in which some SDKs do.
const SDK_PARAM: &str = "key";

/// Who makes a call, by the key that was shown. There is no such thing without a good key.
#[derive(Debug)]
pub struct Caller {
    /// The key's id; no secret.
    pub key_id: Arc<str>,
    /// What people call the key; may be empty.
    pub key_name: Arc<str>,
    /// The project that the call is made for.
    pub project: Option<Arc<str>>,
    /// What spans say besides: attributes with their values.
    pub metadata: Arc<[(Arc<str>, String)]>,
    /// The models that may be asked for; all where there is no list.
    pub models: Option<Patterns>,
    /// What the key's calls may use.
    pub rule: Option<Arc<Rule>>,
}

/// Why a key opens nothing, as far as its sender may know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyRefusal {
    /// It is unknown, mistyped, expired or revoked.
    NotValid,
    /// It is good for other things.
    NotForCalls,
    /// It is for another project than the request names.
    OtherProject,
    /// Nobody knows: keys cannot be read.
    Unavailable,
}

/// Knows keys. Asked for every request: does not wait.
pub trait Callers: fmt::Debug + Send + Sync {
    /// Whose key this is. `project` is what the request names.
    ///
    /// # Errors
    /// [`KeyRefusal`].
    fn identify(&self, key: &str, project: Option<&str>) -> Result<Arc<Caller>, KeyRefusal>;

    /// A request came without a key; `refused` where it needed one.
    fn anonymous(&self, refused: bool);
}

/// What is asked of callers.
#[derive(Clone, Debug)]
pub struct CallerKeys {
    /// Who knows the keys.
    pub callers: Arc<dyn Callers>,
    /// Whether a request without one is refused.
    pub required: bool,
}

/// Who a request is from, found before its body was read.
#[derive(Clone, Debug)]
pub struct Identity(pub Result<Option<Arc<Caller>>, Rejection>);

// === impl CallerKeys ===

impl CallerKeys {
    /// Whose request this is. `None` for one without a key, where none is needed.
    ///
    /// # Errors
    /// [`Rejection`]: no key, or not a good one.
    pub fn identify(
        &self,
        headers: &HeaderMap,
        query: Option<&str>,
    ) -> Result<Option<Arc<Caller>>, Rejection> {
        let key = match shown(headers, query) {
            Shown::Nothing if self.required => {
                self.callers.anonymous(true);
                return Err(Rejection::KeyMissing);
            }
            Shown::Nothing => {
                self.callers.anonymous(false);
                return Ok(None);
            }
            Shown::Key(key) => key,
            // It opens nothing, and is counted as what it is.
            Shown::Unreadable => "",
        };
        let project = headers.get(&PROJECT_HEADER).and_then(|value| value.to_str().ok());
        let project = project.map(str::trim).filter(|project| !project.is_empty());
        let caller = self.callers.identify(key, project);
        caller.map(Some).map_err(|refusal| match refusal {
            KeyRefusal::NotValid => Rejection::KeyNotValid,
            KeyRefusal::NotForCalls => Rejection::KeyNotForCalls,
            KeyRefusal::OtherProject => Rejection::OtherProject,
            KeyRefusal::Unavailable => Rejection::KeysUnavailable,
        })
    }
}

// === impl Caller ===

impl Caller {
    /// Whether a model may be asked for by one of these names: the one that was written, and that of the
    /// route or function it leads to.
    pub fn may_ask_for(&self, mut names: impl Iterator<Item = impl AsRef<str>>) -> bool {
        let Some(models) = &self.models else { return true };
        names.any(|name| models.matches(name.as_ref()))
    }
}

enum Shown<'a> {
    Nothing,
    Key(&'a str),
    /// There is something where only a key of ours can be, and it is none.
    Unreadable,
}

/// The key of ours that a request shows. What stands in our own header is one; elsewhere it is if it looks
/// like one.
fn shown<'a>(headers: &'a HeaderMap, query: Option<&'a str>) -> Shown<'a> {
    let mut own = headers.get_all(&OWN_HEADER).iter();
    match (own.next(), own.next()) {
        (Some(value), None) => return key_in(value).map_or(Shown::Unreadable, Shown::Key),
        // Of two it cannot be told which one is meant.
        (Some(_), Some(_)) => return Shown::Unreadable,
        (None, _) => {}
    }
    let values = SDK_HEADERS.iter().flat_map(|name| headers.get_all(name));
    let in_query = || query.unwrap_or_default().split('&').find_map(key_in_param);
    values
        .filter_map(key_in)
        .find(|key| is_ours(key))
        .or_else(in_query)
        .map_or(Shown::Nothing, Shown::Key)
}

/// Whether a credential is a key of ours, good or bad.
pub fn is_ours(credential: &str) -> bool {
    credential.starts_with(MARK)
}

/// Whether a header of this value holds a key of ours.
pub fn holds_ours(value: &HeaderValue) -> bool {
    let text = value.as_bytes().trim_ascii();
    let key = match memchr::memchr(b' ', text).map(|at| text.split_at(at)) {
        Some((scheme, key)) if scheme.eq_ignore_ascii_case(b"bearer") => key.trim_ascii(),
        Some(_) => return false,
        None => text,
    };
    // Whether it can be read at all is asked last: of most the first letters tell.
    key.starts_with(MARK.as_bytes()) && value.to_str().is_ok()
}

/// Whether a query parameter, as written, holds a key of ours.
pub fn param_is_ours(pair: &str) -> bool {
    pair.split_once('=').is_some_and(|(_, value)| is_ours(value))
}

/// Takes every key of ours out of the headers in which SDKs send keys.
pub fn remove_ours(headers: &mut HeaderMap) {
    // One look at each header that is there: most have one of these names, or none.
    let mut holding = [false; SDK_HEADERS.len()];
    let mut has_own = false;
    for (name, value) in headers.iter() {
        has_own |= *name == OWN_HEADER;
        let known = SDK_HEADERS.iter().zip(&mut holding).find(|(sdk, _)| *sdk == name);
        if let Some((_, holds)) = known {
            *holds |= holds_ours(value);
        }
    }
    for (name, _) in SDK_HEADERS.iter().zip(holding).filter(|(_, holds)| *holds) {
        headers.remove(name);
    }
    if has_own {
        headers.remove(&OWN_HEADER);
    }
}

/// Whether a request brings a credential of another kind.
pub(super) fn brings_other(headers: &HeaderMap, query: Option<&str>) -> bool {
    let values = SDK_HEADERS.iter().flat_map(|name| headers.get_all(name));
    let other = |value: &HeaderValue| !holds_ours(value);
    let mut pairs = query.unwrap_or_default().split('&');
    { values }.any(other)
        || pairs.any(|pair| {
            pair.split_once('=').is_some_and(|(name, key)| name == SDK_PARAM && !is_ours(key))
        })
}

/// Behind `Bearer`, or alone.
fn key_in(value: &HeaderValue) -> Option<&str> {
    // It is ASCII: there is no other blank.
    let text = value.to_str().ok()?.trim_ascii();
    let blank = text.bytes().position(|byte| byte == b' ').map(|at| text.split_at(at));
    let key = match blank {
        Some((scheme, key)) if scheme.eq_ignore_ascii_case("bearer") => key.trim_ascii(),
        Some(_) => return None,
        None => text,
    };
    Some(key)
}

fn key_in_param(pair: &str) -> Option<&str> {
    let (name, key) = pair.split_once('=')?;
    (name == SDK_PARAM && is_ours(key)).then_some(key)
}
