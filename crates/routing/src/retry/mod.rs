//! When a failed attempt may be followed by another, and how long to wait before it.

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::RETRY_AFTER;

#[cfg(test)]
mod tests;

/// The longest pause before a retry. A provider that asks for more is left at once.
pub const WAIT_MAX: Duration = Duration::from_secs(10);

/// When and how often a target is asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Retries of one target, after its first attempt.
    pub max_retries: u32,
    /// The upper bound of the first pause; doubled for each further one, up to [`WAIT_MAX`].
    pub backoff_base: Duration,
    /// Statuses after which another attempt makes sense.
    pub retryable_status: StatusSet,
}

/// A set of HTTP statuses from 100 to 599.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusSet([u64; 8]);

/// How an attempt failed, before any content reached the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What went wrong.
    pub kind: FailureKind,
    /// How long the provider asks us to stay away ([`parse_retry_after`]).
    pub retry_after: Option<Duration>,
}

/// What went wrong in an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// No connection: name not found, refused, TLS.
    Connect,
    /// A deadline passed before the first content.
    Timeout,
    /// The connection broke before the first content.
    Reset,
    /// A response with this status.
    Status(u16),
    /// An error event inside a response that began well.
    ErrorEvent,
    /// The credential couldn't be used: the target is left at once. Statuses 401 and 403 count as
    /// this by themselves.
    Credential,
    /// The target cannot express the request: it is left at once.
    Unsuited,
    /// Our own limit for the target has no room: it is left at once.
    Full,
    /// Nothing another attempt could mend, the client's leaving included.
    Final,
}

/// To whom a failure is booked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Blame {
    /// The target did not answer as it should.
    Target,
    /// The target's credential was refused, or has nothing left: the target of that credential is
    /// of no use, and no other.
    Credential,
    /// What was sent, or who sent it: says nothing about the target.
    Client,
}

// === impl RetryPolicy ===

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_retries: 2,
            backoff_base: Duration::from_millis(500),
            retryable_status: StatusSet::default(),
        }
    }
}

impl RetryPolicy {
    /// Whether, after this failure, the same target may be asked again.
    pub fn is_retryable(&self, failure: &Failure) -> bool {
        match failure.kind {
            FailureKind::Connect
            | FailureKind::Timeout
            | FailureKind::Reset
            | FailureKind::ErrorEvent => true,
            FailureKind::Status(status) => {
                !failure.is_about_credential() && self.retryable_status.contains(status)
            }
            FailureKind::Credential
            | FailureKind::Unsuited
            | FailureKind::Full
            | FailureKind::Final => false,
        }
    }

    /// The pause before retry number `retry` (from 0): full jitter over `base × 2^retry`.
    pub fn backoff(&self, retry: u32, random: f64) -> Duration {
        let factor = 1_u32.checked_shl(retry).unwrap_or(u32::MAX);
        let bound = self.backoff_base.saturating_mul(factor).min(WAIT_MAX);
        // A random number out of range, or NaN, gives a pause within bounds and never panics.
        Duration::try_from_secs_f64(bound.as_secs_f64() * random).unwrap_or_default().min(bound)
    }

    /// The pause before retry number `retry`, or `None` when the provider asks for more patience
    /// than [`WAIT_MAX`].
    pub(crate) fn wait(&self, failure: &Failure, retry: u32, random: f64) -> Option<Duration> {
        let backoff = self.backoff(retry, random);
        match failure.retry_after {
            Some(asked) if asked > WAIT_MAX => None,
            Some(asked) => Some(backoff.max(asked)),
            None => Some(backoff),
        }
    }
}

// === impl StatusSet ===

impl Default for StatusSet {
    /// 408, 409, 425, 429 and everything from 500.
    fn default() -> Self {
        [408, 409, 425, 429].into_iter().chain(500..=599).collect()
    }
}

impl StatusSet {
    /// The smallest status there is.
    pub const MIN: u16 = 100;
    /// The largest status there is.
    pub const MAX: u16 = 599;

    /// Whether the status is in the set.
    pub fn contains(&self, status: u16) -> bool {
        Self::position(status).is_some_and(|(word, bit)| self.0[word] & bit != 0)
    }

    /// The statuses in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = u16> + '_ {
        (Self::MIN..=Self::MAX).filter(|status| self.contains(*status))
    }

    fn position(status: u16) -> Option<(usize, u64)> {
        let offset = status.checked_sub(Self::MIN)?;
        (status <= Self::MAX).then_some((usize::from(offset / 64), 1 << (offset % 64)))
    }
}

impl FromIterator<u16> for StatusSet {
    /// Numbers that are no status are left out.
    fn from_iter<I: IntoIterator<Item = u16>>(statuses: I) -> Self {
        let mut set = Self([0; 8]);
        for (word, bit) in statuses.into_iter().filter_map(Self::position) {
            set.0[word] |= bit;
        }
        set
    }
}

// === impl Failure ===

impl Failure {
    /// A failure without a word on when to come back.
    pub const fn new(kind: FailureKind) -> Self {
        Self { kind, retry_after: None }
    }

    /// Whether the provider refused the credential: no pause will make it good.
    pub const fn is_about_credential(&self) -> bool {
        matches!(
            self.kind,
            FailureKind::Credential
                | FailureKind::Unsuited
                | FailureKind::Full
                | FailureKind::Status(401 | 403)
        )
    }

    /// To whom the failure is booked; `callers_key` where the caller brought the credential.
    pub const fn blame(&self, callers_key: bool) -> Blame {
        match self.kind {
            FailureKind::Connect
            | FailureKind::Timeout
            | FailureKind::Reset
            | FailureKind::ErrorEvent
            | FailureKind::Status(408 | 500..) => Blame::Target,
            FailureKind::Credential | FailureKind::Status(401 | 402 | 403 | 429) if callers_key => {
                Blame::Client
            }
            FailureKind::Credential | FailureKind::Status(401 | 402 | 403 | 429) => {
                Blame::Credential
            }
            FailureKind::Status(_)
            | FailureKind::Unsuited
            | FailureKind::Full
            | FailureKind::Final => Blame::Client,
        }
    }
}

impl From<FailureKind> for Failure {
    fn from(kind: FailureKind) -> Self {
        Self::new(kind)
    }
}

/// How long the provider asks us to stay away: `retry-after-ms`, else `retry-after` in seconds or
/// as an HTTP date. A date in the past is no wait at all; what cannot be read is ignored.
pub fn parse_retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    if let Some(wait) = headers.get("retry-after-ms").and_then(|value| number(value, 0.001)) {
        return Some(wait);
    }
    let value = headers.get(RETRY_AFTER)?;
    number(value, 1.0).or_else(|| {
        let date = httpdate::parse_http_date(value.to_str().ok()?.trim()).ok()?;
        Some(date.duration_since(now).unwrap_or_default())
    })
}

/// How long a provider's own words on its limits ask a caller to stay away that was refused for
/// one of them: `x-ratelimit-reset-requests` and `-tokens` (`6m0s`, `20ms`), where nothing remains of
/// the limit or nothing is said of that; the longest of them. To be asked where there is no
/// `Retry-After` ([`parse_retry_after`]).
pub fn parse_limit_reset(headers: &HeaderMap) -> Option<Duration> {
    let resets = ["requests", "tokens"].into_iter().filter_map(|limit| {
        let text = |what: &str| {
            headers.get(format!("x-ratelimit-{what}-{limit}"))?.to_str().ok().map(str::trim)
        };
        let used_up = text("remaining").is_none_or(|left| left == "0");
        text("reset").filter(|_| used_up).and_then(spoken_duration)
    });
    resets.max()
}

/// A duration as `1h2m3.5s` or `20ms`; a bare number is seconds.
fn spoken_duration(text: &str) -> Option<Duration> {
    let (mut rest, mut seconds) = (text, 0.0);
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (digits, unit) = rest.split_at(end);
        let unit_end = unit.find(|c: char| c.is_ascii_digit()).unwrap_or(unit.len());
        let (unit, next) = unit.split_at(unit_end);
        let unit_secs = match unit {
            "d" => 86_400.0,
            "h" => 3_600.0,
            "m" => 60.0,
            "s" | "" => 1.0,
            "ms" => 0.001,
            _ => return None,
        };
        seconds += digits.parse::<f64>().ok()? * unit_secs;
        rest = next;
    }
    Some(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
}

fn number(value: &http::HeaderValue, unit_secs: f64) -> Option<Duration> {
    let text = value.to_str().ok()?.trim();
    // Only digits and a point: `f64` would also read `inf`, `nan`, signs and exponents.
    if !text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    let seconds = text.parse::<f64>().ok()? * unit_secs;
    Some(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
}
